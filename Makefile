# Vitrine: `make serve` to try it, `make test` and `make check` before a change leaves your hands.
# Everything runs from .venv, which every target makes first. Works with uv or without.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
# pytest-xdist: how many processes run tests, and a module's tests stay in one of them.
WORKERS ?= 2
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile
# Arguments for serve and for the tests: make serve ARGS="--bind 127.0.0.1:9393"
ARGS ?=

.PHONY: help setup services serve test test-fast test-deep check contract bench lock lock-upgrade clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready

# Touched last, so that an installation which was interrupted is made again.
.venv/.ready: pyproject.toml requirements.lock tools/setup.sh
	@bash tools/setup.sh
	@touch $@

services: setup
	@if [ -f tests/integration/setup.sh ]; then bash tests/integration/setup.sh; fi

serve: setup ## Run the service on this machine
	@exec env -u PYTHONDONTWRITEBYTECODE $(BIN)/vitrine serve $(ARGS)

test: setup services ## Run every test, with real databases, clients and Keystone
	@$(PYTEST) --ignore=tests/packaging $(ARGS)

test-fast: setup ## Run what needs nothing outside the process
	@$(PYTEST) --ignore=tests/packaging --ignore=tests/integration $(ARGS)

test-deep: setup services ## Run every test with many more generated examples
	@HYPOTHESIS_PROFILE=deep VITRINE_DEEP=1 $(PYTEST) --ignore=tests/packaging --timeout=3600 $(ARGS)

check: setup ## Check format, lint, types, imports, the lock and the package
	@$(BIN)/python tools/lock.py check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pyright
	@$(BIN)/pytest -q -n0 tests/packaging

contract: setup services ## Run the tests of the contract; say which rows are proved
	@status=0; $(PYTEST) --ignore=tests/packaging -m contract -q $(ARGS) || status=$$?; \
	$(BIN)/python tools/contract_report.py --write; exit $$status

bench: setup ## Measure
	@$(BIN)/python -m benchmarks $(ARGS)

lock: setup ## Pin the dependencies of pyproject.toml, keeping the pins that fit
	@$(BIN)/python tools/lock.py write

lock-upgrade: setup ## Pin the newest versions that fit
	@$(BIN)/python tools/lock.py write --upgrade

clean: ## Remove what was made, the environment too
	@rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info .contract.json
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
