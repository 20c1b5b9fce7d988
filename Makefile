# `make` sets up .venv and runs the pipeline, `make test` the tests, `make lint` what .ci/run checks before them,
# `make bench` measures speed, `make study` repeats the study behind the README's answer.
# `make prove` shows whether the committed results are what the committed code makes, `make experiments` what was tried.
# Python 3.11 is the one these pins were tried with; another: make PYTHON=/path/to/python3.11

PYTHON ?= python3
VENV := .venv
OUTCOME := stacked_vs_single.test.p
# DVC runs the `python` that it finds on PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro test prove experiments bench study lint lock clean
.DEFAULT_GOAL := repro

repro: $(VENV)/run-time
	@python -m stages.params
	@dvc repro

test: $(VENV)/tests
	@pytest

prove: $(VENV)/run-time
	@python -m tools.prove

# What changed and what came out, best first: DVC has no setting for the columns, and all of them fill ten screens.
experiments: $(VENV)/run-time
	@dvc exp show --no-pager --hide-workspace --only-changed --sort-by $(OUTCOME) --sort-order desc \
		--drop '(?!Exp|(data|models|train|evaluate)\.|$(OUTCOME)$$)' --keep '$(OUTCOME)$$'

bench: $(VENV)/tests
	@python -m tools.bench

study: $(VENV)/run-time
	@python -m tools.study

lint: $(VENV)/tests
	@ruff check .
	@ruff format --check .
	@mypy

# From requirements.in, with uv on PATH; torch's CUDA packages stay out, since its CPU build must not bring them along.
lock:
	@for name in requirements tests/requirements; do \
		uv pip compile --quiet --universal --python-version 3.11 --no-header --annotation-style line \
			$$name.in --output-file $$name.txt && \
		sed -i -E '/^(nvidia-|cuda-|triton)/d' $$name.txt || exit; \
	done

clean:
	rm -rf $(VENV)

$(VENV)/run-time: requirements.txt
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; v[:2] == (3, 11) or sys.exit(f"Python {v[0]}.{v[1]} found; tried with and needed: 3.11 (make PYTHON=/path/to/python3.11)")'
	@test -x $(VENV)/bin/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing requirements.txt into $(VENV), which takes a few minutes the first time"
	@python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

$(VENV)/tests: $(VENV)/run-time tests/requirements.txt
	@python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	@touch $@
