#!/bin/sh
# Makes .venv/parity: TensorFlow Addons with its compiled ops, on the TensorFlow and the Python they were built for. Without
# Python 3.11 there is none, and the tests that need it are skipped. Only the packages named here are pinned, and by version
# alone, without hashes; what they need in turn is not.
set -eu
cd "$(dirname "$0")/.."
environment=.venv/parity

if ! python=$(.venv/bin/uv python find --no-python-downloads 3.11 2>/dev/null); then
  echo "parity: there is no Python 3.11; what needs Addons' compiled ops is not compared." >&2
  exit 0
fi
.venv/bin/uv venv --quiet --clear --no-python-downloads --python "$python" "$environment"
# Not tensorflow-cpu: the ops look for CUDA's entry points, which it lacks.
.venv/bin/uv pip install --quiet --python "$environment/bin/python" tensorflow==2.15.1 tensorflow-addons==0.23.0 \
  numpy==1.26.4 typeguard==2.13.3
touch "$environment/ready"
