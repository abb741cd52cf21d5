#!/bin/sh
# Runs the fast tests whose results depend on the Python version, because they read syntax trees, annotations or source
# files, with the newest Python that TensorFlow supports, in a separate environment. One recipe of each form is trained.
set -eu
cd "$(dirname "$0")/.."
python=python3.13
environment=.venv/newest

command -v "$python" >/dev/null || { echo "newest_python: $python not found, so its tests are skipped. Run: apt install $python $python-venv"; exit 0; }
.venv/bin/uv venv --quiet --allow-existing --python "$python" "$environment"
.venv/bin/uv pip install --quiet --python "$environment" --require-hashes --no-deps -r requirements.lock
set --
for project in custom_ops/*/ packages/*/ tools/; do [ -f "$project/pyproject.toml" ] || continue; set -- "$@" -e "./$project"; done
.venv/bin/uv pip install --quiet --python "$environment" --no-deps --no-build-isolation "$@"

"$environment/bin/python" -m pytest -q -n auto --dist loadfile -p no:cacheprovider -m "not slow" \
  "tests/test_recipes.py::test_smoke[mlp/digits]" "tests/test_recipes.py::test_smoke[deep/distillation]" \
  "tests/test_recipes.py::test_smoke[perceptron/iris]" tests/recipes/test_structure.py packages/addons packages/core \
  packages/migrate packages/recipes packages/runs packages/training/tests/test_trainer.py \
  packages/training/tests/test_short_traceback.py packages/tuning
