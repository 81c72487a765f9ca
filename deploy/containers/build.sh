#!/usr/bin/env bash
# Builds images here: build.sh ROLE..., of platform, stylize, stylize-cuda, kafka (platform first, for
# stylize and kafka stand on it). The tag is $REGISTRY/ROLE, localhost/stylecast/ROLE by default.
#   BASE      an image with Python; without, Debian's by debootstrap (which needs root)
#   PIP_CONF  pip's configuration in the build; without, this machine's pip fetches all wheels first
#   PYTHON    whose pip that is: of the same version as the one in BASE
#   CACHE     where base and wheels are kept
set -euo pipefail
cd "$(dirname "$0")/../.."
registry=${REGISTRY:-localhost/stylecast}
python=${PYTHON:-python3}
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stylecast/containers}
base=${BASE:-localhost/stylecast/base:bookworm}
mkdir -p "$cache"

make_base() {
  local tar=$cache/bookworm.tar folder
  if [ ! -e "$tar" ]; then
    folder=$(mktemp -d "$cache/base.XXXX")
    debootstrap --variant=minbase --include=python3,python3-venv,libgomp1,ca-certificates \
      bookworm "$folder" >&2
    rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
    tar -C "$folder" -cf "$tar.part" . && mv "$tar.part" "$tar"
    rm -rf "$folder"
  fi
  podman import --quiet "$tar" "$base" >&2
}

# Wheels of everything that the roles need, named by what is asked for: $1 are further packages.
make_wheels() {
  local key folder
  key=$({ cat pyproject.toml constraints.txt; "$python" -V; echo "$@"; } | sha256sum | cut -c1-16)
  folder=$cache/wheels-$key
  if [ ! -e "$folder/pip.conf" ]; then
    find "$cache" -maxdepth 1 -name 'wheels-*' -mtime +1 -exec rm -rf {} +
    "$python" -m pip wheel --quiet --wheel-dir "$folder" --constraint constraints.txt '.[cpu,local]' hatchling "$@" >&2
    rm -f "$folder"/stylecast-*.whl
    printf '[global]\nno-index = true\nfind-links = /wheels\n' > "$folder/pip.conf"
  fi
  echo "$folder"
}

# Kafka's jars, checked, in one folder.
make_jars() {
  rm -rf "$cache/jars" && mkdir "$cache/jars"
  "$python" -c 'import sys; from workers.broker.java import kafka_jars; print(*kafka_jars(), sep="\n")' \
    | xargs -d '\n' cp -t "$cache/jars"
  echo "$cache/jars"
}

[ $# -gt 0 ] || { sed -n '2,8s/^# //p' "$0" >&2; exit 2; }
[ -n "${BASE:-}" ] || podman image exists "$base" || make_base
options=(--build-arg "BASE=$base" --build-arg "PLATFORM=$registry/platform")
options+=(--build-arg "PACKAGES=${PACKAGES:-}")
if [ -z "${PIP_CONF:-}" ]; then
  extra=()
  [[ " $* " == *" stylize-cuda "* ]] && extra=('onnxruntime-gpu[cuda,cudnn]')
  wheels=$(make_wheels ${extra[@]+"${extra[@]}"} ${PACKAGES:-})
  options+=(--volume "$wheels:/wheels:ro")
fi
options+=(--secret "id=pip.conf,src=${PIP_CONF:-$wheels/pip.conf}")
for role in "$@"; do
  more=()
  [ "$role" = kafka ] && more=(--volume "$(make_jars):/jars:ro")
  podman build --file "deploy/containers/$role.containerfile" --tag "$registry/$role" \
    "${options[@]}" ${more[@]+"${more[@]}"} .
done
