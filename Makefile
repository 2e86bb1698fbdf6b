# make repro: install and run the pipeline. make inspect: profile the data sets. make test: install and run the tests.
# The other targets are for developers.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# DVC starts the stages with the `python` on the PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
# Waiting threads must not spin (see dvc.yaml).
export OMP_WAIT_POLICY := PASSIVE
export THP_MEM_ALLOC_ENABLE := 1

.PHONY: repro inspect test test-random test-slow coverage mutants sbom bench bench-scale docs lint ui lock install

repro: install
	@echo "== dvc repro: download, preprocess, train, evaluate, compare (see params.yaml)"
	dvc repro
	pmtrec compare

inspect: install
	pmtrec inspect

test: install
	@echo "== fast tests"
	pytest -n 2 --dist loadfile --no-loadscope-reorder

# In an order that is drawn anew, and said so that it can be had again: make test-random SEED=...
ifndef SEED
SEED := $(shell date +%s)
endif
test-random: install
	@echo "== fast tests in random order, seed $(SEED)"
	pytest -n 2 --dist loadfile -p randomly --randomly-seed=$(SEED)

# Rooms of which every line and every branch must be run.
WHOLLY := pipeline/combiners/*,pipeline/encoders/*,pipeline/kernels/*,pipeline/losses/*,pipeline/metrics/*,pipeline/optimizers/*,$\
	pipeline/solvers/*,pipeline/training/*,pipeline/data/split*

# Branches that the fast tests run, in their own processes too; then the compiled loops, run as Python.
coverage: install
	@echo "== coverage"
	coverage erase
	rm -f .coverage.*
	COVERAGE_FILE=.coverage.all pytest -n 2 --dist loadfile --cov --cov-report=
	COVERAGE_FILE=.coverage.loops NUMBA_DISABLE_JIT=1 pytest -n 2 --cov --cov-report= -W ignore::RuntimeWarning -k "not finds_the_cache" \
		tests/kernels tests/combiners tests/solvers tests/losses tests/optimizers tests/ranking tests/tasks
	coverage combine --keep .coverage.all .coverage.loops
	coverage report --fail-under=90
	coverage report --fail-under=100 --include='$(WHOLLY)'

# Small changes to a copy of the code, and whether a test notices. Takes long.
mutants: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target .venv-mutmut mutmut==3.8.1
	PYTHONPATH=.venv-mutmut python -m tests.mutants

test-slow: install
	@echo "== slow tests (minutes)"
	pytest -m slow

# Uses the data of `dvc repro`: make bench DATASET=yelp. Takes about 15 minutes and needs an otherwise idle machine.
DATASET ?= yelp
bench: install .venv-peers/.installed
	@echo "== benchmarks on data/processed/$(DATASET), one core; the tables go to docs/benchmarks/"
	mkdir -p docs/benchmarks
	OMP_NUM_THREADS=1 python -m tests.benchmarks.steps --tasks data/tasks/$(DATASET) >docs/benchmarks/steps.md
	OMP_NUM_THREADS=1 python -m tests.benchmarks.peers --processed data/processed/$(DATASET) --tasks data/tasks/$(DATASET) \
		--peers .venv-peers/bin/python >docs/benchmarks/peers.md
	python -m tests.benchmarks.serving --peers .venv-peers/bin/python >docs/benchmarks/serving.md

# Runs the stages before training on 20 million generated interactions: a few minutes, 2 GB of disk.
bench-scale: install
	python -m tests.benchmarks.scale >docs/benchmarks/scale.md

.venv-peers/.installed: tests/benchmarks/requirements.txt
	@echo "== creating .venv-peers with the libraries to compare against"
	$(PYTHON) -m venv --clear .venv-peers
	@# Without dependencies: the list is complete, and one library requires a package that is not needed here.
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

# What is installed, with versions and licences, as CycloneDX: dist/sbom.json.
sbom: install
	$(PYTHON) -m venv --clear .venv-sbom
	.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0
	mkdir -p dist
	.venv-sbom/bin/cyclonedx-py environment .venv --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.json

# The site in docs/_build/index.html: warnings are errors, the search needs no server.
docs: install
	@echo "== building docs/_build/index.html"
	sphinx-build -W --keep-going -q docs docs/_build

lint: install
	ruff format --check .
	ruff check .
	mypy

ui: install
	pmtrec ui

lock: install
	@echo "== writing requirements.lock from pyproject.toml"
	pip-compile --quiet --strip-extras --extra dev --extra docs --extra index --all-build-deps --allow-unsafe --no-emit-find-links --no-emit-index-url \
		--no-header --no-annotate --output-file requirements.lock pyproject.toml
	@# Any build of torch will do, with what it brings for its chip: its version is pinned in pyproject.toml alone.
	sed -i '/^torch==/d' requirements.lock
	uv pip compile --quiet --no-deps --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--output-file requirements.lock requirements.lock

install: $(BIN)/.installed

$(BIN)/.installed: requirements.lock pyproject.toml
	@echo "== creating the virtual environment .venv from requirements.lock (about a minute, once)"
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11, 5), "the lock file needs Python 3.11.5 or newer: make PYTHON=python3.11"'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@# All that pyproject.toml asks for is there now, but for torch.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable .
	@touch $@
