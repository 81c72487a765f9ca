# Every target sets up what it needs; `make help` lists them.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
OUTPUT ?= output
PRODUCTS ?=
LIMIT ?=
ONLY ?=

# A local folder of wheels that pip is offered (a CPU build of torch, say) is offered to uv as well.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo check test bench clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.serving ## The serving environment, with a local Kafka; no torch

setup-dev: $(VENV)/.everything ## Everything: also torch and the test tools

demo: setup ## Photos in, recommendations out: [PRODUCTS=folder] [LIMIT=n] [OUTPUT=folder]
	$(BIN)/stylecast demo --output "$(OUTPUT)" $(if $(PRODUCTS),--products "$(PRODUCTS)") $(if $(LIMIT),--limit "$(LIMIT)")

check: setup-dev ## Lint, types and the quick tests: under two minutes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check
	$(BIN)/pytest -q -m "not integration and not training and not data"

test: setup-dev ## Everything that can be checked here
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check
	$(BIN)/pytest

bench: setup-dev ## Ratios to baselines in one run: [OUTPUT=folder] [ONLY=name]
	$(BIN)/python tests/benchmarks --output "$(OUTPUT)" $(if $(ONLY),--only "$(ONLY)")

clean: ## Remove the environment and what the tools left
	rm -rf $(VENV) output .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/uv:
	$(PYTHON) -c 'import sys; sys.exit("Stylecast needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(VENV)/.serving: pyproject.toml constraints.txt | $(VENV)/bin/uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -c constraints.txt -e '.[local,video]'
	touch $@

$(VENV)/.everything: pyproject.toml constraints.txt | $(VENV)/bin/uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -c constraints.txt -e '.[local,train,samples,video,test]'
	touch $@ $(VENV)/.serving
