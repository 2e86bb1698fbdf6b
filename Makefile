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

.PHONY: repro inspect test test-slow bench bench-scale docs lint ui lock install

repro: install
	@echo "== dvc repro: download, preprocess, train, evaluate, compare (see params.yaml)"
	dvc repro
	pmtrec compare

inspect: install
	pmtrec inspect

test: install
	@echo "== fast tests"
	pytest -n 2 --dist loadfile --no-loadscope-reorder

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
	@# Any build of the pinned torch will do, so the local version of a CPU build does not belong in the lock file.
	sed -i 's/^\(torch==[0-9.]*\)+.*/\1/' requirements.lock

install: $(BIN)/.installed

$(BIN)/.installed: requirements.lock pyproject.toml
	@echo "== creating the virtual environment .venv from requirements.lock (about a minute, once)"
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "pmtrec needs Python 3.11 or newer: make PYTHON=python3.11"'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
