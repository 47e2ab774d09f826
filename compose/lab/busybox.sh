#!/usr/bin/env bash
# A static busybox for test containers which need a shell: $SPYHOP_CACHE/bin/busybox. Unpacked, so no root is needed.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"
# shellcheck source=compose/lab/archive.sh
source "$here/archive.sh"

readonly RELEASE=bookworm
readonly INTO="$SPYHOP_CACHE/debian/$RELEASE/busybox-static"

if [[ -x $SPYHOP_CACHE/bin/busybox ]]; then exit 0; fi
mkdir -p "$SPYHOP_CACHE/bin"
unpack "$RELEASE" "$INTO" busybox-static
program="$INTO/bin/busybox"
"$program" true || die "busybox of Debian $RELEASE does not run here"
ln -sfn "$program" "$SPYHOP_CACHE/bin/busybox"
