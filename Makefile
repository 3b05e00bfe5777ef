# Everything a clone is used for, by name. `make` alone lists it.

PYTHON ?= python3
BASE_PORT ?= 7001
BIN := .venv/bin
# Three workers for two cores, as most of an integration test is waiting; a file's tests stay together and in order.
# Files in the order of their names: the long ones of the integration tests come early, the short unit tests at the end.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder
# The tests start hundreds of servers: none should be compiled anew, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

cluster: .venv/has-tools  ## six nodes on 127.0.0.1:7001-7006 (BASE_PORT=7001), three masters with a replica each
	@$(BIN)/pycluster up --from-make --base-port $(BASE_PORT)

cluster-stop: .venv/has-tools  ## stop them; `make cluster` brings them back with their data
	@$(BIN)/pycluster down --from-make

cluster-clean: .venv/has-tools  ## stop them and delete run/
	@$(BIN)/pycluster down --from-make --clean

test: .venv/has-test  ## all tests but the long ones
	$(PYTEST) $(TESTS)

long: .venv/has-test  ## the tests that take longer than CI should
	$(PYTEST) -m long $(TESTS)

bench: .venv/has-test  ## redis-benchmark against redis-server and against us, in turn
	@$(BIN)/python scripts/bench.py $(ARGS)

lint: .venv/has-test  ## ruff and mypy
	$(BIN)/ruff check pycluster tests scripts
	$(BIN)/mypy

# One stamp per set of extras, renewed when pyproject.toml changes.
.venv/has-%: pyproject.toml | .venv/pyvenv.cfg
	@echo "Installing pycluster[$*] into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --editable '.[$*]'
	@touch $@

.venv/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || { echo "pycluster needs Python 3.11 or newer; there is no $(PYTHON) (Debian: apt-get install python3)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "pycluster needs Python 3.11 or newer; name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "pycluster needs Python's venv module (Debian: apt-get install python3-venv)."; exit 1; }
	@echo "Making a virtual environment in .venv ..."
	@$(PYTHON) -m venv .venv

.PHONY: help cluster cluster-stop cluster-clean test long bench lint
.PRECIOUS: .venv/has-%
