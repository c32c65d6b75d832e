# make run   the main scenario        make test    all tests            make verify  every scenario's claims
# make bench coupling costs           make lint    ruff and mypy        make clean   .venv and caches

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := mpi,plot,data,analysis,test
SCENARIOS := $(notdir $(patsubst %/scenario.yaml,%,$(wildcard scenarios/*/scenario.yaml)))

.PHONY: run test lint verify bench clean
.DEFAULT_GOAL := run

# One virtual environment for everything; made once, and again only when pyproject.toml changes.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@echo "installing cosim with its extras ($(EXTRAS)); this happens once and takes a minute or two"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS)]"
	@touch $@

run: $(VENV)/.installed
	$(BIN)/cosim run population_swap --plot

test: $(VENV)/.installed
	$(BIN)/python -m pytest

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

verify: $(VENV)/.installed
	@for scenario in $(SCENARIOS); do echo "== $$scenario"; $(BIN)/cosim verify $$scenario || exit 1; done

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
