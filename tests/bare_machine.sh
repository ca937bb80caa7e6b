#!/bin/bash
# From a bare Debian 12 to the first sealed document, timed. Needs root, debootstrap and a network. Only what is committed is tried.
#
#   tests/bare_machine.sh [--keep] [setup | run | test]     default: run
#
# setup: stops when everything is installed. run: starts the workstation, drops one scan and waits until it is sealed. test: `make test` as well.
# The bare system is made once, in BARE (default /var/tmp/sceau-bare), and copied for each try; --keep leaves the copy for a look.
set -euo pipefail

keep=; [ "${1:-}" != --keep ] || { keep=yes; shift; }
goal=${1:-run}
bare=${BARE:-/var/tmp/sceau-bare}
root=$bare/root
here=$(cd "$(dirname "$0")/.." && pwd)
station=
begun=

leave() {
    stop_station
    for mount in dev/shm proc; do mountpoint -q "$root/$mount" && umount "$root/$mount"; done
    [ -n "$keep" ] || rm -rf --one-file-system "$root"
}
stop_station() {
    [ -n "$station" ] || return 0
    kill -- "-$station" 2> /dev/null || true
    wait "$station" 2> /dev/null || true
    # What it leaves behind in memory goes a moment later.
    for _ in $(seq 50); do kill -0 -- "-$station" 2> /dev/null || break; sleep 0.2; done
    station=
}
now() { date +%s.%N; }
told() { awk -v a="$begun" -v b="$(now)" -v what="$*" 'BEGIN { printf "%7.1f s  %s\n", b - a, what }'; }

prepare() {
    mkdir -p "$bare"
    if [ ! -e "$bare/base.done" ]; then
        rm -rf "$bare/base"
        debootstrap --variant=minbase --include=git,make,python3,ca-certificates bookworm "$bare/base" > "$bare/debootstrap.log"
        touch "$bare/base.done"
    fi
    for mount in dev/shm proc; do ! mountpoint -q "$root/$mount" || umount "$root/$mount"; done
    rm -rf --one-file-system "$root"
    cp -a "$bare/base" "$root"
    # The network as this machine has it: name servers, and the authorities it trusts.
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    mkdir -p "$root/dev/shm"
    mount -t proc proc "$root/proc"
    mount -t tmpfs shm "$root/dev/shm"
    git clone -q --bare "$here" "$root/srv/sceau.git"
}

inside() {  # a shell as a person has it, with nothing of ours in the environment but the network's settings
    local bundle=/etc/ssl/certs/ca-certificates.crt
    chroot "$root" env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        PIP_CERT=$bundle SSL_CERT_FILE=$bundle NODE_EXTRA_CA_CERTS=$bundle \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
        sh -c "$1"
}

answers() { inside "cd /root/sceau && .venv/bin/python -c \"from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health', timeout=2)\"" 2>/dev/null; }

wait_for() {  # wait_for SECONDS WHAT COMMAND…
    local seconds=$1 what=$2 end; shift 2
    end=$((SECONDS + seconds))
    until "$@"; do
        [ $SECONDS -lt $end ] && kill -0 "$station" 2>/dev/null || { tail -n 40 "$bare/run.log"; inside 'cd /root/sceau && .venv/bin/sceau status' || true; echo "FAILED: $what"; exit 1; }
        sleep 0.2
    done
    told "$what"
}

sealed() { [ -n "$(find "$root/root/sceau/var/archive" -path '*/tmp' -prune -o -name '*.pdf' -print -quit 2> /dev/null)" ]; }

start_station() {
    if (exec 3<> /dev/tcp/127.0.0.1/8080) 2> /dev/null; then echo "Something already listens on port 8080 of this machine."; exit 1; fi
    setsid "$BASH" -c "$(declare -f inside); root=$root; inside 'cd /root/sceau && make run'" > "$bare/run.log" 2>&1 &
    station=$!
}

drop_scan() {
    inside "cd /root/sceau && PYTHONPATH=tests .venv/bin/python -P -c 'from pathlib import Path
from papers import draw_invoice, write_tiff
write_tiff(Path(\"/tmp/scan.tif\"), draw_invoice((2480, 3508)))' && cp /tmp/scan.tif var/stations/demo/"
}

trap leave EXIT
prepare
begun=$(now)
inside 'cd /root && git clone -q /srv/sceau.git'
told "cloned"
if [ "$goal" = setup ]; then
    inside 'cd /root/sceau && make setup'
    told "everything is installed"
    inside 'cd /root/sceau && make setup'
    told "a second time"
    exit
fi
start_station
wait_for 900 "the workstation answers" answers
drop_scan
told "a scan is dropped"
wait_for 120 "the first document is sealed" sealed
inside 'cd /root/sceau && .venv/bin/sceau verify $(find var/archive -path "*/tmp" -prune -o -name "*.pdf" -print)'
told "and verified"
stop_station
begun=$(now)
start_station
wait_for 60 "second start: the workstation answers" answers
if [ "$goal" = test ]; then
    begun=$(now)
    inside 'cd /root/sceau && make test'
    told "all tests"
fi
