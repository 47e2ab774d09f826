#!/usr/bin/env bash
# Both lines of Prometheus which the tests scrape with, each with its promtool:
# $SPYHOP_CACHE/bin/{prometheus,promtool}-{2,3}.
#
# They are unpacked, not installed: Debian's package would also start a server on port 9090 of a developer's machine, now and
# at every boot. A matching program which the machine already has is used as it is.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"
# shellcheck source=compose/lab/archive.sh
source "$here/archive.sh"

readonly BIN="$SPYHOP_CACHE/bin"

# The major version a program says it has; nothing when it does not run.
major() { "$1" --version 2>&1 | sed -n 's/.*version \([0-9]*\)\..*/\1/p' | head -n 1; }

# line MAJOR RELEASE PACKAGE...: puts prometheus and promtool of that major version into place.
line() {
    local wanted="$1" release="$2" into="$SPYHOP_CACHE/debian/$2/prometheus" name program
    shift 2
    for name in prometheus promtool; do
        if [[ -x $BIN/$name-$wanted && $(major "$BIN/$name-$wanted") == "$wanted" ]]; then continue; fi
        program="$(command -v "$name" || true)"
        if [[ -z $program || $(major "$program") != "$wanted" ]]; then
            unpack "$release" "$into" "$@"
            program="$into/usr/bin/$name"
        fi
        if [[ $(major "$program") != "$wanted" ]]; then
            die "$name of Debian $release is not a $wanted.x that runs here" "$("$program" --version 2>&1 | head -n 1)" \
                "to fetch it again: rm -r '$into' '$SPYHOP_CACHE/apt/$release'"
        fi
        ln -sfn "$program" "$BIN/$name-$wanted"
    done
}

mkdir -p "$BIN"
line 2 bookworm prometheus
line 3 forky prometheus promtool
