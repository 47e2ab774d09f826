#!/usr/bin/env bash
# A browser for the page, and what drives it in agent/tests/page_browser: Chromium of this machine's own release, puppeteer-core and axe-core
# from npm by the lock file in compose/lab/browser, into $SPYHOP_CACHE/browser.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

readonly INTO="$SPYHOP_CACHE/browser"
readonly LOCK="$here/browser/package-lock.json"

have chromium || apt_install chromium
have npm || die "npm is missing" "install Node.js 20 or newer to have the page tested in a browser"

# The lock file is the last thing that is put there: a set-up that broke off, or one by another lock, is made again.
if ! cmp -s "$LOCK" "$INTO/made-with"; then
    say "fetching what drives the browser, once"
    rm -rf "$INTO"
    mkdir -p "$INTO"
    cp "$here/browser/package.json" "$LOCK" "$INTO"
    # Nothing of a package is run to install it.
    quietly npm ci --prefix "$INTO" --ignore-scripts --no-audit --no-fund --silent || die "npm cannot fetch what drives the browser"
    cp "$LOCK" "$INTO/made-with"
fi
