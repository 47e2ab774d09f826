#!/usr/bin/env bash
# The Alertmanager which the tests send alerts to, with its amtool: $SPYHOP_CACHE/bin/{alertmanager,amtool}.
#
# Unpacked, not installed, as prometheus.sh has it. One version: what is used here (matchers, inhibition, webhooks) has been the same
# since 0.22, and 0.25 of Debian 12 brings no program that newer releases lack.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"
# shellcheck source=compose/lab/archive.sh
source "$here/archive.sh"

readonly BIN="$SPYHOP_CACHE/bin"
readonly RELEASE=forky
readonly INTO="$SPYHOP_CACHE/debian/$RELEASE/alertmanager"

# Debian's server reads its templates from /usr/share, where nothing of it is installed. It gets a view of its own on that folder, with
# them added: a read-only overlay in a mount namespace which ends with it. unshare and sh replace themselves, so that whoever starts this
# has the server as child.
wrapper() {
    cat <<WRAPPER
#!/bin/sh
if [ "\$(id -u)" = 0 ]; then map=; else map=--map-root-user; fi
exec unshare --mount \$map sh -c 'mount -t overlay overlay -o "lowerdir=\$0:/usr/share" /usr/share && exec "\$@"' \\
    '$INTO/usr/share' '$INTO/usr/bin/prometheus-alertmanager' "\$@"
WRAPPER
}

mkdir -p "$BIN"
if [[ -x $BIN/alertmanager && -x $BIN/amtool ]]; then exit 0; fi
unpack "$RELEASE" "$INTO" prometheus-alertmanager
ln -sfn "$INTO/usr/bin/amtool" "$BIN/amtool"
wrapper >"$BIN/.alertmanager"
chmod +x "$BIN/.alertmanager"
mv "$BIN/.alertmanager" "$BIN/alertmanager"
for name in alertmanager amtool; do
    "$BIN/$name" --version >/dev/null 2>&1 ||
        die "$name of Debian $RELEASE does not run here" "to fetch it again: rm -r '$INTO' '$BIN/$name' '$SPYHOP_CACHE/apt/$RELEASE'"
done
