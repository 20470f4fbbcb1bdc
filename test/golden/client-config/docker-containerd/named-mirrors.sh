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

put /etc/docker/certs.d/docker.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config docker-containerd.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://registry-1.docker.io"

[host."https://mirror.example.com"]
  capabilities = ["pull", "resolve"]
END_OF_FILE

put /etc/docker/certs.d/ghcr.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config docker-containerd.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://ghcr.io"

[host."https://mirror.example.com/v2/ghcr.io"]
  capabilities = ["pull", "resolve"]
  override_path = true

[host."https://ghcr.example.org"]
  capabilities = ["pull", "resolve"]
END_OF_FILE

put /etc/docker/certs.d/registry.k8s.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config docker-containerd.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://registry.k8s.io"

[host."https://mirror.example.com/v2/registry.k8s.io"]
  capabilities = ["pull", "resolve"]
  override_path = true
END_OF_FILE

put /etc/docker/certs.d/nvcr.io/hosts.toml <<'END_OF_FILE'
# Written by wharf client-config docker-containerd.
# Hosts are asked from the first to the last; what none of them has, or answers to, is asked of the
# server named below.
# Nothing has to be restarted: it is read at each pull.

server = "https://nvcr.io"

[host."https://big.example.org/v2/nvcr.io"]
  capabilities = ["pull", "resolve"]
  override_path = true
END_OF_FILE

exit "$status"
