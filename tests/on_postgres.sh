#!/bin/sh
# Runs tests with a PostgreSQL server of their own, started here on loopback and stopped at the end: tests/on_postgres.sh PYTEST-ARGUMENT…
set -eu
cd "$(dirname "$0")/.."
programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$programs" ] || { echo "No PostgreSQL server is installed: apt-get install postgresql" >&2; exit 1; }
# In memory where there is room: making a home's database there, and dropping it, costs a quarter. Not TMPDIR: a socket's path is short, and
# the server's account must get there.
room=/tmp
[ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -lt 4194304 ] 2>/dev/null || [ ! -w /dev/shm ] || room=/dev/shm
folder=$(mktemp -d $room/sceau-postgres.XXXXXX)
# The server refuses to run as root: it gets the account that its package made.
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
[ "$(id -u)" != 0 ] || chown postgres "$folder"
stop() { as "$programs/pg_ctl" -D "$folder/data" -m immediate stop > /dev/null 2>&1 || true; rm -rf "$folder"; }
trap stop EXIT
trap 'exit 130' INT TERM
port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
told=$(as "$programs/initdb" -D "$folder/data" -U sceau -A trust -E UTF8 --locale=C.UTF-8 --no-sync 2>&1) || { echo "$told" >&2; exit 1; }
# Durability costs time and proves nothing here: these databases live as long as a test. Nor do they live long enough to be swept, or copied
# to another server; and no plan of theirs is worth compiling.
as "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w start > /dev/null -o "-p $port -k $folder -c listen_addresses=127.0.0.1 \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off -c jit=off \
  -c max_connections=400" || { cat "$folder/log" >&2; exit 1; }
export SCEAU_TEST_POSTGRES="postgresql+psycopg://sceau@127.0.0.1:$port"
export PYTHONSAFEPATH=1 PYTHONPATH="$PWD/tests/postgres${PYTHONPATH:+:$PYTHONPATH}"
.venv/bin/python tests/postgres/onpostgres.py
.venv/bin/python -m pytest "$@"
