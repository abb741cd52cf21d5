#!/bin/sh
# Tests kernels, components and the lessons in docs with other versions of TensorFlow and Keras and the existing build of
# the library:
#     compat.sh 2.18.1 3.12.0 [conformance]
# With "conformance", only the conformance checks of components in float32 run, in place of all tests of components. The packages of this repository are not
# installed in the environment; their sources are on the Python path.
set -eu
cd "$(dirname "$0")/.."
tensorflow=$1 keras=$2 suite=${3:-whole}
environment=.venv/compat/$tensorflow
python=$environment/bin/python

.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python "$environment"
.venv/bin/uv pip install --quiet --python "$python" "tensorflow-cpu==$tensorflow" "keras==$keras" google-crc32c \
  hypothesis matplotlib protobuf pycocotools pytest pytest-xdist pyyaml rich sacrebleu scikit-learn scipy
for folder in custom_ops/*/src packages/*/src; do PYTHONPATH=$PWD/$folder:${PYTHONPATH:-}; done
export PYTHONPATH TF_CPP_MIN_LOG_LEVEL=3
# The batched matrix product of oneDNN in TensorFlow 2.18 and 2.20 writes out of bounds (in the Jacobian of
# ContractivePenalty, on machines with AMX), which crashes the process.
case $tensorflow in 2.18.* | 2.20.*) export TF_ENABLE_ONEDNN_OPTS=0 ;; esac

tests="custom_ops/ops/tests/kernels docs/lessons"
components="layers losses metrics optimizers schedules seq2seq text"
if [ "$suite" = conformance ]; then
  for package in $components; do tests="$tests $(find "packages/$package/tests" -name conformance.py | tr '\n' ' ')"; done
  set -- -k "not mixed_"
else
  for package in $components; do tests="$tests packages/$package/tests"; done
  set --
fi
# shellcheck disable=SC2086
"$python" -m pytest -q -n auto -p no:cacheprovider -p tensorsmith.testing.plugin -m "not slow" "$@" $tests
