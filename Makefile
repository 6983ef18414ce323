# Everything a developer or a first visitor does here. Needs make and Python 3.11, 3.12 or 3.13; the rest is fetched.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo demo-sources demo-live announce test test-spark test-python oracle lint docs tables ui serve app bench parity clean clean-all jars

VENV ?= .venv
ifneq ($(words $(VENV)),1)
$(error VENV=$(VENV) holds a blank, which make cannot handle; name another folder)
endif
BIN := $(VENV)/bin
PORT ?= 3000
ARGS ?=
override CHURN_HOME := $(or $(CHURN_HOME),.churn)
# not $(abspath): it takes a path with blanks for several
override CHURN_HOME := $(if $(filter /%,$(firstword $(CHURN_HOME))),,$(CURDIR)/)$(CHURN_HOME)
export CHURN_HOME
export DAGSTER_DISABLE_TELEMETRY := yes
# images of containers often set it; each of the hundreds of processes of the tests then compiles the package for itself
unexport PYTHONDONTWRITEBYTECODE

# The Python to make the environment with; if none is named, the first that .ci/pythons finds.
PYTHON ?=

IN_GROUPS := --dist loadgroup --no-loadscope-reorder
# The wheel of Spark, which comes as source, is stored uncompressed: its jars are compressed already.
INSTALL = $(BIN)/python .ci/install.py -c constraints.txt \
  --config-settings-package pyspark:--build-option=--compression=stored
# what an extra needs, without the project itself, which is not built and installed once more then
REQUIREMENTS = $(BIN)/python -c 'import sys, tomllib; \
  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")'

help:  ## show this text
	@echo "make <target>, where target is one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) \
	| awk -F'|' '{ printf "%-15s%s\n", $$1, $$2 }'
	@echo
	@echo "Data lies in CHURN_HOME ($(CHURN_HOME)). The first target to need it makes $(VENV), which takes one to three minutes."

demo: announce $(VENV)/.stamp  ## simulate a telecom operator, run the whole pipeline over it, and tell what came out
	@$(BIN)/churn-assets demo $(ARGS)

demo-sources: announce $(VENV)/.stamp  ## the demo from a PostgreSQL database and a REST service, which it starts and stops
	@$(BIN)/churn-assets demo --sources $(ARGS)

# In a home of its own, beside that of the other demos.
demo-live: announce $(VENV)/.stamp  ## a day in a minute: events through a Kafka broker, which it starts and stops, to scores and alerts
	@CHURN_HOME="$(CHURN_HOME)-live" $(BIN)/churn-assets demo --live --customers 1000 $(ARGS)

# First of all, and only when there is something to install: the demo itself says what it does and how long that takes.
announce:
	@$(MAKE) --question --no-print-directory $(VENV)/.stamp 2>/dev/null || { \
	  echo "1/2 install the packages into $(VENV), once: one to three minutes for 0.8 GB of downloads, 2.5 GB on disk;"; \
	  echo "2/2 run the demo: about 2 minutes on two cores; it says how long each part takes here."; }

# Four processes on two cores: tests wait for the servers, daemons and commands that they start.
test: $(VENV)/.tensorflow  ## run the tests; ARGS="-m 'not slow'" for the quick ones
	@$(BIN)/python -m pytest -n 4 $(IN_GROUPS) $(ARGS)

test-spark: $(VENV)/.stamp jars  ## run the tests that depend on the engine, and those about Spark, on Spark in place of Sail
	@CHURN_ENGINE=spark $(BIN)/python -m pytest -n 3 $(IN_GROUPS) $(ARGS)

test-python: $(VENV)/.stamp  ## run the quick tests that depend on Python, as CI does on a second one
	@$(BIN)/python -m pytest -n 2 $(IN_GROUPS) --few -m 'not slow and not tables and not one_python' $(ARGS)

# empulse is AGPL: asked from a process and an environment of its own, and nobody's dependency.
oracle: $(VENV)/.stamp  ## compare campaign profits (EMPC) and effects of offers with other implementations, in an environment of its own
	@test -x .venv-oracle/bin/python || $(BIN)/python -m venv .venv-oracle
	@.venv-oracle/bin/python .ci/install.py empulse==0.13.1 econml==0.17.0 scikit-uplift==0.5.1
	@ORACLE_PYTHON="$(CURDIR)/.venv-oracle/bin/python" $(BIN)/python -m pytest churn_assets_tests/ml/metrics/test_profit.py churn_assets_tests/ml/uplift/test_oracles.py $(ARGS)

