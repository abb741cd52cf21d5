#!/bin/sh
# Creates .venv with uv, the locked dependencies and the packages of this repository. Requires no root access.
# PYTHON selects another interpreter (default python3).
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}

fail() { echo "setup: $1" >&2; exit 1; }

# Prints a description, runs a command, and prints the description again every 10 seconds until the command ends.
step() {
  description=$1 seconds=0
  shift
  echo "setup: $description"
  "$@" &
  trap 'kill $! 2>/dev/null; exit 130' INT TERM # Ctrl-C does not reach background jobs
  while sleep 1; kill -0 $! 2>/dev/null; do
    seconds=$((seconds + 1))
    [ $((seconds % 10)) -ne 0 ] || echo "setup: $description ($seconds seconds)"
  done
  wait $!
}

command -v "$PYTHON" >/dev/null || fail "$PYTHON not found. Install Python 3.11 to 3.13 (Debian: apt install python3 python3-venv)."
"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
  || fail "$PYTHON is not Python 3.11 to 3.13, as required by TensorFlow. Run: make PYTHON=python3.13 ..."
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || fail "$PYTHON has no venv module. Run: apt install python3-venv"
command -v c++ >/dev/null || echo "setup: no C++ compiler found; reference implementations replace the compiled ops. Run: apt install g++" >&2

# Recreate an environment that is incomplete or belongs to another Python version.
version='import sys; print(sys.version_info[:2])'
[ -x .venv/bin/python ] && [ "$(.venv/bin/python -c "import pip; $version" 2>/dev/null)" = "$("$PYTHON" -c "$version")" ] \
  || { rm -rf .venv; step "creating .venv" "$PYTHON" -m venv .venv; }

if [ ! -x .venv/bin/uv ]; then
  awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements.lock > .venv/uv.lock
  step "installing uv" .venv/bin/python -m pip install --quiet --require-hashes --no-deps -r .venv/uv.lock \
    || fail "uv could not be installed. Check the network and the package index, then run again."
fi
export VIRTUAL_ENV="$PWD/.venv"
# Bytecode is compiled now, because where PYTHONDONTWRITEBYTECODE is set, each process would compile TensorFlow again.
step "installing the locked dependencies" \
  .venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock \
  || fail "the locked dependencies could not be installed. Check the network and the free disk space (3 GB), then run again."
# Compiled first, because uv hides the progress of builds. The build below reuses the object files and reports failures.
if command -v c++ >/dev/null; then
  echo "setup: compiling the kernels"
  .venv/bin/python custom_ops/build_library.py 2>/dev/null || true
fi
set --
for project in custom_ops/*/ packages/*/ tools/ benchmarks/; do [ -f "$project/pyproject.toml" ] || continue; set -- "$@" -e "./$project"; done
step "installing the packages of this repository" .venv/bin/uv pip install --quiet --no-deps --no-build-isolation "$@" \
  || fail "the packages of this repository could not be installed, see above. Fix the pyproject.toml named there."
# The first import writes bytecode, which takes long on a busy machine.
step "importing the packages" .venv/bin/python -c "import tensorsmith.data, tensorsmith.recipes.running, tensorsmith.training" \
  || fail "the packages cannot be imported, see above. Run: make clean setup"
