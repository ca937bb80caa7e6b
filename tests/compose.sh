#!/bin/bash
# compose.yaml as it stands, on a real container engine: scans sealed, all workers and the database killed meanwhile, web, workers and database
# stopped and begun again.
#
#   tests/compose.sh [SCAN…]     default: five drawn pages
#
# Needs docker with its compose plugin (or podman behind DOCKER_HOST), the image sceau (docker build -t sceau .), those of the database and of
# the object store, curl, port 8080, and our .venv for the drawn pages. Everything lies in a project of its own and goes at the end.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
engine() { docker compose -p sceau-trial --project-directory "$work" -f "$work/compose.yaml" "$@"; }
failed() { echo "FAILED: $1"; cat "$work/engine.log"; engine logs --tail 30; exit 1; }
quietly() { engine "$@" > "$work/engine.log" 2>&1 || failed "docker compose $*"; }
trap 'engine down -v --timeout 60 > /dev/null 2>&1 || true; rm -rf "$work"' EXIT
(exec 3<> /dev/tcp/127.0.0.1/8080) 2> /dev/null && { echo "Something already listens on port 8080 of this machine."; exit 1; }

cp -r "$here/compose.yaml" "$here/deploy" "$work"
mkdir -m 700 "$work/secrets" "$work/scans"
word() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
database=$(word) key=$(word) secret=$(word) token=$(word)
printf %s "$database" > "$work/secrets/database"
printf 'SCEAU_DATABASE_PASSWORD=%s\nSCEAU_STORE_KEY=%s\nSCEAU_STORE_SECRET=%s\nSCEAU_SEAL_PASSWORD=%s\nSCEAU_METRICS_TOKEN=%s\n' \
    "$database" "$key" "$secret" "$(word)" "$token" > "$work/secrets/sceau.env"
printf 'ROOT_ACCESS_KEY_ID=%s\nROOT_SECRET_ACCESS_KEY=%s\n' "$key" "$secret" > "$work/secrets/objects.env"
if [ $# = 0 ]; then
    PYTHONPATH=$here/tests "$here/.venv/bin/python" -c "
import pathlib, sys, papers
for number in range(1, 6):
    page = papers.draw_page([f'FACTURE 2026-{number}', f'Total TTC {number}00,00 EUR'], size=papers.A4, noise=3.0)
    papers.write_png(pathlib.Path(sys.argv[1]) / f'{number}.png', page)" "$work/scans"
    set -- "$work"/scans/*.png
fi

inside() { engine exec -T web "$@"; }
drop() { for scan; do inside sh -c 'cat > stations/demo/.part && mv stations/demo/.part "stations/demo/$1"' - "$(basename "$scan")" < "$scan"; done; }
ask() { curl -fs -m 5 -H "Authorization: Bearer $token" "http://127.0.0.1:8080/$1"; }
until_it() { local what=$1 end=$((SECONDS + 240)); shift; until "$@"; do [ $SECONDS -lt $end ] || failed "$what"; sleep 1; done; echo "$SECONDS s: $what"; }
ready() { ask ready > /dev/null; }
away() { [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/ready)" = 503 ]; }
taken() { [ "$(engine logs web | grep -c '"message": "received ')" -ge "$1" ]; }
all_sealed() { ask metrics | grep -q "^sceau_documents{state=\"sealed\"} $1\(\.0\)\?$"; }
whole() { inside sceau verify --ledger > "$work/ledger" 2>&1 || { cat "$work/ledger"; failed "the ledger, its records and stores"; }; }

: > "$work/engine.log"
SECONDS=0
quietly up -d --no-build --scale work=2
until_it "ready" ready
drop "$1"
until_it "the first scan is sealed" all_sealed 1
drop "${@:2}"
until_it "some are at work" taken 3
quietly kill -s KILL work database
until_it "the database's death is told" away
quietly up -d --no-build --scale work=2
until_it "all are sealed though workers and database were killed" all_sealed $#
whole
echo "the ledger, its records and stores verify"
# Not down: a double of an object store that keeps in memory would forget.
quietly restart --timeout 60 web work database
until_it "ready again" ready
whole
until_it "nothing is lost" all_sealed $#
