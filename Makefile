SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV := .venv
# DVC runs the `python` that it finds on PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro test fuzz prove experiments bench study store clear-store lint lock clean distclean help
.DEFAULT_GOAL := repro

repro: $(VENV)/run-time ## set up, run the pipeline, print the answer (plain make)
	@python -m stages.params
	@dvc repro
	@git config user.email >/dev/null || printf "\nNo git identity, which git commit needs, and dvc exp run where a file has changed:\n  git config --global user.name 'Your Name'\n  git config --global user.email you@example.org\n"
	@sed -n '3s/^/\n/p' reports/README.md
	@echo "More in reports/README.md; the figures are in reports/figures/."

test: $(VENV)/tests ## run the tests
	@pytest

fuzz: $(VENV)/tests ## try the tests of odd input with thousands of cases each
	@pytest -m fuzz --hypothesis-profile fuzz --hypothesis-show-statistics

prove: $(VENV)/run-time ## run HEAD from nothing, say whether its results come out
	@python -m tools.prove

experiments: $(VENV)/run-time ## list experiments: what changed, and what came out
	@python -m tools.experiments

bench: $(VENV)/tests ## measure speed
	@python -m tools.bench

study: $(VENV)/run-time ## run a study (STUDY=recall-quick); without, list them
	@python -m tools.study $(STUDY)

store: $(VENV)/run-time ## show how large the store of trained replicates is
	@python -m stages.train.store

clear-store: $(VENV)/run-time ## remove the store of trained replicates
	@python -m stages.train.store --clear

lint: $(VENV)/tests ## check style and types
	@ruff check .
	@ruff format --check .
	@mypy

# With uv on PATH. torch's CUDA packages stay out, since its CPU build must not bring them along.
lock: ## resolve each requirements.in to requirements.txt
	@for name in requirements tests/requirements; do \
		uv pip compile --quiet --universal --python-version 3.11 --no-header --annotation-style line \
			$$name.in --output-file $$name.txt && \
		sed -i.whole -E '/^(nvidia-|cuda-|triton)/d' $$name.txt && rm $$name.txt.whole || exit; \
	done

clean: ## remove .venv
	rm -rf $(VENV)
	@echo "Left: data/, .dvc/cache, dvc_plots and review.html, which make distclean removes too, and trained replicates (make store, make clear-store)"

distclean: ## remove all that can be made again, DVC's cache too
	rm -rf data/params-checked data/dataset.safetensors data/losses data/models
	rm -rf $(VENV) .dvc/cache .dvc/tmp dvc_plots review.html .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@echo "Left: the experiments, without what they trained (after the next make, dvc exp remove --all-commits removes them), and in your cache folder the compiled trainer and trained replicates (make clear-store)"

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand --tabs=20

define PLATFORM
import shutil, sys
found = sys.version_info[:2]
if not (3, 11) <= found < (3, 15):
    sys.exit("Python %d.%d found; needed: 3.11 to 3.14 (make PYTHON=/path/to/python3)" % found)
if sys.platform == "linux":
    if not shutil.which("nvidia-smi"):
        print("No NVIDIA GPU here:", end=" ")
    print("torch's default build brings 2.2 GB of CUDA along, 2.9 GB in all; nothing here needs it.")
    print("For the CPU build, 0.4 GB in all, stop this with Ctrl-C and run (PyTorch's own address, not tried here):")
    print("  PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make")
endef
export PLATFORM

define INSTALL
	@echo "Installing $< into $(VENV):"
	@python -m pip install --disable-pip-version-check --progress-bar off --requirement $< \
		| sed -n '/\.metadata/d; s/^ *Downloading /  /p; s/^Installing collected packages.*/  and unpacking it, a minute or more/p'
	@touch $@
endef

$(VENV)/run-time: requirements.txt
	@"$(PYTHON)" -c "$$PLATFORM"
	@test -x $(VENV)/bin/python || "$(PYTHON)" -m venv $(VENV)
	$(INSTALL)

$(VENV)/tests: tests/requirements.txt $(VENV)/run-time
	$(INSTALL)
