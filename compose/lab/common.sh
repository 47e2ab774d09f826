# shellcheck shell=bash
# What the lab's set-up scripts share. Sourced, never run; the sourcing script has set `set -euo pipefail`.
#
# Every script is idempotent and says nothing when there is nothing to do. Whatever is fetched goes into one cache folder
# outside the clone, so that a second clone finds it there.

SPYHOP_CACHE="${SPYHOP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/spyhop}"

# Progress goes to standard error: standard output belongs to whoever asked a script for a value.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    printf '%s: error: %s\n' "${0##*/}" "$1" >&2
    shift
    if (($# > 0)); then printf '    %s\n' "$@" >&2; fi
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Ends with what to do by hand when COMMAND cannot be run as root from here.
need_root() {
    if ((EUID == 0)) || have sudo; then return; fi
    die "this needs root, and there is no sudo here" "run as root: ${*@Q}"
}

# Runs a command as root: directly, else through sudo.
as_root() {
    need_root "$@"
    if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}

# Runs a quiet command and shows what it said only when it failed.
quietly() {
    local output status=0
    output="$("$@" 2>&1)" || status=$?
    if ((status != 0)); then printf '%s\n' "$output" >&2; fi
    return "$status"
}

# Refreshes the package index. Unlike an installation, apt does not wait for this lock by itself.
apt_update() {
    local deadline=$((SECONDS + 120)) said
    until said="$(as_root env LC_ALL=C apt-get update -qq 2>&1)"; do
        if [[ $said != *"lock"* ]] || ((SECONDS >= deadline)); then
            printf '%s\n' "$said" >&2
            die "apt-get update failed" "see the lines above"
        fi
        sleep 2
    done
}

# Installs packages of this machine's own release. apt waits for a lock that somebody else holds instead of failing; the
# index is refreshed only when the packages are not known or cannot be fetched with the index at hand.
apt_install() {
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "$@")
    have apt-get || die "$* not here, and this is not a Debian-like machine (no apt-get)" "install it by hand, then run this again"
    need_root "${install[@]}"
    say "installing $*"
    as_root "${install[@]}" >/dev/null 2>&1 && return
    apt_update
    quietly as_root "${install[@]}" || die "could not install $*" "see the lines above"
}

# wait_for SECONDS COMMAND...: polls until the command succeeds; fails when the time is up.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then return 1; fi
        sleep 0.2
    done
}
