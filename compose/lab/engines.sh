#!/usr/bin/env bash
# engines.sh list | up NAME | down NAME | address NAME: the engines of other releases, beside this machine's own.
#
# Each engine lives in a file tree of its own (a bootstrapped Debian release below $SPYHOP_CACHE/engines) and in mount and network
# namespaces of its own: a second engine in the machine's network namespace would take away the first one's bridge and rules.
# Process ids and cgroups are the machine's: an agent outside sees every container's /proc/<pid> and cgroup as the engine made them.
# Sockets are in a folder which trees and machine share: an agent without capabilities may not look through /proc/<pid of the engine>/root.
#
# `up` prints the value for DOCKER_HOST on standard output; it is idempotent. `down` ends the engine and its containers and leaves
# the tree for the next time.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"
# shellcheck source=compose/lab/archive.sh
source "$here/archive.sh"

readonly TREES="$SPYHOP_CACHE/engines"
# First start of an engine on a slow machine; ten seconds are usual.
readonly PATIENCE_S=90
# The ordinary user of a rootless engine, inside its tree.
readonly USER_ID=1000

# NAME RELEASE PROGRAM: docker-20.10 is this machine's own engine and has no tree.
engines() {
    cat <<TABLE
docker-20.10 - dockerd
docker-26.1 trixie dockerd
docker-28.5 forky dockerd
podman-4.3 bookworm podman
podman-5.8 forky podman
docker-26.1-rootless trixie-rootless rootless
TABLE
}

packages() {
    case "$1" in
    bookworm) echo podman,crun,catatonit,containernetworking-plugins,iptables ;;
    trixie) echo docker.io,docker-cli,iptables ;;
    trixie-rootless) echo docker.io,docker-cli,iptables,rootlesskit,slirp4netns,uidmap,iproute2 ;;
    forky) echo docker.io,docker-cli,iptables,podman,crun,catatonit,netavark,aardvark-dns ;;
    esac
}

release_of() { engines | awk -v name="$1" '$1 == name { print $2 }'; }
program_of() { engines | awk -v name="$1" '$1 == name { print $3 }'; }

# Path of an engine's socket inside its tree: in a folder of the machine's. The name is in it, for two engines may share a tree.
socket_of() { printf '/sockets/%s.sock' "$1"; }
pid_file() { printf '%s/%s.pid' "$TREES" "$1"; }
log_file() { printf '%s/%s.log' "$TREES" "$1"; }

# The engine's process, when it is that of the pid file: numbers are given away again.
pid_of() {
    local pid
    pid="$(cat "$(pid_file "$1")" 2>/dev/null)" || return 1
    [[ -d /proc/$pid && "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" == *"$(socket_of "$1")"* ]] && echo "$pid"
}

address() {
    if [[ $(release_of "$1") == - ]]; then echo "unix:///var/run/docker.sock" && return; fi
    pid_of "$1" >/dev/null || return 1
    printf 'unix://%s%s\n' "$TREES" "$(socket_of "$1")"
}

answers() {
    local host
    host="$(address "$1")" || return 1
    docker --host "$host" version >/dev/null 2>&1
}

# It answers, or has ended.
settled() { answers "$1" || [[ ! -d /proc/$(cat "$(pid_file "$1")") ]]; }

# Where the file tree of a release is: another list of packages is another tree.
tree_of() { printf '%s/%s-%s' "$TREES" "$1" "$(packages "$1" | cksum | cut -d ' ' -f 1)"; }

# Makes the file tree of a release; it appears complete or not at all.
bootstrap() {
    local release="$1" tree archive
    tree="$(tree_of "$release")"
    if [[ -d $tree ]]; then return; fi
    have mmdebstrap || apt_install mmdebstrap
    mkdir -p "$TREES"
    say "bootstrapping Debian $release with $(packages "$release")"
    # Check-Valid-Until: a frozen mirror serves an index whose date has passed. Signatures are still checked.
    while read -r archive; do
        if quietly as_root mmdebstrap --variant=minbase --include="$(packages "$release")" \
            --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
            "${release%%-*}" "$tree.new" "$archive"; then
            as_root mv "$tree.new" "$tree"
            return
        fi
        remove_tree "$tree.new"
    done < <(debian_archives)
    die "could not bootstrap Debian $release" "see the lines above"
}

# Never into something mounted: /dev of this machine is bound into a tree while its engine runs.
remove_tree() { as_root rm -rf --one-file-system "$1"; }

# What Podman needs to be told on a machine without systemd, and in a container of limited rights:
#  - cgroups are made by the runtime, events go to a file;
#  - a ceiling of open files below its own default, which not every root may raise;
#  - iptables, because nft is not in the tree.
exec_podman() {
    local name="$1" socket="$2" state="$3"
    cat >"/etc/containers/$name.conf" <<CONF
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[network]
firewall_driver = "iptables"
CONF
    # crun of today refuses a machine which has both kinds of cgroups mounted; what it does not see it does not refuse.
    if mountpoint --quiet /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
    # Version 5 warns at each start that it will give up cgroup v1, which this machine may have.
    exec env CONTAINERS_CONF="/etc/containers/$name.conf" PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
        podman --root "$state/storage" --runroot "/run/$name" system service --time=0 "unix://$socket"
}

