#!/usr/bin/env bash
# kernel.sh PROGRAM TEST...: runs test programs on a second kernel, which has cgroup v2 and nothing else.
#
# The kernel is user-mode Linux: a Linux that runs as a process, no virtualisation needed. Inside are systemd, Docker Engine with the systemd
# driver, and the folder which this script shares with it: the agent's program, the test programs, busybox. The tests run one after the other,
# print here, and the machine powers itself off. The exit code is the verdict: 0 when every program passed.
#
# SPYHOP_KERNEL_SCRIPT=FILE runs that script inside instead of the tests; what it leaves in /share/out is in $SPYHOP_CACHE/kernel/out afterwards.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"
# shellcheck source=compose/lab/archive.sh
source "$here/archive.sh"

readonly AT="$SPYHOP_CACHE/kernel"
# The newest release's kernel: the one of Debian 12 crashes on processors younger than itself.
readonly KERNEL_RELEASE=forky
readonly GUEST_RELEASE=trixie
readonly PACKAGES=systemd-sysv,docker.io,docker-cli,iptables,iproute2,kmod,procps
# An hour: a hundred containers on an emulated single processor take their time, on a busy machine more so.
readonly PATIENCE_S="${SPYHOP_KERNEL_PATIENCE_S:-3600}"
# Changes when the image has to be made again.
readonly RECIPE=1

# Where user-mode Linux runs: its program and the C library it wants, nothing more.
prepare_kernel() {
    local root="$AT/root"
    if [[ -x $root/usr/bin/linux.uml ]]; then return; fi
    unpack "$KERNEL_RELEASE" "$root" user-mode-linux libc6 libgcc-s1
    mkdir -p "$root"/{dev,proc,tmp,share,disk}
    local name
    for name in bin lib lib64; do
        [[ -e $root/$name ]] || ln -s "usr/$name" "$root/$name"
    done
}

# The guest's disk, from a bootstrapped Debian. Each run writes into a layer of its own above it.
prepare_disk() {
    local disk="$AT/disk-$RECIPE.img" tree="$AT/tree.new" archive
    if [[ -s $disk ]]; then return; fi
    have mmdebstrap || apt_install mmdebstrap
    have mke2fs || apt_install e2fsprogs
    as_root rm -rf --one-file-system "$tree"
    say "bootstrapping Debian $GUEST_RELEASE with systemd and Docker"
    # Check-Valid-Until: a frozen mirror serves an index whose date has passed. Signatures are still checked.
    while read -r archive; do
        if quietly as_root mmdebstrap --variant=minbase --include="$PACKAGES" --aptopt='Acquire::Check-Valid-Until "false"' \
            --aptopt='APT::Install-Recommends "false"' "$GUEST_RELEASE" "$tree" "$archive"; then break; fi
        as_root rm -rf --one-file-system "$tree"
    done < <(debian_archives)
    [[ -d $tree ]] || die "could not bootstrap Debian $GUEST_RELEASE" "see the lines above"
    furnish "$tree"
    quietly as_root mke2fs -q -t ext4 -d "$tree" "$disk.new" 6G
    as_root mv "$disk.new" "$disk"
    as_root rm -rf --one-file-system "$tree"
}

# What the guest needs beside its packages: the kernel's modules, an engine that does without address translation (which this kernel
# lacks), and the one service that does the work.
furnish() {
    local tree="$1"
    as_root mkdir -p "$tree/lib/modules" "$tree/etc/docker" "$tree/share"
    as_root cp -r "$AT"/root/usr/lib/uml/modules/* "$tree/lib/modules/"
    as_root tee "$tree/etc/docker/daemon.json" >/dev/null <<<'{"iptables": false, "ip6tables": false, "storage-driver": "overlay2"}'
    as_root tee "$tree/etc/fstab" >/dev/null <<<'tmpfs /tmp tmpfs mode=1777 0 0'
    as_root tee "$tree/etc/hostname" >/dev/null <<<'kernel-v2'
    as_root tee "$tree/etc/systemd/system/lab.service" >/dev/null <<'UNIT'
[Unit]
Description=The lab's work
Wants=docker.service
After=docker.service
FailureAction=poweroff
SuccessAction=poweroff
[Service]
Type=oneshot
StandardOutput=journal+console
ExecStartPre=/bin/mount -t hostfs none /share -o hostfs=/share
ExecStart=/bin/bash /share/inside.sh
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
UNIT
    quietly as_root chroot "$tree" systemctl enable lab.service docker.service
    quietly as_root chroot "$tree" systemctl mask getty@.service console-getty.service serial-getty@.service systemd-timesyncd.service
}

# Puts what the guest needs into the folder it sees.
fill_share() {
    local share="$1" program="$2" test
    shift 2
    mkdir -p "$share"/{tests,out}
    cp "$program" "$share/spyhop"
    cp "$(readlink -f "$SPYHOP_CACHE/bin/busybox")" "$share/busybox"
    for test in "$@"; do cp "$test" "$share/tests/"; done
    cp "${SPYHOP_KERNEL_SCRIPT:-$here/kernel-inside.sh}" "$share/inside.sh"
    : >"$share/output"
}

# Runs in mount and process namespaces of its own: nothing is left mounted, and the end of this shell ends the kernel.
boot() {
    local share="$1" layer="$2" root="$AT/root"
    mount --make-rprivate /
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --bind "$share" "$root/share"
    mount --bind "$AT" "$root/disk"
    mount -t tmpfs -o size=4G tmpfs "$root/tmp"
    # The machine's memory is a file, by default in /dev/shm, which may be small.
    exec env -i PATH=/usr/sbin:/usr/bin TMPDIR=/tmp HOME=/tmp chroot "$root" /usr/bin/linux.uml mem=3G "ubd0=/disk/${layer##*/},/disk/disk-$RECIPE.img" \
        root=/dev/ubda rw quiet con=null con0=null,fd:1 ssl=null systemd.show_status=0 loglevel=4
}

main() {
    local share layer console verdict=1
    ((EUID == 0)) || die "a second kernel needs root here: it mounts folders for itself" "run as root: $0 ${*@Q}"
    mkdir -p "$AT"
    exec 8>"$AT/lock"
    flock -w 3600 8 || die "another run holds $AT/lock for an hour"
    prepare_kernel
    prepare_disk
    share="$(mktemp -d "$AT/share.XXXXXX")"
    layer="$share.layer"
    console="$AT/console.log"
    # shellcheck disable=SC2064 # the names as they are now
    trap "rm -rf --one-file-system '$share' '$layer'" EXIT
    fill_share "$share" "$@"
    say "booting, console in $console"
    # Not `exec 8>&-` everywhere: the lock must not outlive this script in the kernel's processes.
    timeout --foreground --kill-after=5 "$PATIENCE_S" unshare --mount --pid --fork --kill-child "$0" boot "$share" "$layer" \
        >"$console" 2>&1 </dev/null 8>&- &
    local kernel=$!
    tail -n +1 -F --pid="$kernel" -s 0.5 "$share/output" 2>/dev/null || true
    wait "$kernel" || true
    rm -rf "$AT/out"
    mv "$share/out" "$AT/out"
    [[ -s $share/verdict ]] || { tail -n 30 "$console" >&2; die "the guest gave no verdict" "see $console"; }
    verdict="$(<"$share/verdict")"
    return "$verdict"
}

case "${1:-}" in
boot) shift && boot "$@" ;;
"") die "what shall be run?" "kernel.sh PROGRAM TEST..." ;;
*) main "$@" ;;
esac
