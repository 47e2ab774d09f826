#!/usr/bin/env bash
# Compose v2 as `docker compose`. Debian 12 has none; the one of a newer release needs nothing but its C library.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"
# shellcheck source=compose/lab/archive.sh
source "$here/archive.sh"

readonly RELEASE=forky
readonly INTO="$SPYHOP_CACHE/debian/$RELEASE/docker-compose"
readonly PLUGINS="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"

if docker compose version >/dev/null 2>&1; then exit 0; fi
have docker || die "the docker command is missing" "run ${here##*/}/engine.sh first"

unpack "$RELEASE" "$INTO" docker-compose
program="$INTO/usr/libexec/docker/cli-plugins/docker-compose"
if ! version="$("$program" docker-cli-plugin-metadata 2>&1)"; then
    die "docker-compose of Debian $RELEASE does not run here" "$(head -n 1 <<<"$version")" \
        "install Compose v2 another way, so that 'docker compose version' answers"
fi
mkdir -p "$PLUGINS"
ln -sfn "$program" "$PLUGINS/docker-compose"
docker compose version >/dev/null || die "docker does not find its Compose plug-in in $PLUGINS"
say "$(docker compose version)"
