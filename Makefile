# make demo trains the main recipe, make test runs the tests; both create the environment first.
# An existing .venv is kept. Without one, PYTHON creates it, by default python3.
PYTHON ?=
BIN := .venv/bin
VERSION := $(shell $(or $(PYTHON),$(wildcard $(BIN)/python),python3) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
READY := .venv/ready-$(VERSION)
PROJECTS := $(wildcard custom_ops/*/pyproject.toml packages/*/pyproject.toml) tools/pyproject.toml benchmarks/pyproject.toml
FIRST := custom_ops/ops custom_ops/records packages/layers packages/losses packages/metrics packages/optimizers
SECOND := packages/data packages/image packages/models packages/testing packages/text packages/training
THIRD := $(filter-out $(FIRST) $(SECOND),$(wildcard packages/*)) tools benchmarks tests recipes
KERNELS := custom_ops/build_library.py $(wildcard custom_ops/*/src/*/*.cc custom_ops/*/src/*/*.h)
LIBRARY := .venv/library-$(VERSION)

.PHONY: demo test test-changed test-slow test-sanitize test-compat test-oldest test-newest parity setup data lint bench scores dist lock clean

demo: setup
	$(BIN)/tensorsmith run mlp/fashion_mnist

# Tests of a file share traced models and trained references, so a single process runs all tests of a file. TensorFlow
# keeps the memory of functions that were compiled, so the tests are divided among three runs of pytest. The number of
# processes follows from the cores and the memory (see conftest.py).
PYTEST := $(BIN)/pytest -n auto --dist loadfile
FAST := $(PYTEST) -m "not slow"

test: lint data
	$(FAST) $(FIRST)
	$(FAST) $(SECOND)
	$(FAST) $(THIRD)

# The fast tests that changes since the last commit can affect: those of changed projects, and of all that use them.
CHANGED = $(shell $(BIN)/python tools/changed_projects.py)
test-changed: setup data
	@for projects in "$(filter $(CHANGED),$(FIRST))" "$(filter $(CHANGED),$(SECOND))" "$(filter $(CHANGED),$(THIRD))"; do \
	  [ -z "$$projects" ] || { echo "testing $$projects"; $(FAST) $$projects || exit 1; }; done

test-slow: setup data .venv/beam .venv/hub .venv/notebook .venv/parity/ready
	$(PYTEST) -m slow

# Tests of the kernels with the address and undefined-behavior sanitizers, with the best instruction set and with the
# baseline, which has separate code for half-precision types. Detection of stack use after return is off, because GCC
# misaligns AVX-512 vectors on the fake stack (GCC bug 110027). The tests of the reference implementations, which do not
# call the library, are excluded, and one that measures the time of threads. The record codec does not depend on
# TENSORSMITH_OPS_LEVEL, so its tests run once.
SANITIZED := $(BIN)/pytest -n auto -m "not slow" -k "not (on_several_threads or [reference or -reference- or -reference])" \
  custom_ops/ops/tests/kernels
test-sanitize: setup
	mkdir -p .venv/sanitized
	$(BIN)/python custom_ops/build_library.py .venv/sanitized --sanitize
	LD_PRELOAD="$$($${CXX:-c++} -print-file-name=libasan.so) $$($${CXX:-c++} -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  TENSORSMITH_OPS_LIBRARY=$(CURDIR)/.venv/sanitized/libtensorsmith_ops.so \
	  TENSORSMITH_RECORDS_LIBRARY=$(CURDIR)/.venv/sanitized/libtensorsmith_records.so sh -c \
	  '$(SANITIZED) custom_ops/records/tests && TENSORSMITH_OPS_LEVEL=baseline $(SANITIZED)'

# The same library file, all components and docs/lessons with other versions of TensorFlow and Keras, in a separate
# environment for each pair. The last pair is a release candidate; its failures are reported and ignored.
test-compat: setup
	for pair in "2.18.1 3.12.0" "2.20.0 3.13.2" "2.21.0 3.15.1"; do sh tools/compat.sh $$pair || exit 1; done
	-sh tools/compat.sh 2.22.0rc0 3.15.1

# Fast tests that depend on the Python version, with the newest one.
test-newest: setup data
	sh tools/newest_python.sh

# The oldest supported pair: kernels, docs/lessons, and components in float32.
test-oldest: setup
	sh tools/compat.sh 2.18.1 3.12.0 conformance

# Train recipes, all by default, record their scores and update the tables in README files.
RECIPES ?=
scores: setup
	$(BIN)/python tools/scores.py train $(RECIPES)

# Comparisons with TensorFlow Addons, whose compiled ops require the TensorFlow version that they were built for.
parity: setup .venv/parity/ready
	$(BIN)/pytest -n auto tests/parity

.venv/parity/ready: tools/parity.sh $(READY)
	@sh tools/parity.sh

setup: $(READY) $(LIBRARY)

$(READY): requirements.lock tools/setup.sh pyproject.toml $(PROJECTS)
	@PYTHON="$(PYTHON)" sh tools/setup.sh
	@touch $@

# Rebuild the library if its sources have changed since the installation.
$(LIBRARY): $(KERNELS) $(READY)
	@if command -v $${CXX:-c++} >/dev/null; then $(BIN)/python custom_ops/build_library.py; fi
	@touch $@

# Fetch the data sets of the tests, which then run without network access.
data: setup
	@$(BIN)/tensorsmith data fetch --all

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy custom_ops/*/src packages/*/src tools/src benchmarks/src
	$(BIN)/lint-imports

# Wheels and source archives of all distributions except the benchmarks, which require a checkout.
dist: setup
	@sh tools/dist.sh dist

bench: .venv/bench .venv/parity/ready
	for name in $$($(BIN)/tensorsmith bench | cut -d: -f1); do $(BIN)/tensorsmith bench $$name || exit 1; done

.venv/bench .venv/beam .venv/hub .venv/notebook: .venv/%: requirements-%.lock $(READY)
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --no-deps -r requirements-$*.lock
	touch $@

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
RESOLVE := $(COMPILE) --overrides tools/overrides.txt $(PROJECTS) --group pyproject.toml:build --group pyproject.toml:dev

# uv lists the packages of this repository by absolute path. They are installed separately, so remove them from the lock.
# The groups dev and beam are resolved together first, so that both locks contain the same versions.
lock: setup
	$(RESOLVE) --group pyproject.toml:beam | grep -v '^-e ' > requirements.all
	$(RESOLVE) --constraint requirements.all | grep -v '^-e ' > requirements.new
	mv requirements.new requirements.lock
	$(COMPILE) --group pyproject.toml:beam --constraint requirements.all --output-file requirements-beam.lock
	$(COMPILE) --overrides tools/overrides.txt --group pyproject.toml:hub --constraint requirements.lock \
	  --constraint requirements-beam.lock --output-file requirements-hub.lock
	$(COMPILE) --group pyproject.toml:notebook --constraint requirements.lock --output-file requirements-notebook.lock
	$(COMPILE) --group pyproject.toml:bench --constraint requirements.lock --output-file requirements-bench.lock
	rm requirements.all

clean:
	rm -rf .venv build dist custom_ops/build custom_ops/*/src/tensorsmith/*/*.so
