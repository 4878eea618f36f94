# Every target works on a fresh clone: it makes .venv from the hashed requirements first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A real MLflow for the tests, in an environment of its own: what it needs and what we need are resolved apart.
MLFLOW := .venv-mlflow
MLFLOW_STAMP := $(MLFLOW)/.installed
# Tests of one file share one process, so that its servers start once; each process has its own Airflow and PostgreSQL.
# Files go out in the order of the folders: those that wait for a running Airflow are not left for the end.
TEST_PROCESSES ?= 2
PYTEST := $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder
BENCH := PYTHONPATH=tests/support $(BIN)/python
export PYTHONPYCACHEPREFIX :=
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast coverage lint fix up bench bench-scale bench-attribution bench-freshness bench-delivery bench-slo bench-store bench-shapes bench-review golden constraints clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

install: $(STAMP) ## Make .venv with everything that is pinned in constraints/

$(STAMP): constraints/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "Seamwatch needs Python 3.11 to 3.13, got " + sys.version.split()[0]'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r constraints/requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(STAMP)

$(MLFLOW_STAMP): constraints/mlflow.txt | $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(MLFLOW)
	$(BIN)/uv pip install --quiet --python $(MLFLOW)/bin/python --compile-bytecode --require-hashes -r constraints/mlflow.txt
	@touch $(MLFLOW_STAMP)

demo: $(STAMP) ## Run the demo: real faults, the DAGs in Airflow, Slack on loopback, reports (build/demo)
	$(BIN)/python -m seamwatch_demo

test: $(STAMP) $(MLFLOW_STAMP) lint ## Run every test: units, properties, DAGs in Airflow, PostgreSQL, MLflow, browser
	sh tests/install_browser.sh
	$(PYTEST)

test-fast: $(STAMP) ## Run the tests that need no server
	$(PYTEST) -m "not integration and not browser"

coverage: $(STAMP) ## Check that tests without any server reach most of the core's branches
	$(PYTEST) tests/unit/core tests/properties --quiet --cov=seamwatch.core --cov-branch --cov-report=term:skip-covered \
		--cov-fail-under=88

lint: $(STAMP) ## Check style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(STAMP) ## Format and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

up: $(STAMP) ## Start Airflow with the demo's connections at http://127.0.0.1:8080 (admin, admin)
	$(BIN)/python -m seamwatch_demo.up

bench: bench-scale bench-attribution bench-freshness bench-delivery bench-slo bench-store bench-shapes bench-review ## Run every benchmark (SHORT=1: a form of minutes)

bench-scale: $(STAMP) ## Measure reconciliation, DAG parsing and validation against the bare minimum
	$(BENCH) tests/benchmarks/bench_scale.py

bench-attribution: $(STAMP) ## Inject faults, and measure what attribution says of them (SHORT=1: minutes, with floors)
	$(BENCH) tests/benchmarks/bench_attribution.py

bench-freshness: $(STAMP) ## Plant faults in knowledge bases, and measure what is said of them (SHORT=1: a minute)
	$(BENCH) tests/benchmarks/bench_freshness.py

bench-slo: $(STAMP) ## Simulate services, and measure alerts, watches and the cost of a look (SHORT=1: minutes; PARTS=cost,drift)
	$(BENCH) tests/benchmarks/bench_slo.py

bench-store: $(STAMP) ## Fill the store for a year with nightly purges, and measure its size (SHORT=1: a few days)
	$(BENCH) tests/benchmarks/bench_store.py

bench-shapes: $(STAMP) ## Try shapes of answers, kinds of values and mistakes in a project (SHORT=1: fewer faults)
	$(BENCH) tests/benchmarks/bench_shapes.py

bench-review: $(STAMP) ## Simulate years of answers that people label a few of (SHORT=1: a minute; PARTS=accuracy,judge,review_page,...)
	$(BENCH) tests/benchmarks/bench_review.py

bench-delivery: $(STAMP) $(MLFLOW_STAMP) ## Kill deliverers and break Slack; group findings of simulated weeks (SHORT=1: minutes; PARTS=messages,grouping,actions)
	$(BENCH) tests/benchmarks/bench_delivery.py
	$(if $(SHORT)$(PARTS),,$(BENCH) tests/benchmarks/bench_to_slack.py)

golden: $(STAMP) ## Rewrite the golden files
	$(BIN)/python -m pytest tests/golden --update-golden

constraints: ## Resolve the dependencies anew and pin them with hashes
	uv pip compile pyproject.toml --all-extras --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make constraints" --quiet --output-file constraints/requirements.txt
	echo "mlflow>=3.1" | uv pip compile - --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make constraints" --quiet --output-file constraints/mlflow.txt

clean: ## Remove what was built, and the environment
	rm -rf build dist $(VENV) $(MLFLOW)
