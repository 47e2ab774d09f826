#!/usr/bin/env bash
# stack.sh: images for compose/stack.yml out of Debian's programs, where no registry can be asked for the public ones:
# spyhop-lab/prometheus:1 and spyhop-lab/alertmanager:1. Programs, user and entry points are where the public images have them.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"
# shellcheck source=compose/lab/archive.sh
source "$here/archive.sh"

readonly DEBIAN="$SPYHOP_CACHE/debian"
# The number changes when an image has to be made again; agent/tests/stack.rs asks for them by these names.
readonly VERSION=1

# image NAME FOLDER SERVER TOOL: one server and its tool, with the C library they are linked with.
image() {
    local name="$1" folder="$2" server="$3" tool="$4" tag="spyhop-lab/$1:$VERSION" context
    if docker image inspect "$tag" >/dev/null 2>&1; then return; fi
    context="$(mktemp -d)"
    mkdir -p "$context"/{bin,lib64,lib,usr/share,data}
    install "$folder/usr/bin/$server" "$context/bin/$name"
    install "$folder/usr/bin/$tool" "$context/bin/$tool"
    install "$DEBIAN/bookworm/libc/lib64"/ld-linux-* "$context/lib64/"
    install "$DEBIAN"/bookworm/libc/lib/*-linux-gnu/lib{c,m,resolv,pthread}.so.* "$context/lib/"
    # Templates of the server, of which Debian has taken out of the program what can be a file.
    cp -r "$folder/usr/share/prometheus" "$context/usr/share/"
    say "building $tag"
    DOCKER_BUILDKIT=0 quietly docker build --quiet --file - --tag "$tag" "$context" <<DOCKERFILE || die "could not build the image $tag" "see the lines above"
FROM scratch
COPY . /
COPY --chown=65534:65534 data /$name
ENV PATH=/bin LD_LIBRARY_PATH=/lib
USER 65534
WORKDIR /$name
ENTRYPOINT ["/bin/$name"]
DOCKERFILE
    rm -r "$context"
}

"$here/prometheus.sh"
"$here/alertmanager.sh"
unpack bookworm "$DEBIAN/bookworm/libc" libc6
# The newer line, wherever prometheus.sh has it from.
image prometheus "$(dirname "$(dirname "$(dirname "$(readlink -f "$SPYHOP_CACHE/bin/prometheus-3")")")")" prometheus promtool
image alertmanager "$DEBIAN/forky/alertmanager" prometheus-alertmanager amtool
