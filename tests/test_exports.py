"""Tests that an exported model with all layers that have compiled kernels runs without tensorsmith."""

import inspect
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from tensorsmith import layers
from tensorsmith.layers._support.kernel_layer import KernelLayer
from tensorsmith.training import export

STEPS, WIDTH, TAGS = 6, 8, 3
RUN = """
import json, sys
sys.modules["tensorsmith"] = None  # importing it fails
import warnings; warnings.simplefilter("ignore")
import numpy as np, tensorflow as tf
for path, inputs, outputs in json.loads(sys.argv[1]):
    x = np.load(inputs)
    if path.endswith(".tflite"):
        signature = tf.lite.Interpreter(path).get_signature_runner()
        (y,) = signature(**{next(iter(signature.get_input_details())): x}).values()
    else:
        model = tf.saved_model.load(path)
        y = model.serve(x).numpy()
    np.save(outputs, y)
"""


def recurrent(kind, **more):
    return lambda x: kind(5, return_sequences=True, **more)(x)


def pooled(x):
    image = keras.layers.Reshape((2, STEPS // 2, WIDTH))(x)
    return keras.layers.Reshape((STEPS, WIDTH // 2))(layers.DepthwiseMaxPool(2)(image))


def tagged(x):
    masked = keras.layers.Masking(0.5)(x)
    tags, potentials, *_ = layers.CRF(TAGS)(masked)
    return keras.layers.Concatenate()([potentials, keras.ops.one_hot(tags, TAGS)])


def correlated(x):
    image = keras.layers.Reshape((2, STEPS // 2, WIDTH))(x)
    return keras.layers.Reshape((STEPS, 9))(layers.CorrelationCost(1, 1, 1, 1, 1)([image, image]))


def bagged(x):
    indices = keras.ops.cast(keras.ops.clip(keras.ops.abs(3 * x), 0, 9), "int32")
    return layers.EmbeddingBag(10, 4)(indices)


BRANCHES = {
    layers.AdditiveAttention: lambda x: layers.AdditiveAttention()([x, x]),
    layers.AddonsMultiHeadAttention: lambda x: layers.AddonsMultiHeadAttention(4, 2)([x, x]),
    layers.Attention: lambda x: layers.Attention()([x, x]),
    layers.CorrelationCost: correlated,
    layers.CRF: tagged,
    layers.Dense: lambda x: layers.Dense(3, "gelu")(x),
    layers.DepthwiseMaxPool: pooled,
    layers.Dropout: lambda x: layers.Dropout(0.5)(x),
    layers.EmbeddingBag: bagged,
    layers.GRU: recurrent(layers.GRU),
    layers.LayerNormLSTM: recurrent(layers.LayerNormLSTM),
    layers.LayerNormSimpleRNN: recurrent(layers.LayerNormSimpleRNN),
    layers.LayerNormalization: lambda x: layers.LayerNormalization()(x),
    layers.LSTM: recurrent(layers.LSTM),
    layers.MultiHeadAttention: lambda x: layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True),
    layers.PeepholeLSTM: recurrent(layers.PeepholeLSTM),
    layers.RMSNormalization: lambda x: layers.RMSNormalization()(x),
    layers.SimpleRNN: recurrent(layers.SimpleRNN),
}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    x = keras.Input((STEPS, WIDTH))
    return keras.Model(x, keras.layers.Concatenate()([branch(x) for branch in BRANCHES.values()]))


def test_model_covers_kernel_layers(model):
    on_kernels = {kind for _, kind in inspect.getmembers(layers, inspect.isclass) if issubclass(kind, KernelLayer)}
    assert on_kernels == set(BRANCHES)
    assert on_kernels <= {type(layer) for layer in model.layers}


@pytest.mark.slow
def test_runs_without_tensorsmith(model, tmp_path):
    """Tests a SavedModel with two batch sizes, and a TFLite file."""
    export(model, tmp_path / "model")
    export(model, tmp_path / "model.tflite", input_shapes=[(2, STEPS, WIDTH)])
    jobs = []
    for name, batch in (("model", 1), ("model", 4), ("model.tflite", 2)):
        inputs, outputs = (tmp_path / f"{kind}{batch}.npy" for kind in "xy")
        np.save(inputs, np.random.default_rng(0).normal(size=(batch, STEPS, WIDTH)).astype("float32"))
        jobs.append([str(tmp_path / name), str(inputs), str(outputs)])
    result = subprocess.run([sys.executable, "-c", RUN, json.dumps(jobs)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for name, inputs, outputs in jobs:
        np.testing.assert_allclose(np.load(outputs), model(np.load(inputs)), rtol=1e-4, atol=1e-5, err_msg=name)
