# make demo        the main job on a real table: scores and a picture
# make test        the whole test suite, in parallel
# make test-lowest the same with the lowest versions that pyproject.toml allows
# make lint        ruff and mypy
# make clean       remove the environments and all caches
#
# The first target that needs it builds .venv, and again whenever pyproject.toml or
# constraints.txt changed. `make PYTHON=python3.12 demo` picks another interpreter.
# test-lowest has its own .venv-lowest from constraints-lowest.txt, on Python 3.11 or 3.12.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
LOWEST := .venv-lowest

.PHONY: demo test test-lowest lint clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	@$(BIN)/ganaug demo --force

# One thread per worker: the workers already fill the cores.
test: $(STAMP)
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -q

test-lowest: $(LOWEST)/.installed
	@OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n auto -q

lint: $(STAMP)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

$(STAMP): pyproject.toml constraints.txt
	@echo "Installing ganaug and its tools into $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[io,plot,test,lint]'
	@touch $@

$(LOWEST)/.installed: pyproject.toml constraints-lowest.txt
	@echo "Installing ganaug and its lowest supported versions into $(LOWEST) (once) ..."
	@$(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-lowest.txt -e '.[io,plot,test]'
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