lint: $(VENV)/.stamp  ## check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(VENV)/.docs  ## build the documentation into site/; a dead link fails
	@$(BIN)/zensical build --strict --clean

# In a shell without job control, background processes ignore Ctrl-C; so each is told, and waited for.
ui: $(VENV)/.stamp  ## start Dagster's web page and daemon on http://127.0.0.1:3000 (PORT=...); Ctrl-C stops both
	@$(BIN)/python -c "import socket; socket.create_server(('127.0.0.1', $(PORT))).close()" 2>/dev/null || { \
	  echo "Port $(PORT) is not free. Name another one: make ui PORT=3001" >&2; exit 1; }
	@DAGSTER_HOME="$$($(BIN)/python -m churn_assets.deployment.dagster_home)"; export DAGSTER_HOME; \
	$(BIN)/python -m churn_assets.deployment.logged dagster-daemon run -w workspace.yaml & daemon=$$!; \
	$(BIN)/python -m churn_assets.deployment.logged dagster-webserver -w workspace.yaml -h 127.0.0.1 -p $(PORT) & page=$$!; \
	trap 'trap "" INT TERM; kill -TERM $$page $$daemon 2>/dev/null; wait $$page $$daemon; exit 0' INT TERM; \
	echo "Dagster: http://127.0.0.1:$(PORT) (in about 15 seconds), data in $(CHURN_HOME); Ctrl-C stops it."; \
	while kill -0 $$page 2>/dev/null && kill -0 $$daemon 2>/dev/null; do sleep 1; done; \
	kill -TERM $$page $$daemon 2>/dev/null; wait $$page $$daemon; \
	echo "One of the two ended by itself; its message is above." >&2; exit 1

serve: $(VENV)/.stamp  ## serve scores over HTTP on http://127.0.0.1:8000 (ARGS="--port 8001"); Ctrl-C stops it
	@$(BIN)/churn-assets serve $(ARGS)

app: $(VENV)/.stamp  ## open the page of the retention team on http://127.0.0.1:8501 (ARGS="--port 8502"); Ctrl-C stops it
	@$(BIN)/churn-assets app $(ARGS)

tables: $(VENV)/.stamp  ## write docs/tables.md anew from the table catalogue
	@CHURN_BUSINESS=telecom $(BIN)/churn-assets catalogue > docs/tables.md

bench: $(VENV)/.stamp jars  ## measure the pipeline, ratios side by side
	@$(BIN)/python -m benchmarks $(ARGS)

parity: $(VENV)/.stamp jars  ## build the shipped businesses on Sail and on Spark, and compare every table
	@$(BIN)/python -m benchmarks.parity $(ARGS)

clean:  ## remove caches and build files; keeps data and the environment
	@echo "Removing caches and build files; $(CHURN_HOME) and $(VENV) stay."
	@find . \( -name '.venv*' -o -name .git -o -name '.churn*' \) -prune -o -type d -name __pycache__ -exec rm -rf {} +
	@rm -rf build dist site .cache *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

clean-all: clean  ## remove also .venv, .venv-* and the data in .churn and .churn-live of this checkout (never a CHURN_HOME elsewhere)
	@echo "Removing .venv, .venv-*, .churn and .churn-live."
	@rm -rf .venv .venv-* .churn .churn-live

jars: $(VENV)/.stamp
	@$(BIN)/python -m churn_assets.lakehouse.engine.jars >/dev/null

$(VENV)/.stamp: pyproject.toml constraints.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  python="$(PYTHON)"; \
	  test -n "$$python" || python=$$(.ci/pythons | sed 's/^[^ ]* //; q'); \
	  test -n "$$python" || exit 1; \
	  echo "Making $(VENV) with $$python."; "$$python" -m venv $(VENV); }
	@echo "Installing about 200 packages, Spark among them: one to three minutes."
	@$(INSTALL) -e '.[test,dev,spark]'
	@touch $@

# Three hundred megabytes that only the tests of one candidate need.
$(VENV)/.tensorflow: $(VENV)/.stamp
	@echo "Installing TensorFlow, for the tests of the candidate that needs it."
	@$(REQUIREMENTS) tensorflow >$(VENV)/tensorflow.txt
	@$(INSTALL) -r $(VENV)/tensorflow.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.stamp
	@echo "Installing the generator of the documentation."
	@$(REQUIREMENTS) docs >$(VENV)/docs.txt
	@$(INSTALL) -r $(VENV)/docs.txt
	@touch $@
