#!/usr/bin/env bash
# image.sh PROGRAM TAG: an image from a static program built on this machine, with no registry asked for anything.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

program="$1"
tag="$2"
name="${program##*/}"
root="$(cd "$here/../.." && pwd)"
case "$name" in
spyhop) dockerfile=compose/Dockerfile ;;
spyhop-demo) dockerfile=compose/demo/Dockerfile ;;
*) die "no Dockerfile for $name" ;;
esac

mkdir -p "$root/dist/state"
install -d -m 0775 "$root/dist/run/spyhop"
# Symbols are for debuggers on this machine. Renamed into place, so that a build which runs beside never sees half of it.
strip -o "$root/dist/.$name" "$program"
mv "$root/dist/.$name" "$root/dist/$name"

# The classic builder: it needs no plug-in, and stops at the stage it is asked for.
DOCKER_BUILDKIT=0 quietly docker build --target prebuilt --file "$root/$dockerfile" --tag "$tag" "$root" ||
    die "could not build the image $tag" "see the lines above"
say "image $tag, $(docker image inspect --format '{{.Size}}' "$tag" | awk '{ printf "%.1f MB", $1 / 1e6 }')"
