# Two commands for newcomers: make benchmark, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: benchmark test slow test-page lint clean

benchmark: $(VENV)/.installed
	$(BIN)/hybridfer benchmark

# a worker a core, up to four, each with one thread: workers that all use all cores wait for each other
test: $(VENV)/.test-installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4

# needs Debian's chromium and chromium-driver
test-page: $(VENV)/.test-installed
	$(BIN)/python -m pytest -m slow tests/reporting/test_page_in_browser.py

slow: $(VENV)/.test-installed
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.lint-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(INSTALL) --editable '.[test]'
	touch $@

$(VENV)/.lint-installed: $(VENV)/.test-installed
	$(INSTALL) --editable '.[test,lint]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
