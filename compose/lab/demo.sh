#!/usr/bin/env bash
# demo.sh up|down: the containers of compose/demo.yml; without Compose the most telling of them, with the same labels.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

readonly PROJECT=spyhop-demo
readonly FILE="$here/../demo.yml"

has_compose() { docker compose version >/dev/null 2>&1; }

# plain SERVICE [DOCKER OPTION...] [-- DEMO OPTION...]
plain() {
    local service="$1" options=()
    shift
    while (($# > 0)) && [[ $1 != -- ]]; do options+=("$1") && shift; done
    if (($# > 0)); then shift; fi
    docker run --detach --name "$PROJECT-$service-1" \
        --label com.docker.compose.project="$PROJECT" --label com.docker.compose.service="$service" \
        --label com.docker.compose.container-number=1 "${options[@]}" spyhop-demo:latest --name "$service" "$@" >/dev/null
}

up() {
    if has_compose; then
        quietly docker compose --file "$FILE" up --detach --remove-orphans || die "compose/demo.yml did not start" "see the lines above"
    else
        say "no Compose here: starting the main containers one by one"
        down
        plain shop --publish "127.0.0.1:${DEMO_PORT:-18080}:8080" --memory 64m --cpus 0.5 -- --latency 5ms..40ms --log-rate 2
        plain catalogue --memory 64m -- --memory-mib 40
        plain payments -- --health fail
        plain mailer --restart always --no-healthcheck -- --exit-after 5s --exit-code 1
        plain report --no-healthcheck -- --exit-after 1s
    fi
    cat <<TEXT

  The demo runs as project $PROJECT. Seen from outside: curl http://127.0.0.1:${DEMO_PORT:-18080}/

    shop        calls catalogue and payments; half a core and 64 MiB at most
    catalogue   uses most of the memory it may have
    payments    is unhealthy: its health check fails
    mailer      ends with code 1 every few seconds and is restarted
    report      has done its work and ended with 0: completed, not down

  What spyhop makes of it (make run, in another terminal):

    curl -s http://127.0.0.1:9477/metrics | grep -E 'spyhop_container_(health_)?state.*$PROJECT.* 1$'

  To remove it: make demo-down.

TEXT
}

# By label, so that it removes what either way of starting has left.
down() {
    local label="label=com.docker.compose.project=$PROJECT" ids
    if has_compose; then
        quietly docker compose --file "$FILE" down --remove-orphans --timeout 3 || die "could not remove the demo" "see the lines above"
    fi
    mapfile -t ids < <(docker ps --all --quiet --filter "$label")
    if ((${#ids[@]} > 0)); then docker rm --force "${ids[@]}" >/dev/null; fi
}

have docker || die "the docker command is missing" "make engine"
case "${1:-}" in
up) up ;;
down) down ;;
*) die "usage: demo.sh up|down" ;;
esac
