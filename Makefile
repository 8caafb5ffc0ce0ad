# Two commands do all: `make demo` and `make test`. Both make the environments that they need;
# `make install` makes the one with torch alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SMALL := .venv-small
DIST := .venv-dist
export TOKENIZERS_PARALLELISM := false

.PHONY: demo install test test-slow lint dist clean

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $@

# What annotating needs and no more: no torch.
$(SMALL)/installed: pyproject.toml constraints.txt
	test -x $(SMALL)/bin/python || $(PYTHON) -m venv $(SMALL)
	$(SMALL)/bin/python -m pip install -q -c constraints.txt -e . pytest
	touch $@

install: $(VENV)/installed

demo: $(SMALL)/installed
	$(SMALL)/bin/python scripts/demo.py

test: $(VENV)/installed $(SMALL)/installed
	OMP_NUM_THREADS=1 SMALL_PYTHON=$(CURDIR)/$(SMALL)/bin/python \
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" --durations 12

# Every command of the docs, and actors that are killed on a local Ray.
test-slow: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

lint: $(VENV)/installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

$(DIST)/installed: Makefile
	test -x $(DIST)/bin/python || $(PYTHON) -m venv $(DIST)
	$(DIST)/bin/python -m pip install -q "build>=1.2" "twine>=6.1"
	touch $@

# What a release publishes, in dist/: built, checked, installed elsewhere and run.
dist: $(DIST)/installed
	$(DIST)/bin/python scripts/dist.py

clean:
	rm -rf $(VENV) $(SMALL) $(DIST) build dist *.egg-info output corpus training packages
