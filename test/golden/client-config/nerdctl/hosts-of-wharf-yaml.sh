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

put /etc/containerd/certs.d/docker.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config nerdctl.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://registry-1.docker.io"

[host."https://docker.mirror.example"]
  capabilities = ["pull", "resolve"]
END_OF_FILE

put /etc/containerd/certs.d/ghcr.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config nerdctl.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://ghcr.io"

[host."https://mirror.example.com/v2/gh"]
  capabilities = ["pull", "resolve"]
  override_path = true
END_OF_FILE

put /etc/containerd/certs.d/registry.k8s.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config nerdctl.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://registry.k8s.io"

[host."https://mirror.example.com:5003"]
  capabilities = ["pull", "resolve"]
END_OF_FILE

put /etc/containerd/certs.d/reg.corp.example:5000/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config nerdctl.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "http://reg.corp.example:5000"

[host."https://mirror.example.com"]
  capabilities = ["pull", "resolve"]
END_OF_FILE

put /etc/containerd/certs.d/_default/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config nerdctl.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# image's own registry.
# This file is for registries that have none of their own.
# Nothing has to be restarted: it is read at each pull.

[host."https://mirror.example.com"]
  capabilities = ["pull", "resolve"]
END_OF_FILE

exit "$status"
