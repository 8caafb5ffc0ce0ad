# Two commands do all: `make demo` and `make test`. Both make the environments that they need;
# `make install` makes the one with torch alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SMALL := .venv-small
DIST := .venv-dist
LOWEST := .venv-lowest
BESIDE := .venv-beside
UV ?= uv
export TOKENIZERS_PARALLELISM := false

.PHONY: demo install test test-slow test-lowest test-beside lint dist clean
# Two installations at once would write the same metadata.
.NOTPARALLEL:

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

# MKL: its own allocator was seen to spin for ever in a process forked from one with many threads.
test: $(VENV)/installed $(SMALL)/installed
	OMP_NUM_THREADS=1 MKL_DISABLE_FAST_MM=1 SMALL_PYTHON="$(CURDIR)/$(SMALL)/bin/python" \
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" --durations 12

$(VENV)/notebooks: $(VENV)/installed
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[notebooks]"
	touch $@

# Every command of the docs, the notebooks, and actors that are killed on a local Ray.
test-slow: $(VENV)/notebooks
	OMP_NUM_THREADS=1 PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m slow

# The lowest versions that pyproject.toml takes of what it names; torch as UV_OVERRIDE has it.
$(LOWEST)/installed: pyproject.toml
	test -x $(LOWEST)/bin/python || $(UV) venv --python $(PYTHON) $(LOWEST)
	$(UV) pip install -q --python $(LOWEST)/bin/python --resolution lowest-direct -r pyproject.toml \
		--extra torch --extra export --extra llm --extra parquet --extra serve --extra analyze
	$(UV) pip install -q --python $(LOWEST)/bin/python pytest hypothesis
	$(UV) pip install -q --python $(LOWEST)/bin/python --no-deps -e .
	touch $@

test-lowest: $(LOWEST)/installed
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 PATH="$(CURDIR)/$(LOWEST)/bin:$$PATH" $(LOWEST)/bin/python \
	-m pytest -q -m "not slow" tests/core tests/component tests/exported tests/llm tests/remote tests/serving

# Other packages in the same environment: gliner, presidio-analyzer, spacy-llm.
$(BESIDE)/installed: pyproject.toml
	test -x $(BESIDE)/bin/python || $(PYTHON) -m venv $(BESIDE)
	$(BESIDE)/bin/python -m pip install -q -e ".[torch,llm,serve]" "gliner>=0.2.29" presidio-analyzer pytest
	touch $@

test-beside: $(BESIDE)/installed
	$(BESIDE)/bin/python -c "import gliner, presidio_analyzer, spacy_llm"
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 PATH="$(CURDIR)/$(BESIDE)/bin:$$PATH" $(BESIDE)/bin/python \
	-m pytest -q tests/test_beside.py tests/test_examples.py tests/component/test_annotation.py tests/component/test_pipe.py

lint: $(VENV)/installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

$(DIST)/installed: Makefile
	test -x $(DIST)/bin/python || $(PYTHON) -m venv $(DIST)
	$(DIST)/bin/python -m pip install -q "build>=1.2" "twine>=6.1"
	touch $@

# What a release publishes, in dist/: built, checked, installed elsewhere and run.
dist: $(DIST)/installed
	$(DIST)/bin/python scripts/dist.py

# What the targets above make: your models and corpora stay.
clean:
	rm -rf $(VENV) $(SMALL) $(DIST) $(LOWEST) $(BESIDE) build dist *.egg-info
