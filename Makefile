# make demo        the main job on a real table: scores and a picture
# make test        the whole test suite, in parallel
# make test-lowest the same with the lowest versions that pyproject.toml allows
# make lint        ruff and mypy
# make audit       pip-audit of all pinned versions, before a release (asks PyPI)
# make hashes      write constraints-hashed.txt anew, after a change of constraints.txt (asks PyPI)
# make clean       remove the environments and all caches
#
# The first target that needs it builds .venv, and again whenever pyproject.toml or
# constraints.txt changed. `make PYTHON=python3.12 demo` picks another interpreter.
# LOCKED=1, as CI has it, installs only what has a checksum in constraints-hashed.txt, the tools that
# build ganaug included; on Linux it takes torch's build for the CPU, which must be at hand.
# test-lowest has its own .venv-lowest from constraints-lowest.txt, on Python 3.11 or 3.12.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed$(if $(LOCKED),-locked)
LOWEST := .venv-lowest
TOOLS  := .venv-tools
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
HASHED := constraints-hashed.txt

.PHONY: demo test test-lowest lint audit hashes clean
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

audit: $(TOOLS)/.installed
	@$(TOOLS)/bin/pip-audit --disable-pip --no-deps --strict -r constraints.txt

hashes: $(TOOLS)/.installed
	@$(PYTHON) .ci/hashes $(CURDIR)/$(TOOLS)/bin/uv

$(STAMP): pyproject.toml constraints.txt $(HASHED)
	@echo "Installing ganaug and its tools into $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
ifdef LOCKED
	@$(PIP) --require-hashes -r $(HASHED)
	@$(PIP) --no-deps --no-build-isolation -e .
else
	@$(PIP) -c constraints.txt -e '.[io,plot,test,lint]'
endif
	@touch $@

$(TOOLS)/.installed:
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit uv
	@touch $@

$(LOWEST)/.installed: pyproject.toml constraints-lowest.txt
	@echo "Installing ganaug and its lowest supported versions into $(LOWEST) (once) ..."
	@$(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-lowest.txt -e '.[io,plot,test]'
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) $(TOOLS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
