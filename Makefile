# `make run` serves MsGalaxy, `make test` proves it. Both set up what they need and do nothing twice.
# Everything made here lies in build/, target/ (or CARGO_TARGET_DIR) and node_modules/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
export PYTHON
LISTEN ?= 127.0.0.1:5000
DATA_DIR ?= .
SEEDS ?= 100
JOBS ?= 1
CLIENTS ?= 1000
TASKS ?= 100
ROUNDS ?= 3

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
export CARGO_TERM_PROGRESS_WHEN ?= auto
export PIP_DISABLE_PIP_VERSION_CHECK := 1

STAMPS := build/stamps
VENV := build/venv
VENV_NEWEST := build/venv-newest
RELEASE := $(CARGO_TARGET_DIR)/release/msgalaxy
DEV := $(CARGO_TARGET_DIR)/debug/msgalaxy

# What the tests of the whole product are told. Absolute, for they run elsewhere.
E2E_ENV = MSGALAXY_BIN="$(abspath $(DEV))" MSGALAXY_PYTHON_NEWEST="$(abspath $(VENV_NEWEST))/bin/python"

WEB_SOURCES := $(shell find web clients/js -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: help run build test test-rust test-web test-python test-e2e test-rust-client test-browser soak storm clean program dev-program \
	bench-realtime check-bench

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build and serve on http://127.0.0.1:5000 (LISTEN=, DATA_DIR=)
	@exec "$(RELEASE)" serve --listen $(LISTEN) --data-dir "$(DATA_DIR)"

build: $(STAMPS)/page ## Build the page and the program (target/release/msgalaxy)
	cargo build --release --locked -p msgalaxy

test: test-rust test-web test-python test-e2e test-browser ## Run everything that CI runs
	@echo "all tests passed"

test-rust: $(STAMPS)/system $(STAMPS)/page ## Format, lints and tests of the crates, the store's on PostgreSQL too
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	scripts/with-postgres cargo test --workspace --locked --quiet --test engine contract::

test-web: $(STAMPS)/page ## Types and tests of the page and the JavaScript client
	cd web && npm run --silent check && npm test --silent
	cd clients/js && npm run --silent check && npm test --silent

test-python: $(STAMPS)/python ## Lints, types and tests of the Python client
	$(VENV)/bin/ruff format --check clients/python e2e examples scripts
	$(VENV)/bin/ruff check clients/python e2e examples scripts
	cd clients/python && $(abspath $(VENV))/bin/mypy
	cd e2e/python && $(abspath $(VENV))/bin/mypy
	cd clients/python && $(abspath $(VENV))/bin/pytest

test-e2e: $(STAMPS)/python $(STAMPS)/python-newest $(STAMPS)/node dev-program ## The real server with real clients
	cd e2e/python && $(E2E_ENV) $(abspath $(VENV))/bin/pytest

test-rust-client: dev-program ## rust_socketio, a third family of clients (130 crates of its own, so not in make test)
	cargo run --quiet --locked --manifest-path e2e/rust/Cargo.toml --target-dir build/e2e-rust -- \
		"$(abspath $(CARGO_TARGET_DIR))/debug/examples/socketio_conformance"

test-browser: $(STAMPS)/system $(STAMPS)/browser $(STAMPS)/node dev-program ## The page in Chromium
	cd e2e/browser && $(E2E_ENV) npm test --silent

soak: build $(STAMPS)/python ## 100 seeds of every example BOM, checked independently (SEEDS=, JOBS=, SOAK_EXTRA=DIR)
	$(VENV)/bin/python e2e/soak.py --program "$(abspath $(RELEASE))" --seeds $(SEEDS) --jobs $(JOBS)

bench-realtime: $(STAMPS)/bench $(STAMPS)/page ## Compare realtime servers (ROUNDS=, ONLY=, SCENARIOS=, QUICK=1)
	cd bench/realtime && CARGO_TARGET_DIR="$(abspath $(CARGO_TARGET_DIR))" cargo build --release --locked
	cd bench/realtime && CARGO_TARGET_DIR="$(abspath $(CARGO_TARGET_DIR))" $(PYTHON) -m harness \
		--rounds $(ROUNDS) --only "$(ONLY)" --scenarios "$(SCENARIOS)" $(if $(QUICK),--quick) \
		--out "$(abspath build/bench/results)"

check-bench: $(STAMPS)/python $(STAMPS)/page ## Lints and tests of the comparison
	cd bench/realtime && cargo fmt --all --check
	cd bench/realtime && CARGO_TARGET_DIR="$(abspath $(CARGO_TARGET_DIR))" cargo clippy --all-targets --locked -- -D warnings
	cd bench/realtime && CARGO_TARGET_DIR="$(abspath $(CARGO_TARGET_DIR))" cargo test --locked
	$(VENV)/bin/ruff format --check bench
	$(VENV)/bin/ruff check bench
	cd bench/realtime && $(abspath $(VENV))/bin/mypy
	cd bench/realtime && $(abspath $(VENV))/bin/pytest

storm: build $(STAMPS)/python ## 1,000 clients that lose their connections at random during 100 tasks (CLIENTS=, TASKS=)
	$(VENV)/bin/python e2e/storm.py --program "$(abspath $(RELEASE))" --clients $(CLIENTS) --tasks $(TASKS)

clean: ## Remove everything that was made
	rm -rf build web/dist clients/js/dist web/node_modules clients/js/node_modules e2e/browser/node_modules e2e/node/node_modules \
		bench/realtime/peers/node/node_modules
	cargo clean --quiet

# As the tests build it: another choice of packages would mean other features
# of the libraries, and half of them compiled again.
dev-program: $(STAMPS)/page
	cargo test --workspace --locked --no-run --quiet

# What the machine must have, for building and for testing.
$(STAMPS)/system-build: scripts/setup-system | $(STAMPS)
	scripts/setup-system build
	touch $@

$(STAMPS)/system: scripts/setup-system $(STAMPS)/system-build | $(STAMPS)
	scripts/setup-system test
	touch $@

# The page is carried inside the program; the touch makes cargo look at it again.
$(STAMPS)/page: $(STAMPS)/web-packages $(STAMPS)/js-packages $(WEB_SOURCES)
	cd clients/js && npm run --silent build
	cd web && npm run --silent build
	touch -c crates/server/src/routes/page.rs
	touch $@

$(STAMPS)/web-packages: web/package-lock.json | $(STAMPS)/system-build
	scripts/npm-install web
	touch $@

$(STAMPS)/js-packages: clients/js/package-lock.json | $(STAMPS)/system-build
	scripts/npm-install clients/js
	touch $@

$(STAMPS)/node: e2e/node/package-lock.json | $(STAMPS)/system-build
	scripts/npm-install e2e/node
	touch $@

$(STAMPS)/browser: e2e/browser/package-lock.json | $(STAMPS)/system-build
	scripts/npm-install e2e/browser
	touch $@

$(STAMPS)/bench: bench/realtime/setup-python $(wildcard bench/realtime/peers/python/requirements-*.txt) \
		bench/realtime/peers/node/package-lock.json $(STAMPS)/system | $(STAMPS)
	bench/realtime/setup-python flask
	bench/realtime/setup-python asyncio
	scripts/npm-install bench/realtime/peers/node
	touch $@

$(STAMPS)/python: scripts/setup-python $(STAMPS)/system e2e/python/requirements.txt clients/python/pyproject.toml | $(STAMPS)
	scripts/setup-python $(VENV) e2e/python/requirements.txt --editable
	touch $@

$(STAMPS)/python-newest: scripts/setup-python $(STAMPS)/system e2e/python/requirements-newest.txt $(wildcard clients/python/src/msgalaxy/*.py) | $(STAMPS)
	scripts/setup-python $(VENV_NEWEST) e2e/python/requirements-newest.txt
	touch $@

$(STAMPS):
	mkdir -p $@
