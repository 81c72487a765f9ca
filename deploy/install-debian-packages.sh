#!/usr/bin/env bash
# What `make deploy-test` needs beyond Python packages: installed where root may, else named.
set -euo pipefail

# Program that it brings, and the package.
wanted=(
  promtool:prometheus
  podman:podman
  runc:runc
  /usr/lib/podman/netavark:netavark
  /usr/lib/podman/aardvark-dns:aardvark-dns
  iptables:iptables
  debootstrap:debootstrap
  kubectl:kubernetes-client
)

missing=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
  echo "make deploy-test needs the Debian packages: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
