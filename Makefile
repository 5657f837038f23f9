# The commands of this project. `make run MUSIC=/path/to/music` and `make test` need nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MUSIC ?=
PORT ?= 8765
PYTEST_ARGS ?=

# setuptools warns of every editable installation; nobody who reads it can act on it.
PIP_INSTALL = PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run test check format bench bench-corpus bench-recall navidrome-plugin clean

help: ## Show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: $(VENV)/.installed ## Start Spectra: make run MUSIC=/path/to/music [PORT=8765]
	@test -n "$(MUSIC)" || { echo 'Say where the music is: make run MUSIC=/path/to/music'; exit 2; }
	@exec $(BIN)/spectra serve --music "$(MUSIC)" --port $(PORT)

test: $(VENV)/.installed-dev ## Run the tests
	$(BIN)/pytest -n auto $(PYTEST_ARGS)

check: $(VENV)/.installed-dev ## ruff, mypy --strict, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -p no:randomly tests/test_imports.py

format: $(VENV)/.installed-dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

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
