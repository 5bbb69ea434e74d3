# `make demo` shows the main job, `make test` proves the project. Both set up `.venv` first,
# which takes Python 3.10 to 3.13 and a package index, once.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BENCH_READY := .venv/.ready-bench
# What bases are covered with, each in an environment of its own.
COVERED := 5.23.0 4.57.6
NEWEST_READY := .venv-$(firstword $(COVERED))/.ready
RUN := $(BIN)/python -m

export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types layers fast cover golden smoke real bench
.PHONY: mutants coverage-archs picture readme catalogue

help: ## Show these targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

setup: $(READY) ## Make .venv, with torch and everything else, pinned.

# torch goes first and alone: an index that has a CPU build gives it for this pin.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(RUN) pip install --quiet --constraint constraints.txt torch
	$(RUN) pip install --quiet --constraint constraints.txt --editable '.[dev,smoke]'
	touch $@

$(BENCH_READY): $(READY)
	$(RUN) pip install --quiet --constraint constraints.txt --editable '.[bench]'
	touch $@

# Image processors need torchvision, which loads beside the CUDA build of torch alone,
# and that one runs on CPUs, too.
.venv-%/.ready: pyproject.toml constraints.txt
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	sed -E '/^(transformers|tokenizers|huggingface_hub|torch)==/d' constraints.txt > .venv-$*/constraints.txt
	.venv-$*/bin/pip install --quiet --constraint .venv-$*/constraints.txt transformers==$* --editable '.[smoke,archs]'
	touch $@

demo: $(READY) ## Scaffold foo on Llama in a practice checkout in demo/, and prove it.
	rm -rf demo
	$(BIN)/rlinf-scaffold demo demo

test: lint types layers cover golden smoke ## Everything that must hold.
	@echo "make test: everything passed"

lint: $(READY) ## Style and format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict.
	$(BIN)/mypy

layers: $(READY) ## Which room may import which.
	NO_COLOR=1 $(BIN)/lint-imports --no-cache

FAST := --numprocesses 2 --dist worksteal -m 'not smoke and not real'

fast: $(READY) ## Tests that need no torch.
	$(RUN) pytest $(FAST)

cover: $(READY) ## The same, and the branches that they must cover.
	$(RUN) coverage erase
	$(RUN) coverage run -m pytest $(FAST)
	$(RUN) coverage combine --quiet
	$(RUN) coverage report --skip-covered

golden: $(READY) ## Golden trees are what is rendered.
	$(BIN)/rlinf-scaffold check --golden golden

smoke: $(READY) ## Generated smoke tests, run in this interpreter.
	$(RUN) pytest --numprocesses 2 --dist loadfile -m 'smoke and not real'

# PYTHONS names what proofs run in: `PYTHONS='v0.1=old/bin/python new/bin/python'`.
real: $(READY) ## Every revision of RLinf that wired models anew: RLINF=a clone.
	$(RUN) pytest --numprocesses 2 --dist worksteal -m real --rlinf-repo='$(or $(RLINF),$(error RLINF=PATH names the clone))' \
	  $(addprefix --rlinf-python=,$(PYTHONS))

mutants: $(READY) ## Seed defects that the smoke test must kill, and list the proofs that do.
	PYTHONPATH=tests $(RUN) mutants docs/mutants.md

coverage-archs: $(READY) $(COVERED:%=.venv-%/.ready) ## Prove every base that transformers lists, and list how that went.
	PYTHONPATH=tests $(RUN) archs docs/coverage.md --python $(COVERED:%=.venv-%/bin/python)

bench: $(BENCH_READY) ## Ratios against something outside.
	$(RUN) benchmarks.help
	$(RUN) benchmarks.new_model
	$(RUN) benchmarks.smoke

picture: $(READY) ## Draw .github/terminal.svg from a real run.
	$(RUN) benchmarks.picture .github/terminal.svg

readme: $(READY) ## Write the tables of the README from the code.
	$(BIN)/python tests/readme_tables.py

catalogue: $(READY) $(NEWEST_READY) ## Read the shipped bases from transformers again.
	$(RUN) rlinf_scaffold.bases.catalogue $(dir $(NEWEST_READY))lib/python*/site-packages > catalogue.new
	mv catalogue.new rlinf_scaffold/bases/catalogue.json
