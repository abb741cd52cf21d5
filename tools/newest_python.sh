#!/bin/sh
# Runs the fast tests whose results depend on the Python version, because they read syntax trees, annotations or source
# files, with the newest Python that TensorFlow supports, in a separate environment. One recipe of each form is trained,
# and those of the family `custom`, whose functions AutoGraph converts. docs/lessons are documentation of TensorFlow,
# which has to be correct with each Python version.
set -eu
cd "$(dirname "$0")/.."
version=3.13
environment=.venv/newest

# uv asks each interpreter for its version, because an interpreter can have another name, such as python3.
python=$(.venv/bin/uv python find --system --no-python-downloads "$version" 2>/dev/null) || {
  echo "newest_python: Python $version not found, so its tests are skipped. Run: apt install python$version python$version-venv"
  exit 0
}
.venv/bin/uv venv --quiet --allow-existing --python "$python" "$environment"
.venv/bin/uv pip install --quiet --python "$environment" --require-hashes --no-deps -r requirements.lock
set --
for project in custom_ops/*/ packages/*/ tools/; do [ -f "$project/pyproject.toml" ] || continue; set -- "$@" -e "./$project"; done
.venv/bin/uv pip install --quiet --python "$environment" --no-deps --no-build-isolation "$@"

"$environment/bin/python" -m pytest -q -n auto --dist loadfile -p no:cacheprovider -m "not slow" \
  "tests/test_recipes.py::test_smoke[mlp/digits]" "tests/test_recipes.py::test_smoke[deep/distillation]" \
  "tests/test_recipes.py::test_smoke[perceptron/iris]" tests/recipes/test_custom.py tests/recipes/test_structure.py \
  docs/lessons packages/addons packages/core packages/migrate packages/recipes packages/runs \
  packages/training/tests/test_trainer.py packages/training/tests/test_short_traceback.py packages/tuning
