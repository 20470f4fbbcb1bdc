#!/bin/sh
# Written by wharf client-config. Writes the files below; one that is there already and says something else is left alone.
set -eu
status=0

put() {
  if [ ! -e "$1" ]; then
    mkdir -p -- "$(dirname -- "$1")"
    cat >"$1"
  elif [ "$(cat)" != "$(cat -- "$1")" ]; then
    printf '%s is there already and was left as it is\n' "$1" >&2
    status=1
  fi
}

put kind.yaml <<'END_OF_FILE'
# Written by wharf client-config kind.
# When no mirror has an image or answers, containerd asks the registry itself.
# To apply: kind create cluster --config kind.yaml; a cluster that is there already is not changed
# by it.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
  - |
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "/etc/containerd/certs.d"
nodes:
  - role: control-plane
    extraMounts:
      - hostPath: ./certs.d
        containerPath: /etc/containerd/certs.d
        readOnly: true
END_OF_FILE

put certs.d/docker.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config kind.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://registry-1.docker.io"

[host."https://near.example.com"]
  capabilities = ["pull", "resolve"]

[host."https://far.example.com"]
  capabilities = ["pull", "resolve"]
END_OF_FILE

put certs.d/ghcr.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config kind.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://ghcr.io"

[host."https://near.example.com/v2/ghcr.io"]
  capabilities = ["pull", "resolve"]
  override_path = true

[host."https://far.example.com/v2/ghcr.io"]
  capabilities = ["pull", "resolve"]
  override_path = true
END_OF_FILE

put certs.d/registry.k8s.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config kind.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://registry.k8s.io"

[host."https://near.example.com/v2/registry.k8s.io"]
  capabilities = ["pull", "resolve"]
  override_path = true

[host."https://far.example.com/v2/registry.k8s.io"]
  capabilities = ["pull", "resolve"]
  override_path = true
END_OF_FILE

put certs.d/_default/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config kind.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# image's own registry.
# This file is for registries that have none of their own.
# Nothing has to be restarted: it is read at each pull.

[host."https://near.example.com"]
  capabilities = ["pull", "resolve"]

[host."https://far.example.com"]
  capabilities = ["pull", "resolve"]
END_OF_FILE

exit "$status"
