#!/usr/bin/env bash
# The OpenTelemetry SDKs of Python and JavaScript, whose exporters are peers of the agent's receiver in agent/tests/otlp_sdks:
# $SPYHOP_CACHE/sdks/{python,node}. From the languages' own registries, by name and version, into folders of their own.
#
# One that cannot be had is told and does not keep the other away; its tests then say that they had nothing to do.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

readonly INTO="$SPYHOP_CACHE/sdks"

readonly PYTHON=(
    opentelemetry-sdk==1.45.2
    opentelemetry-exporter-otlp-proto-grpc==1.45.2
    opentelemetry-exporter-otlp-proto-http==1.45.2
)
# The last that run on Node.js 20: from 0.300 on they want 22.
readonly NODE=(
    @opentelemetry/api@1.9.1
    @opentelemetry/sdk-trace-node@2.12.0
    @opentelemetry/exporter-trace-otlp-grpc@0.223.0
    @opentelemetry/exporter-trace-otlp-http@0.223.0
    @opentelemetry/exporter-trace-otlp-proto@0.223.0
)

# What a folder was made with, the last thing that is written into it: a set-up that broke off is made again.
made() { [[ -f $1/made-with && $(<"$1/made-with") == "$2" ]]; }

python() {
    local folder="$INTO/python"
    if made "$folder" "${PYTHON[*]}"; then return; fi
    have python3 || die "python3 is missing" "install it to have the Python SDK tested"
    say "fetching the Python SDK, once"
    rm -rf "$folder"
    quietly python3 -m venv "$folder" || die "python3 cannot make a virtual environment" "on Debian: apt-get install python3-venv"
    quietly "$folder/bin/pip" install --quiet --disable-pip-version-check "${PYTHON[@]}" || die "pip cannot fetch the Python SDK"
    printf '%s' "${PYTHON[*]}" >"$folder/made-with"
}

node() {
    local folder="$INTO/node"
    if made "$folder" "${NODE[*]}"; then return; fi
    have npm || die "npm is missing" "install Node.js 20 or newer to have the JavaScript SDK tested"
    say "fetching the JavaScript SDK, once"
    rm -rf "$folder"
    mkdir -p "$folder"
    # Nothing of a package is run to install it.
    quietly npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent "${NODE[@]}" ||
        die "npm cannot fetch the JavaScript SDK"
    printf '%s' "${NODE[*]}" >"$folder/made-with"
}

status=0
(python) || status=1
(node) || status=1
exit "$status"
