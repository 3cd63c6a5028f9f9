# Commands for people and for continuous integration; `make help` lists them. Each creates .venv on
# first use, reuses it afterwards, and updates it when pyproject.toml changes.
PYTHON ?= python3
BIN := .venv/bin
# `make demo` needs only mbnas itself; the other targets need its extras and tools in the same .venv.
DEMO_READY := .venv/.ready-demo
READY := .venv/.ready
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --editable
GPU_INSTALL = .venv-gpu/bin/python -m pip install --disable-pip-version-check --quiet --no-deps \
  --no-compile --no-index --find-links wheels
# The tests of one file run in one process, up to four files at once.
PYTEST := $(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile \
  --no-loadscope-reorder
# For `make gpu`, where Python has torch: an environment over Python's own, filled from wheels/.
ifneq ($(filter gpu,$(MAKECMDGOALS)),)
  HAS_TORCH := $(shell $(PYTHON) -c 'import torch; print("yes")' 2>/dev/null)
endif
GPU_ENV := $(if $(HAS_TORCH),.venv-gpu,.venv)
# What that machine is, and which packages of benchmarks/gpu-requirements.txt it has already.
GPU_PYTHON ?= 3.12
SKIP ?= numpy
PLATFORMS := $(foreach glibc,28 27 17 12 5,manylinux_2_$(glibc)_x86_64) manylinux2014_x86_64

.PHONY: help demo fast test check check-avx2 docs bench gpu gpu-wheels clean

help:  ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name text; do printf 'make %-12s %s\n' "$$name" "$$text"; done

demo: $(DEMO_READY)  ## search and compare networks on synthetic data, in five minutes
	$(BIN)/mbnas demo mbnas-demo

fast: $(READY)  ## run the tests without the slow ones: for daily work
	$(PYTEST) -m "not slow"

test: $(READY)  ## run all tests
	$(PYTEST)

check: $(READY)  ## check format, lint, types and imports, run all tests with coverage, then check-avx2
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	MBNAS_TEST_KILLS=all $(PYTEST) --cov --cov-report=term
	$(MAKE) check-avx2

# torch reads both variables when it is loaded.
check-avx2: $(READY)  ## run the tests that depend on the processor, restricted to AVX2
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 $(PYTEST) -m "not slow" \
	  tests/network tests/training/loop/test_training_loop.py tests/training/device/test_device_setup.py \
	  tests/training/test_run_training.py tests/training/loop/test_validation.py tests/prediction/test_predictor.py

docs: $(READY)  ## build the documentation into site/; open site/index.html
	rm -rf site
	$(BIN)/sphinx-build -q -W --keep-going -c docs/sphinx . site
	rm -rf jupyter_execute

bench: $(READY)  ## run all benchmarks, on an idle machine; BENCH=--quick only shows that they run
	$(BIN)/python benchmarks/run.py $(BENCH)

gpu: $(GPU_ENV)/.ready  ## check on a GPU, in 8 minutes: tests, a training, modes, an evaluation; GPU=options
	$(GPU_ENV)/bin/python benchmarks/gpu_check.py $(GPU)

gpu-wheels:  ## fill wheels/ for make gpu on a machine that has torch and no package index
	rm -rf wheels
	$(PYTHON) -m pip download --disable-pip-version-check --quiet --no-deps --only-binary=:all: \
	  --python-version $(GPU_PYTHON) --implementation cp $(PLATFORMS:%=--platform %) \
	  --requirement benchmarks/gpu-requirements.txt --dest wheels
	rm -f $(foreach name,$(SKIP),wheels/$(name)-*.whl)
	@du -sh wheels

clean:  ## remove what was built, except .venv, which is slow to create
	rm -rf site jupyter_execute mbnas-demo .coverage .hypothesis .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache

$(DEMO_READY): pyproject.toml | $(BIN)/pip
	@echo "Installing mbnas into .venv; the first time downloads PyTorch, which takes minutes."
	$(INSTALL) .
	@touch $@

# With everything installed, the demo is ready too.
$(READY): pyproject.toml | $(BIN)/pip
	@echo "Installing mbnas with its extras and tools into .venv, which takes minutes."
	$(INSTALL) '.[dev]'
	@touch $@ $(DEMO_READY)

# base.pth makes the packages of PYTHON visible, its pip too. If PYTHON is an environment itself,
# --system-site-packages would not show them.
.venv-gpu/.ready: pyproject.toml benchmarks/gpu-requirements.txt
	$(PYTHON) -m venv --clear --without-pip .venv-gpu
	$(PYTHON) -c 'import sys; print(*(p for p in sys.path if p.endswith("-packages")), sep="\n")' > .venv-gpu/base.pth
	mv .venv-gpu/base.pth "$$(.venv-gpu/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	$(GPU_INSTALL) --requirement benchmarks/gpu-requirements.txt
	$(GPU_INSTALL) --no-build-isolation --editable .
	@touch $@

# pip is the last thing that a new environment gets, so one without it is incomplete: recreate it.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "mbnas needs Python 3.11 or newer, but $(PYTHON) is older or missing:" \
	    "name another, as in make test PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { \
	  echo "$(PYTHON) cannot create virtual environments:" \
	    "install its venv module, on Debian with apt install python3-venv." >&2; exit 1; }
