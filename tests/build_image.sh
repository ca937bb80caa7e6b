#!/bin/bash
# Builds the image without a container engine: Debian's buildah, on a base made by debootstrap. Needs root and a network.
#
#   tests/build_image.sh      builds, starts the image's own command, waits until /health answers, prints size and times
#
# BARE (default /var/tmp/sceau-bare) keeps the base; images live in buildah's own storage.
set -euo pipefail
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
bare=${BARE:-/var/tmp/sceau-bare}
here=$(cd "$(dirname "$0")/.." && pwd)
bundle=/etc/ssl/certs/ca-certificates.crt
container=
station=
trap '[ -z "$station" ] || kill -- "-$station" 2>/dev/null || true; [ -z "$container" ] || buildah rm "$container" > /dev/null' EXIT

if ! buildah inspect --type image sceau-base > /dev/null 2>&1; then
    mkdir -p "$bare"
    [ -e "$bare/slim.done" ] || { rm -rf "$bare/slim"; debootstrap --variant=minbase bookworm "$bare/slim" > "$bare/slim.log"; touch "$bare/slim.done"; }
    container=$(buildah from scratch)
    buildah add -q "$container" "$bare/slim" / > /dev/null
    # The authorities this machine trusts, under a name that ca-certificates does not own.
    buildah add -q "$container" "$bundle" /etc/ssl/host.crt > /dev/null
    buildah config --env PIP_CERT=/etc/ssl/host.crt --env SSL_CERT_FILE=/etc/ssl/host.crt --env NODE_EXTRA_CA_CERTS=/etc/ssl/host.crt "$container"
    buildah commit -q "$container" sceau-base > /dev/null
    buildah rm "$container" > /dev/null
    container=
fi

SECONDS=0
git -C "$here" archive HEAD | (rm -rf "$bare/context" && mkdir "$bare/context" && tar x -C "$bare/context")
buildah bud -q --format docker --build-arg BASE=localhost/sceau-base -t sceau "$bare/context"
echo "built in $SECONDS s"
container=$(buildah from localhost/sceau)
where=$(buildah mount "$container")
du -shx "$where" | cut -f1
for tool in gcc cc uv npm node pip; do [ -z "$(find "$where/usr/bin" "$where/opt/sceau/bin" -name "$tool")" ] || { echo "FAILED: $tool is left in the image"; exit 1; }; done
buildah inspect --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Volumes}} {{.OCIv1.Config.Cmd}}' "$container"

(exec 3<> /dev/tcp/127.0.0.1/8080) 2> /dev/null && { echo "Something already listens on port 8080 of this machine."; exit 1; }
SECONDS=0
setsid buildah run "$container" -- sceau serve --host 0.0.0.0 > "$bare/image.log" 2>&1 &
station=$!
until buildah run "$container" -- python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health', timeout=4)" 2> /dev/null; do
    [ $SECONDS -lt 60 ] && kill -0 "$station" 2> /dev/null || { tail -n 40 "$bare/image.log"; echo "FAILED: the image does not answer"; exit 1; }
    sleep 1
done
echo "healthy after $SECONDS s"
