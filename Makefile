# make run   the main scenario        make test    all tests            make verify  every scenario's claims
# make bench coupling costs           make lint    ruff and mypy        make clean   .venv and caches
# make test-simulators   installs every simulator that comes as a wheel and tests all engines and scenarios with them
# make verify-peers      holds models of whole brains against tvb-library, of neurons and networks against NEST
# make test-steps        builds STEPS from source (some 20 minutes, in an environment of its own) and tests its engine

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := mpi,plot,data,analysis,fields,morphologies,allen,sbml,nest,neuron,mujoco,test
SCENARIOS = $(patsubst %/scenario,%,$(patsubst scenarios/%.yaml,%,$(shell grep -l "^cosim:" scenarios/*/*.yaml)))

.PHONY: run test test-simulators test-steps lint verify verify-peers bench clean
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

# Networks against NEST take five minutes: they are of verify-peers.
LONG := tests/peers/test_nest_brunel.py tests/peers/test_nest_microcircuit.py
test: $(VENV)/.installed
	$(BIN)/python -m pytest $(addprefix --ignore=,$(LONG))

$(VENV)/.simulators: $(VENV)/.installed
	@echo "installing every simulator that comes as a wheel; this happens once, takes two minutes and 2.6 GB"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS),simulators,worm]"
	@touch $@

test-simulators: $(VENV)/.simulators
	$(BIN)/cosim doctor
	$(BIN)/python -m pytest tests/simulators tests/scenarios tests/golden tests/test_docs.py

# STEPS 5.1 has no wheel. It needs: apt-get install libopenblas-dev libboost-dev libeigen3-dev libmetis-dev libsundials-dev
STEPS := .venv-steps
STEPS_FLAGS := $(foreach flag,USE_MPI USE_PETSC,-C cmake.define.$(flag)=False) \
	$(foreach flag,STEPS_USE_DIST_MESH USE_BUNDLE_SUNDIALS,-C cmake.define.$(flag)=OFF)
$(STEPS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(STEPS)
	$(STEPS)/bin/python -m pip install --quiet --disable-pip-version-check "numpy>=2.3.5,<2.4" "h5py<3.16"
	STEPS_NO_BUNDLE=true $(STEPS)/bin/python -m pip install "steps==5.1.0" $(STEPS_FLAGS)
	$(STEPS)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[steps,test]"
	@touch $@

test-steps: $(STEPS)/.installed
	$(STEPS)/bin/python -m pytest tests/simulators/test_steps.py tests/peers/test_reactions_steps.py

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

verify: $(VENV)/.installed
	@for scenario in $(SCENARIOS); do echo "== $$scenario"; $(BIN)/cosim verify $$scenario --if-installed || exit 1; done

$(VENV)/.peers: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS),tvb]"
	@touch $@

verify-peers: $(VENV)/.peers
	$(BIN)/python -m pytest tests/peers

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(STEPS) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
