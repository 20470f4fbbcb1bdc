#!/bin/sh
# Written by wharf client-config minikube.
# When no mirror answers, the node goes to Docker Hub by itself.
# Mirrors are for a new profile only: run minikube delete first, if there is one. Further flags are
# passed on.
set -eu
exec minikube start \
  --registry-mirror=http://10.0.0.5:5000 \
  "$@"
