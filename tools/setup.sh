#!/bin/sh
# Creates .venv with uv, the locked dependencies and the packages of this repository. Requires no root access.
# An existing .venv is kept, with all packages that were installed in it. Without one, PYTHON creates it (by default
# python3).
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-}

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

if [ -L .venv/bin/python ] && [ ! -x .venv/bin/python ]; then
  fail "the Python that .venv uses was removed. Run: make clean setup"
fi
if [ -z "$PYTHON" ]; then
  if [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python; else PYTHON=python3; fi
fi
command -v "$PYTHON" >/dev/null || fail "$PYTHON not found. Install Python 3.11 to 3.13 (Debian: apt install python3 python3-venv)."
"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
  || fail "$PYTHON is not Python 3.11 to 3.13, as required by TensorFlow. Run: make PYTHON=python3.13 ..."
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || fail "$PYTHON has no venv module. Run: apt install python3-venv"
command -v c++ >/dev/null || echo "setup: no C++ compiler found; reference implementations replace the compiled ops. Run: apt install g++" >&2

version='import sys; print("%d.%d" % sys.version_info[:2])'
if [ -x .venv/bin/python ]; then
  existing=$(.venv/bin/python -c "$version") wanted=$("$PYTHON" -c "$version")
  [ "$existing" = "$wanted" ] || fail ".venv has Python $existing, but $PYTHON is Python $wanted. Omit PYTHON to keep .venv, or run \`make clean\` to remove it."
fi
# An interrupted creation is completed: venv does not remove existing files.
[ -x .venv/bin/python ] && .venv/bin/python -c "import pip" 2>/dev/null || step "creating .venv" "$PYTHON" -m venv .venv

if [ ! -x .venv/bin/uv ]; then
  awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements.lock > .venv/uv.lock
  step "installing uv" .venv/bin/python -m pip install --quiet --require-hashes --no-deps -r .venv/uv.lock \
    || fail "uv could not be installed. Check the network and the package index, then run again."
fi
export VIRTUAL_ENV="$PWD/.venv"
# `uv pip sync` would remove packages that the user installed. Bytecode is compiled now, because where
# PYTHONDONTWRITEBYTECODE is set, each process would compile TensorFlow again.
step "installing the locked dependencies" \
  .venv/bin/uv pip install --quiet --compile-bytecode --require-hashes --no-deps -r requirements.lock \
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
