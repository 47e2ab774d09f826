#!/bin/bash
# Runs inside the second kernel, started by its lab.service: every test program in /share/tests, their output into /share/output, the
# verdict into /share/verdict. kernel.sh made the folder and waits for the end.
set -uo pipefail
shopt -s nullglob
exec >>/share/output 2>&1

verdict=0
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# An emulated processor: what takes a second elsewhere may take five here.
export SPYHOP_REQUIRE_ENGINE=1 SPYHOP_PATIENCE="${SPYHOP_PATIENCE:-5}" SPYHOP_BIN=/root/spyhop SPYHOP_BUSYBOX=/root/busybox
# Off the shared folder: programs are mapped from it slowly, and files on it belong to whoever runs the kernel.
cp /share/spyhop /share/busybox /root/

# The machine has no network; the tests ask for the figures of an interface of the host's own.
modprobe dummy && ip link add eth0 type dummy && ip link set eth0 up

echo "kernel $(uname -r), $(stat -f -c %T /sys/fs/cgroup) at /sys/fs/cgroup, controllers: $(</sys/fs/cgroup/cgroup.controllers)"
if ! timeout 120 bash -c 'until docker version >/dev/null 2>&1; do sleep 0.5; done'; then
    echo "the engine does not answer"
    journalctl --no-pager -u docker | tail -n 20
    echo 3 >/share/verdict
    exit
fi
docker info --format 'engine {{.ServerVersion}}, driver {{.CgroupDriver}}, cgroup v{{.CgroupVersion}}, storage {{.Driver}}'

run() {
    local name="${1##*/}"
    cp "$1" /root/test
    echo "--- ${name%-*}"
    # One at a time: there is one processor.
    (cd /root && timeout 2400 ./test --test-threads=1) || { verdict=1 && echo "FAILED ${name%-*}"; }
}

# The longest last: what breaks quickly is said quickly.
for test in /share/tests/*; do
    if [[ $test != */agreement* ]]; then run "$test"; fi
done
for test in /share/tests/agreement*; do run "$test"; done
if ((verdict == 0)); then echo "every program passed"; fi
echo "$verdict" >/share/verdict