# Docker's own script for rootless engines, as an ordinary user with subordinate ids. /dev/net/tun may be root's alone on this machine:
# the user gets a node of its own in place of it.
exec_rootless() {
    local socket="$1" state="$2"
    id lab >/dev/null 2>&1 || useradd --create-home --uid "$USER_ID" lab
    echo lab:100000:65536 | tee /etc/subuid >/etc/subgid
    mknod /tmp/tun c 10 200
    chmod 666 /tmp/tun
    mount --bind /tmp/tun /dev/net/tun
    mkdir -p "/run/user/$USER_ID"
    chown "$USER_ID:$USER_ID" "/run/user/$USER_ID" "$state"
    exec setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups env HOME=/home/lab XDG_RUNTIME_DIR="/run/user/$USER_ID" \
        DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER=builtin \
        /usr/share/docker.io/contrib/dockerd-rootless.sh --host "unix://$socket" --data-root "$state"
}

# Runs inside the new namespaces, still in the machine's file tree.
inside() {
    local name="$1" tree="$2" program="$3"
    mount --make-rprivate /
    mount --bind "$tree" "$tree"
    mount -t proc proc "$tree/proc"
    mount --rbind /sys "$tree/sys"
    mount --rbind /dev "$tree/dev"
    mount -t tmpfs tmpfs "$tree/run"
    mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
    mkdir -p -m 1777 "$tree/sockets" "$TREES/sockets"
    mount --bind "$TREES/sockets" "$tree/sockets"
    ip link set lo up
    # Not chroot: runc pivots again for each container, and `docker load` fails below a chroot.
    # Folders of the machine's own tree are not there.
    unset TMPDIR
    mkdir -p "$tree/old"
    cd "$tree"
    pivot_root . old
    cd /
    umount --lazy /old
    local socket state="/var/lib/$name"
    socket="$(socket_of "$name")"
    # It begins with nothing: what an engine killed half way has left behind is of no interest.
    rm -rf --one-file-system "$state"
    mkdir -p "$state"
    case "$program" in
    podman) exec_podman "$name" "$socket" "$state" ;;
    rootless) exec_rootless "$socket" "$state" ;;
    esac
    exec dockerd --host "unix://$socket" --data-root "$state" --exec-root "/run/$name" --pidfile "/run/$name.pid"
}

up() {
    local name="$1" release program log
    release="$(release_of "$name")"
    program="$(program_of "$name")"
    [[ -n $release ]] || die "no engine of that name: $name" "known are: $(engines | cut -d ' ' -f 1 | paste -sd ' ')"
    if answers "$name"; then address "$name" && return; fi
    if [[ $release == - ]]; then
        "$here/engine.sh" >&2
        address "$name"
        return
    fi
    ((EUID == 0)) || die "an engine of another release needs root here" "run as root: $0 up $name"
    have docker || die "the docker command is missing" "run ${here##*/}/engine.sh first"
    bootstrap "$release"
    down "$name"
    log="$(log_file "$name")"
    say "starting $name, log in $log"
    setsid unshare --mount --net -- "$here/engines.sh" inside "$name" "$(tree_of "$release")" "$program" \
        >"$log" 2>&1 </dev/null 9>&- &
    echo "$!" >"$(pid_file "$name")"
    wait_for "$PATIENCE_S" settled "$name" || true
    answers "$name" || die "$name does not answer" "$(tail -n 3 "$log")" "see $log"
    say "$name answers: $(docker --host "$(address "$name")" version --format '{{.Server.Version}}, API {{.Server.APIVersion}}')"
    address "$name"
}

# Every process in the engine's mount namespace: the engine itself, containerd, shims, monitors.
companions() {
    local namespace link
    namespace="$(readlink "/proc/$1/ns/mnt")" || return 0
    for link in /proc/[0-9]*/ns/mnt; do
        if [[ $(readlink "$link" 2>/dev/null) == "$namespace" ]]; then link="${link#/proc/}" && echo "${link%%/*}"; fi
    done
}

down() {
    local name="$1" pid host ids left
    if [[ $(release_of "$name") == - ]]; then return; fi
    pid="$(pid_of "$name")" || return 0
    host="$(address "$name")"
    mapfile -t ids < <(docker --host "$host" ps --all --quiet 2>/dev/null)
    if ((${#ids[@]} > 0)); then docker --host "$host" rm --force "${ids[@]}" >/dev/null 2>&1 || true; fi
    mapfile -t left < <(companions "$pid")
    kill -TERM "$pid" 2>/dev/null || true
    wait_for 15 test ! -d "/proc/$pid" || true
    for pid in "${left[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    rm -f "$(pid_file "$name")"
}

case "${1:-}" in
list) engines | cut -d ' ' -f 1 ;;
up | down | address) "$1" "${2:?an engine\'s name}" ;;
inside) shift && inside "$@" ;;
*) die "usage: engines.sh list | up NAME | down NAME | address NAME" ;;
esac
