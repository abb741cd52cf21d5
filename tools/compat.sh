#!/bin/sh
# Runs the kernels' tests with the library as built and another TensorFlow: compat.sh 2.18.1. TensorFlow 2.15, which
# has another Keras than tensorsmith needs, only loads it and calls an op.
set -eu
cd "$(dirname "$0")/.."
environment=.venv/compat/$1
library=$PWD/custom_ops/ops/src/tensorsmith/ops/libtensorsmith_ops.so
python=$environment/bin/python

.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python "$environment"
.venv/bin/uv pip install --quiet --python "$python" "tensorflow-cpu==$1" google-crc32c pytest hypothesis scipy
export TF_CPP_MIN_LOG_LEVEL=3
"$python" - "$library" <<'END'
import sys
import tensorflow as tf
ops = tf.load_op_library(sys.argv[1])
y, *_ = ops.tensorsmith_layer_norm(
    x=[[1.0, 3.0]], residual=[], scale=[1.0, 1.0], offset=[0.0, 0.0], epsilon=0.0, center=True)
assert y.numpy().tolist() == [[-1.0, 1.0]]
print(f"TensorFlow {tf.__version__}: the library loads and runs")
END
[ "$1" = 2.15.1 ] || PYTHONPATH=custom_ops/ops/src:custom_ops/records/src:packages/core/src \
  "$python" -m pytest -q -p no:cacheprovider custom_ops/ops/tests/kernels
