#!/usr/bin/env bash
# A Docker Engine that answers. One which is there is used as it is; otherwise Debian's docker.io is installed and started.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

# Where the engine started here writes its own log, when no service manager keeps it.
readonly LOG=/var/log/spyhop-dockerd.log
# A first start creates its storage and bridge; ten seconds were the most seen.
readonly PATIENCE_S=60

answers() { docker version >/dev/null 2>&1; }

# The reasons for silence which installing or starting something would not cure.
explain_silence() {
    if [[ -n ${DOCKER_HOST:-} ]]; then
        die "no engine answers at DOCKER_HOST=$DOCKER_HOST" "start it, or unset DOCKER_HOST to use this machine's own"
    fi
    if [[ -S /var/run/docker.sock && ! -w /var/run/docker.sock ]]; then
        die "the engine's socket is there, and you may not use it" \
            "join its group, then log in again: sudo usermod -aG $(stat -c %G /var/run/docker.sock) $(id -un)"
    fi
}

install_missing() {
    if ! have dockerd && ! [[ -x /usr/sbin/dockerd ]]; then
        local packages=(docker.io)
        # With AppArmor in the kernel and its parser missing, the engine refuses to start any container.
        if grep -qs Y /sys/module/apparmor/parameters/enabled; then packages+=(apparmor); fi
        apt_install "${packages[@]}"
    fi
    # Newer Debian releases ship the command apart from the engine.
    if ! have docker; then apt_install docker-cli; fi
}

start() {
    if [[ -d /run/systemd/system ]]; then
        say "starting docker.service"
        quietly as_root systemctl start docker || die "docker.service did not start" "see: journalctl -u docker"
    else
        say "starting dockerd, log in $LOG"
        # A session of its own: it outlives this terminal, and Ctrl-C in a later `make run` does not reach it.
        as_root sh -c "exec setsid dockerd >>'$LOG' 2>&1 </dev/null &"
    fi
    if ! wait_for "$PATIENCE_S" test -S /var/run/docker.sock; then
        die "dockerd did not open its socket within $PATIENCE_S s" "see $LOG or journalctl -u docker"
    fi
}

if have docker && answers; then exit 0; fi
if have docker; then explain_silence; fi
install_missing
# Installing the package starts the engine where a service manager runs.
if ! answers; then
    explain_silence
    start
    explain_silence
fi
wait_for "$PATIENCE_S" answers || die "the engine does not answer within $PATIENCE_S s" "$(docker version 2>&1 | tail -n 1)" "see $LOG"
say "engine $(docker version --format '{{.Server.Version}}, API {{.Server.APIVersion}}') answers"
