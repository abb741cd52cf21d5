# make demo trains the main recipe, make test runs every test; both set everything up by themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo setup data test test-slow lint lock bench clean

demo: setup
	$(BIN)/tensorsmith run mlp/fashion_mnist

setup: $(READY)

$(READY): requirements.lock tools/setup.sh pyproject.toml tools/pyproject.toml $(wildcard packages/*/pyproject.toml)
	@PYTHON=$(PYTHON) sh tools/setup.sh

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy packages/*/src tools/src
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n 2 -m "not slow"

test-slow: setup
	$(BIN)/pytest -m slow

lock:
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  packages/*/pyproject.toml tools/pyproject.toml --group pyproject.toml:build --group pyproject.toml:dev \
	  | grep -v '^-e ' > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:
	rm -rf .venv build dist
