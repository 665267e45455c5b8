# The commands of this project. `make help` lists them.
PYTHON ?= python3.11
UV_VERSION := 0.13.9
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE ?=

.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(BIN)/.installed ## create .venv with the locked dependencies

$(BIN)/.installed: requirements.lock setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and '$(PYTHON)' was not found. Install it, or say where it is: make PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## pin every dependency anew in requirements.lock
	$(BIN)/uv pip compile setup.cfg --all-extras --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --output-file requirements.lock --quiet $(LOCK_FLAGS)

protos: ## compile model/protos/*.proto
	$(BIN)/python -m grpc_tools.protoc -I. --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --python_out=. --mypy_out=. model/protos/*.proto

.PHONY: help install lock protos
