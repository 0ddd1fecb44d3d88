# What a contributor does here. `make help` lists it; every target sets up what it needs.
PYTHON ?= python3
BASE ?= HEAD

BIN := .venv/bin
# tools that call other tools, as the generator calls ruff, find ours; only there, because setup must find the system's python
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
UV := $(shell command -v uv 2>/dev/null)
# in CI npm is not optional: where it is missing, installing redocly and Chromium fails and says so
NPM := $(CI)$(shell command -v npm 2>/dev/null)
REDOCLY := node_modules/.bin/redocly
CHROMIUM := node_modules/.cache/chromium/chromium
SPECIFICATIONS := $(filter-out openapi/redocly.yaml,$(wildcard openapi/*.yaml))

# as variables, not arguments, the pins also hold for what builds a wheel
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_CONSTRAINT := constraints.txt
export UV_BUILD_CONSTRAINT := constraints.txt
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test lint format types generate check-generated columns spec-check spec-diff bench build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed ## make .venv with all that is needed, with uv when it is there, else with pip

quickstart: setup ## watch each vendor's client at work on the embedded sandbox
	@$(BIN)/adflight quickstart

test: setup $(if $(NPM),$(CHROMIUM)) ## run all tests, offline, and hold the coverage; where npm is, in Chromium too
	@$(BIN)/coverage erase
	$(RUN) coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: setup ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## mend style and format where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## check types: src, tests and generated code, strictly
	$(BIN)/mypy

generate: setup ## turn the specifications into generated/, and draw the help of the commands
	$(RUN) python openapi/codegen/generate.py
	$(BIN)/python -m adflight.cli.help_rendering

check-generated: setup ## fail when that is not what `make generate` writes
	$(RUN) python openapi/codegen/generate.py --check
	$(BIN)/python -m adflight.cli.help_rendering --check

columns: setup ## write docs/flights-*.md, about the columns of a file of flights
	$(BIN)/adflight flights columns --vendor iqm > docs/flights-iqm.md
	$(BIN)/adflight flights columns --vendor freewheel > docs/flights-freewheel.md

spec-check: setup $(if $(NPM),$(REDOCLY)) ## check the specifications; where npm is, by redocly too
	$(BIN)/openapi-spec-validator $(SPECIFICATIONS)
	$(if $(NPM),$(REDOCLY) lint --config openapi/redocly.yaml --format stylish $(SPECIFICATIONS),@echo "skipped: redocly lint, because npm is not here; CI runs it")

spec-diff: setup $(if $(NPM),$(REDOCLY)) ## list what breaks users since BASE=<revision>, HEAD unless given
	@$(BIN)/python openapi/codegen/spec_diff.py "$(BASE)"

bench: setup ## measure against hand-written and stock clients
	$(RUN) python -m benchmarks

build: setup ## build wheel and sdist into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build

clean: ## remove whatever can be made again
	rm -rf .venv node_modules dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "adflight needs Python 3.11 or later; name one: make PYTHON=python3.12 setup")'
	@echo "Setting up .venv with $(if $(UV),uv,pip); with pip this takes half a minute ..."
ifneq ($(UV),)
	@uv venv --quiet --clear --python $(PYTHON) .venv
	@uv pip install --quiet --python $(BIN)/python --editable '.[all]' --group dev
else
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -qq pip # dependency groups came with pip 25.1
	@$(BIN)/python -m pip install -qq --editable '.[all]' --group dev
endif
	@touch $@

$(REDOCLY): package.json
	npm install --no-package-lock --no-audit --no-fund --silent
	@touch $@

# a whole browser inside an npm package; it unpacks itself into $TMPDIR, and its libraries only where it takes itself to be in a cloud
$(CHROMIUM): $(REDOCLY)
	@rm -rf $(@D) $(@D).new && mkdir -p $(@D).new
	@AWS_EXECUTION_ENV=20.x TMPDIR="$(CURDIR)/$(@D).new" node --input-type=module -e \
		'import chromium from "@sparticuz/chromium"; await chromium.executablePath()'
	@mv $(@D).new $(@D)
	@touch $@
