# `make demo` and `make test` do all their set-up: a virtual environment in .venv, PyTorch, the package, the command.
#
#   make demo                        render the packaged portrait performing the packaged clip: out/demo.mp4
#   make test                        everything CI runs: ruff, mypy, hadolint, the documentation, pytest
#   make docs                        the documentation as a site in site/
#   make PYTHON=python3.12 ...       another interpreter (3.11 to 3.14)
#   make TORCH_INDEX= ...            PyTorch from pip's own sources, whatever the machine

USABLE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$p" -c '$(USABLE)' 2>/dev/null && { echo "$$p"; break; }; done)
VENV ?= .venv
TORCH ?= torch==2.13.0
# PyPI's Linux wheels of PyTorch bring gigabytes of CUDA. Where there is no NVIDIA driver, the CPU builds of PyTorch's
# own index are asked for as well; they win because 2.13.0+cpu sorts after 2.13.0.
TORCH_INDEX ?= $(shell [ "$$(uname -s)" != Linux ] || command -v nvidia-smi >/dev/null \
	|| echo https://download.pytorch.org/whl/cpu)

BIN := $(VENV)/bin
# without --no-compile pip translates all of every package for a minute; Python translates what is used, when it is used
PIP := $(BIN)/python -m pip --disable-pip-version-check
# asks for one page, for 5 seconds: pip itself would retry an unreachable index for minutes
REACHABLE := timeout 10 $(BIN)/python -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5)'

.PHONY: help demo install test lint docs format clean

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

demo: $(VENV)/installed
	$(BIN)/megactor demo -o out/demo.mp4 --force

# as many processes as cores, one thread each: threads of several processes would only wait for each other; with bytecode
# also where the environment forbids it, as containers do: else each of some hundred processes translates PyTorch anew
test: export PYTHONDONTWRITEBYTECODE :=
test: lint docs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/hadolint Dockerfile

docs: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

format: $(VENV)/installed-dev
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

install: $(VENV)/installed

clean:
	rm -rf "$(VENV)" out site build dist .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	@if [ -n "$(PYTHON)" ]; then \
		"$(PYTHON)" -c '$(USABLE)' 2>/dev/null || { echo "$(PYTHON) is no Python 3.11 to 3.14: name another" >&2; exit 1; }; \
		set -- "$(PYTHON)" -m venv; \
	elif command -v uv >/dev/null; then set -- uv venv --seed --python 3.12; \
	else echo "MegActor needs Python 3.11 to 3.14, or uv, which brings one: install either, or name it with make PYTHON=..." >&2; \
		exit 1; fi; \
	set -x; "$$@" "$(VENV)" || { rm -rf "$(VENV)"; exit 1; }

$(VENV)/torch: | $(VENV)/bin/python
	@index="$(TORCH_INDEX)"; \
	if [ -n "$$index" ] && ! $(REACHABLE) "$$index/torch/" 2>/dev/null; then \
		echo "$$index cannot be reached: taking PyTorch from pip's own sources" >&2; index=; \
	fi; \
	set -x; $(PIP) install --no-compile --quiet "$(TORCH)" $${index:+--extra-index-url "$$index"}
	@touch $@

$(VENV)/installed: pyproject.toml $(VENV)/torch
	$(PIP) install --no-compile --quiet --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml $(VENV)/torch
	$(PIP) install --no-compile --quiet --editable '.[dev]'
	@touch $@ $(VENV)/installed
