# One place for every command; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
UV_VERSION := 0.13.8
PORT ?= 8000
DATA ?= var
JOBS ?= 2
BIN := .venv/bin
# A process takes whole files, which set up what their tests share, in the order that tests/conftest.py gives them.
PYTEST := $(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
# A start of any command takes twice as long where Python may not keep what it has compiled.
unexport PYTHONDONTWRITEBYTECODE
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help setup up test prove soak lint audit sbom format bench bench-engine demo lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: .venv/.installed ## make .venv and install the locked dependencies with their hashes

.venv/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements-dev.lock
	$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --editable .
	@touch $@

up: setup ## serve on 127.0.0.1 with an embedded PostgreSQL: PORT=8000 DATA=var
	@CRENEAU_DIE_WITH_PARENT=1 exec $(BIN)/creneau up --port $(PORT) --data-dir "$(DATA)"

test: setup ## every test, in under ten minutes on two cores
	$(PYTEST) -m "not prove"

prove: setup ## races, kills and random tests at full size
	CRENEAU_PROVE=1 $(PYTEST) --timeout 3600 -m "prove or races or random"

soak: setup ## load with faults for ten minutes: memory flat, no connection leaked: ARGS="--minutes 60"
	$(BIN)/python -m tests.soak $(ARGS)

lint: setup ## the gate: format, lint, types, imports, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .

audit: setup ## our code by bandit's rules, and what is locked against known advisories
	$(BIN)/python -m tests.supply bandit
	$(BIN)/python -m tests.supply advisories

sbom: setup ## what the service is made of, as CycloneDX: build/sbom.json
	$(BIN)/python -m tests.supply sbom build/sbom.json

format: setup ## put the code into the house's format
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

bench: .venv/.bench-installed ## measure the API beside a bare one, and the engine beside other ways to plan, quickly
	$(BIN)/python -m tests.bench

bench-engine: .venv/.bench-installed ## the engine beside other ways to plan, in full: hours; goes on where it stopped
	@failed=0; for what in "engine $(ARGS)" growth; do $(BIN)/python -m tests.bench $$what || failed=1; done; exit $$failed

# What the engine is compared with has a lock of its own: no developer and no server needs it, yet it is pinned alike.
.venv/.bench-installed: .venv/.installed requirements-bench.lock
	$(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python --requirement requirements-bench.lock
	@touch $@

demo: setup ## the whole story through the HTTP API, on a database of its own
	$(BIN)/creneau demo

lock: ## write the three lock files anew from pyproject.toml
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) pyproject.toml --extra cluster --extra plots --group dev --output-file requirements-dev.lock
	$(LOCK) pyproject.toml --group bench --constraint requirements-dev.lock --output-file requirements-bench.lock

clean: ## remove what was built; the data in DATA stays
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench-results
