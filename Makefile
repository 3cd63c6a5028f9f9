# What a person and continuous integration run. Each target sets up .venv on first use and reuses
# it after; it is brought up to date when pyproject.toml changes.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Tests run in several processes, a file's in one: many wait for processes of their own.
PYTEST := $(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile \
  --no-loadscope-reorder

.PHONY: demo test check check-avx2 docs bench clean

demo: $(READY)
	$(BIN)/mbnas demo mbnas-demo

test: $(READY)
	$(PYTEST)

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) --cov --cov-report=term
	$(MAKE) check-avx2

# What depends on the processor's instructions, on one without AVX-512. Both are read as torch loads.
check-avx2: $(READY)
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 $(PYTEST) -m "not slow" \
	  tests/network tests/training/loop/test_training_loop.py tests/training/device/test_device_setup.py \
	  tests/training/test_run_training.py tests/training/loop/test_validation.py tests/prediction/test_predictor.py

docs: $(READY)
	$(BIN)/python docs/build.py site

# All benchmarks, on a machine that does nothing else; BENCH=--quick to see that they run.
bench: $(READY)
	$(BIN)/python benchmarks/run.py $(BENCH)

# The environment stays: it is slow to make. Remove .venv to begin anew.
clean:
	rm -rf site mbnas-demo .coverage .hypothesis .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache

$(READY): pyproject.toml | $(BIN)/pip
	@echo "Installing mbnas into .venv; the first time downloads PyTorch, which takes minutes."
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Made last of all that a new environment has, so a half-made one is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "mbnas needs Python 3.11 or newer, which $(PYTHON) is not:" \
	    "name one, as in make test PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { \
	  echo "$(PYTHON) cannot make virtual environments:" \
	    "install its venv module, on Debian with apt install python3-venv." >&2; exit 1; }
