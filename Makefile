# The commands of this project. `make help` lists them.
PYTHON ?= python3.11
UV_VERSION := 0.13.9
BIN := .venv/bin
HOME_DIR ?= .savedmodel-release
SAMPLE := $(HOME_DIR)/sample
TESTS ?= tests
CLUSTER_TESTS ?= tests/cluster
WORKERS ?= 2

.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(BIN)/.installed ## create .venv with the locked dependencies

$(BIN)/.installed: requirements.lock setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and '$(PYTHON)' was not found. Install it, or say where it is: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "installing the locked dependencies into .venv (about 3 GB; a few minutes the first time)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --requirements requirements.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(BIN)/.installed ## release the sample model on this machine; KEEP=1 leaves it serving
	@$(BIN)/python -m model.sample --export $(SAMPLE)/exports/1646034756 --rows $(SAMPLE)/visits.csv
	@$(BIN)/savedmodel-release compile >/dev/null
	@$(BIN)/savedmodel-release run --home $(HOME_DIR) --model-name rpm \
	  --export-uri $(SAMPLE)/exports --rows-uri $(SAMPLE)/visits.csv \
	  --set label_column=will_buy_on_return_visit --set min_auc=0.6 $(if $(KEEP),--keep)

compile: $(BIN)/.installed ## compile the pipeline and its components into compiled/
	@$(BIN)/savedmodel-release compile

test: lint types compiled-is-fresh tests ## everything that CI checks

lint: $(BIN)/.installed ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(BIN)/.installed ## mypy, strict
	$(BIN)/mypy

compiled-is-fresh: $(BIN)/.installed ## compiled/ is what the sources compile to
	@$(BIN)/python -m pipeline.freshness

tests: $(BIN)/.installed ## the tests alone; TESTS=tests/model for a part of them
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --durations 12 $(TESTS)

test-cluster: $(BIN)/.installed ## the tests on the cluster of KUBECONFIG; IMAGE_BUILD=PROGRAM builds the images first
	@if [ -z "$$KUBECONFIG" ]; then echo "test-cluster: skipped, since KUBECONFIG names no cluster"; exit 0; fi; set -e; \
	if [ -n "$$IMAGE_BUILD" ]; then cluster/load-test-images; fi; $(BIN)/pytest -m cluster --durations 12 $(CLUSTER_TESTS)

bench-cluster: $(BIN)/.installed ## a release on the cluster of KUBECONFIG: seconds by step, and how many were ours
	@if [ -z "$$KUBECONFIG" ]; then echo "bench-cluster: skipped, since KUBECONFIG names no cluster"; else $(BIN)/python -m benchmarks.cluster $(ROWS); fi

bench: $(BIN)/.installed ## inspection, scoring and the demo's seconds, measured here
	$(BIN)/python -m benchmarks

format: $(BIN)/.installed ## format the sources and sort their imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(BIN)/.installed ## pin every dependency anew in requirements.lock
	$(BIN)/uv pip compile setup.cfg --all-extras --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --output-file requirements.lock --quiet $(LOCK_FLAGS)

notebook: $(BIN)/.installed ## docs/release.ipynb's outputs anew, from a run on this machine
	$(BIN)/python -m tests.docs.notebook

protos: $(BIN)/.installed ## compile model/protos/*.proto
	$(BIN)/python -m grpc_tools.protoc -I. --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --python_out=. --mypy_out=. model/protos/*.proto

clean: ## remove the demo's home, reports and caches (not .venv)
	@if [ -x $(BIN)/savedmodel-release ]; then $(BIN)/savedmodel-release stop --home $(HOME_DIR); fi
	rm -rf $(HOME_DIR) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.PHONY: help install demo compile test lint types compiled-is-fresh tests test-cluster bench bench-cluster format lock notebook protos clean
