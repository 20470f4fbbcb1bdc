#!/bin/sh
# Written by wharf client-config minikube.
# When no mirror answers, the node goes to Docker Hub by itself.
# Mirrors are for a new profile only: run minikube delete first, if there is one. Further flags are
# passed on.
set -eu
mkdir -p "$HOME/.minikube/certs"
cp -- '/home/ada/it'\''s mine.pem' "$HOME/.minikube/certs/wharf-ca.pem"
exec minikube start \
  --registry-mirror=https://mirror.example.com \
  --embed-certs \
  "$@"
