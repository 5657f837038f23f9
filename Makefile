# The commands of this project. `make run MUSIC=/path/to/music` and `make test` need nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MUSIC ?=
PORT ?= 8765
PYTEST_ARGS ?=
# Of `make faults`: how often something is killed.
ROUNDS ?= 100
# How many times as many inputs fuzz tests try as in `make test`; how long a soak takes.
FUZZ ?= 30
SOAK_S ?= 1200
NPM := build/npm
# Of a service: where its programs go, who it runs as if not the owner of MUSIC, a folder in place of / (packages).
PREFIX ?= /opt/spectra
RUN_AS ?=
DESTDIR ?=
PIP_ARGS ?=

# setuptools warns of every editable installation; nobody who reads it can act on it.
PIP_INSTALL = PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run install uninstall test check check-page format faults fuzz load soak bench bench-corpus bench-recall navidrome-plugin clean

help: ## Show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: $(VENV)/.installed ## Start Spectra: make run MUSIC=/path/to/music [PORT=8765]
	@test -n "$(MUSIC)" || { echo 'Say where the music is: make run MUSIC=/path/to/music'; exit 2; }
	@exec $(BIN)/spectra serve --music "$(MUSIC)" --port $(PORT)

# As it was given, dollar signs too.
install uninstall: override export MUSIC := $(value MUSIC)
install uninstall: export PREFIX := $(PREFIX)
install uninstall: export RUN_AS := $(RUN_AS)
install uninstall: export DESTDIR := $(DESTDIR)
install uninstall: export PYTHON := $(PYTHON)
install uninstall: export PIP_ARGS := $(PIP_ARGS)

install: ## Install as a service, or update it: sudo make install MUSIC=/path/to/music
	@sh systemd/install.sh install

uninstall: ## Remove the service; what it knows and its configuration stay
	@sh systemd/install.sh uninstall

test: $(VENV)/.installed-dev ## Run the tests
	$(BIN)/pytest -n auto $(PYTEST_ARGS)

check: $(VENV)/.installed-dev ## ruff, mypy --strict, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -p no:randomly tests/test_imports.py

check-page: $(NPM)/.installed ## The page: types, lint, format (needs npm)
	$(NPM)/node_modules/.bin/tsc --project tests/browser
	$(NPM)/node_modules/.bin/biome check --config-path tests/browser --error-on-warnings daemon/web

format: $(VENV)/.installed-dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

faults: $(VENV)/.installed-dev ## Kill, fill and unplug for half an hour, as root: ROUNDS=100 [FAULTS_SEED=7]
	FAULTS_ROUNDS=$(ROUNDS) $(BIN)/pytest -rs $(PYTEST_ARGS) tests/faults

fuzz: $(VENV)/.installed-dev ## Try new damaged, forged and odd inputs for half an hour: [FUZZ=30]
	FUZZ=$(FUZZ) $(BIN)/pytest --timeout=0 $(PYTEST_ARGS) tests/fuzz

load: $(VENV)/.installed-dev ## A thousand uploads at once, and 100,000 files of which 20,000 change
	LOAD=1 $(BIN)/pytest $(PYTEST_ARGS) tests/load/test_uploads.py tests/load/test_watch.py

soak: $(VENV)/.installed-dev ## Use a daemon for 20 minutes; nothing of it may grow: [SOAK_S=1200]
	SOAK_S=$(SOAK_S) $(BIN)/pytest $(PYTEST_ARGS) tests/load/test_soak.py

bench: $(VENV)/.installed-dev ## Measure speed and size, as ratios; results go to build/bench
	$(BIN)/python -m tests.bench

bench-corpus: $(VENV)/.installed-dev ## Fetch and decode the music of the recall bench (800 MB, once)
	$(BIN)/python -m tests.bench.recall --prepare

bench-recall: $(VENV)/.installed-dev ## Measure what is recognised and claimed: a subset, or WHOLE=1
	$(BIN)/python -m tests.bench.recall $(if $(WHOLE),--whole)

navidrome-plugin: $(VENV)/.installed-dev ## Build build/spectra.ndp, the plugin that runs inside Navidrome
	$(BIN)/python plugins/navidrome/wasm/build.py build/spectra.ndp

clean: ## Remove what can be made again
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Spectra needs Python 3.11 or newer: install it (apt install python3 python3-venv), or name one: make PYTHON=python3.12 ...'; exit 2; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); \
		echo 'Python has no venv: apt install python3-venv'; exit 2; }
	@echo 'Installing into $(VENV) ...'
	@$(PIP_INSTALL) --upgrade pip
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

$(NPM)/.installed: tests/browser/package.json
	@mkdir -p $(NPM)
	@cp tests/browser/package.json $(NPM)/
	@npm install --prefix $(NPM) --no-package-lock --no-audit --no-fund --silent
	@touch $@
