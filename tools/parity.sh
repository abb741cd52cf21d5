#!/bin/sh
# Creates .venv/parity: TensorFlow Addons with its compiled ops, and the versions of TensorFlow and Python that they were
# built for. Without Python 3.11 the environment is not created, and tests that need it are skipped. The packages listed
# here are pinned by version, without hashes; their dependencies are not pinned.
set -eu
cd "$(dirname "$0")/.."
environment=.venv/parity

if ! python=$(.venv/bin/uv python find --no-python-downloads 3.11 2>/dev/null); then
  echo "parity: Python 3.11 not found; tests of Addons' compiled ops will be skipped." >&2
  exit 0
fi
.venv/bin/uv venv --quiet --clear --no-python-downloads --python "$python" "$environment"
# The ops need the CUDA entry points of tensorflow, which tensorflow-cpu lacks.
.venv/bin/uv pip install --quiet --compile-bytecode --python "$environment/bin/python" tensorflow==2.15.1 \
  tensorflow-addons==0.23.0 numpy==1.26.4 typeguard==2.13.3
touch "$environment/ready"
