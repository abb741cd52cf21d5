# make demo trains the main recipe, make test runs every test; both set everything up by themselves.
PYTHON ?= python3
BIN := .venv/bin
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
READY := .venv/ready-$(VERSION)
PROJECTS := custom_ops/pyproject.toml $(wildcard packages/*/pyproject.toml) tools/pyproject.toml
KERNELS := custom_ops/build_library.py $(wildcard custom_ops/src/*/*.cc custom_ops/src/*/*.h)
LIBRARY := .venv/library-$(VERSION)

.PHONY: demo test test-slow setup data lint bench lock clean

demo: setup
	$(BIN)/tensorsmith run mlp/fashion_mnist

test: lint data
	$(BIN)/pytest -n 2 -m "not slow"

test-slow: setup data
	$(BIN)/pytest -n 2 -m slow

setup: $(READY) $(LIBRARY)

$(READY): requirements.lock tools/setup.sh pyproject.toml $(PROJECTS)
	@PYTHON=$(PYTHON) sh tools/setup.sh
	@touch $@

# Installation builds the library, too; this is for sources that changed since. Without a compiler, it says so and goes on.
$(LIBRARY): $(KERNELS) $(READY)
	@$(BIN)/python custom_ops/build_library.py || true
	@touch $@

# Whatever tests read from the network, once; they run without it.
data: setup
	@$(BIN)/python -c "from tensorsmith.data import fetch, names; [fetch(name) for name in names()]"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy custom_ops/src packages/*/src tools/src
	$(BIN)/lint-imports

bench: .venv/bench
	$(BIN)/tensorsmith bench loop

.venv/bench: requirements-bench.lock $(READY)
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --require-hashes --no-deps -r requirements-bench.lock
	touch $@

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

# uv names the packages of this repository by their place on this machine; they are installed beside the lock.
lock: setup
	$(COMPILE) $(PROJECTS) --group pyproject.toml:build --group pyproject.toml:dev | grep -v '^-e ' > requirements.new
	mv requirements.new requirements.lock
	$(COMPILE) --group pyproject.toml:bench --constraint requirements.lock --output-file requirements-bench.lock

clean:
	rm -rf .venv build dist
