# Everything a developer or a first visitor does here. Needs make and Python 3.11 or 3.12; the rest is fetched.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test oracle lint ui docs bench clean clean-all jars

VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 3000
ARGS ?=
override CHURN_HOME := $(or $(CHURN_HOME),.churn)
# not $(abspath): it takes a path with blanks for several
override CHURN_HOME := $(if $(filter /%,$(firstword $(CHURN_HOME))),,$(CURDIR)/)$(CHURN_HOME)
export CHURN_HOME
export DAGSTER_DISABLE_TELEMETRY := yes

# The first Python on the PATH that fits; only looked for when the environment has to be made.
FIND_PYTHON = for p in python3.11 python3.12 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null \
	&& { echo "$$p"; break; }; done

help:  ## show this text
	@echo "make <target>, where target is one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) \
	| awk -F'|' '{ printf "%-12s%s\n", $$1, $$2 }'
	@echo
	@echo "Data lies in CHURN_HOME ($(CHURN_HOME)). The first target to need it makes $(VENV), which takes a few minutes."

demo: $(VENV)/.stamp jars  ## simulate a telecom operator, run the whole pipeline over it, and tell what came out
	@$(BIN)/churn-assets demo $(ARGS)

test: $(VENV)/.tensorflow jars  ## run the tests; ARGS="-m 'not slow'" for the quick ones
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder $(ARGS)

# empulse is AGPL: asked from a process and an environment of its own, and nobody's dependency.
oracle: $(VENV)/.stamp  ## compare campaign profits (EMPC) with another implementation, in an environment of its own
	@test -x .venv-oracle/bin/python || $(BIN)/python -m venv .venv-oracle
	@.venv-oracle/bin/python -m pip install --quiet --disable-pip-version-check empulse==0.13.1
	@ORACLE_PYTHON="$(CURDIR)/.venv-oracle/bin/python" $(BIN)/python -m pytest churn_assets_tests/models/test_money.py $(ARGS)

lint: $(VENV)/.stamp  ## check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# In a shell without job control, background processes ignore Ctrl-C; so each is told, and waited for.
ui: $(VENV)/.stamp jars  ## start Dagster's web page and daemon on http://127.0.0.1:3000 (PORT=...); Ctrl-C stops both
	@DAGSTER_HOME="$$($(BIN)/python -m churn_assets.deployment.dagster_home)"; export DAGSTER_HOME; \
	$(BIN)/dagster-daemon run -w workspace.yaml & daemon=$$!; \
	$(BIN)/dagster-webserver -w workspace.yaml -h 127.0.0.1 -p $(PORT) & page=$$!; \
	trap 'trap "" INT TERM; kill -TERM $$page $$daemon 2>/dev/null; wait $$page $$daemon; exit 0' INT TERM; \
	echo "Dagster: http://127.0.0.1:$(PORT) (in about 15 seconds), data in $(CHURN_HOME); Ctrl-C stops it."; \
	while kill -0 $$page 2>/dev/null && kill -0 $$daemon 2>/dev/null; do sleep 1; done; \
	kill -TERM $$page $$daemon 2>/dev/null; wait $$page $$daemon; \
	echo "One of the two ended by itself; its message is above." >&2; exit 1

docs: $(VENV)/.stamp  ## write docs/tables.md from the catalogue
	@CHURN_BUSINESS=telecom $(BIN)/churn-assets catalogue > docs/tables.md

bench: $(VENV)/.stamp jars  ## measure the pipeline, ratios side by side
	@$(BIN)/python -m benchmarks $(ARGS)

clean:  ## remove caches and build files; keeps data and the environment
	@echo "Removing caches and build files; $(CHURN_HOME) and $(VENV) stay."
	@find . \( -name '.venv*' -o -name .git -o -name .churn \) -prune -o -type d -name __pycache__ -exec rm -rf {} +
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

clean-all: clean  ## remove also .venv, .venv-oracle and the data in .churn of this checkout (never a CHURN_HOME elsewhere)
	@echo "Removing .venv, .venv-oracle and .churn."
	@rm -rf .venv .venv-oracle .churn

jars: $(VENV)/.stamp
	@$(BIN)/python -m churn_assets.lakehouse.engine.jars >/dev/null

$(VENV)/.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || { \
	  python=$$($(FIND_PYTHON)); \
	  test -n "$$python" || { echo "No Python 3.11 or 3.12 with the venv module on the PATH; install one." >&2; exit 1; }; \
	  echo "Making $(VENV) with $$python."; "$$python" -m venv $(VENV); }
	@echo "Installing about 150 packages. pyspark comes as source and is packed here: a few minutes without output."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,dev]'
	@touch $@

# Three hundred megabytes that only the tests of one candidate need.
$(VENV)/.tensorflow: $(VENV)/.stamp
	@echo "Installing TensorFlow, for the tests of the candidate that needs it."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[tensorflow]'
	@touch $@
