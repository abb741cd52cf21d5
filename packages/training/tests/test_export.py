"""Tests of exported models in a process without tensorsmith."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error
from tensorsmith.training import export

RUN = """
import json, sys, warnings
sys.modules["tensorsmith"] = None  # importing it fails
import numpy as np, tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
warnings.simplefilter("ignore")
for path, inputs, outputs in json.loads(sys.argv[1]):
    x = np.load(inputs)
    if path.endswith(".tflite"):
        interpreter = Interpreter(path)
        interpreter.allocate_tensors()
        (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(given["index"], x)
        interpreter.invoke()
        y = interpreter.get_tensor(wanted["index"])
    else:
        (y,) = tf.saved_model.load(path).signatures["serving_default"](tf.constant(x)).values()
    np.save(outputs, y)
"""


class Norm(keras.layers.Layer):
    """Custom layer with a compiled kernel."""

    def call(self, x):
        return ops.layer_norm(x)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, 5))
    return keras.Model(inputs, keras.layers.LSTM(3)(Norm()(keras.layers.Dense(9)(inputs))))


@pytest.mark.slow  # starts a process without tensorsmith
def test_inference_without_tensorsmith(model, tmp_path):
    """Tests SavedModels with two input shapes, and TFLite files of a functional and a Sequential model."""
    layers = [Norm(), keras.layers.Dense(2)]
    sequential = keras.Sequential([keras.Input((3,)), *layers], name="Tensorsmith_is_no_op_here")
    export(model, tmp_path / "model")
    export(model, tmp_path / "model.tflite", input_shapes=[(2, 6, 5)])
    export(sequential, tmp_path / "sequential.tflite")
    converted = tf.lite.TFLiteConverter.from_keras_model(sequential).convert()
    (tmp_path / "converted.tflite").write_bytes(converted)
    model(np.ones((2, 3, 5), "float32"))
    model.export(tmp_path / "plain", verbose=False)
    tf.saved_model.save(model, tmp_path / "saved")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", lambda x: model(x), [tf.TensorSpec((None, None, 5))])
    archive.write_out(tmp_path / "archive", verbose=False)
    with ops.use("reference"):
        concrete = tf.function(model).get_concrete_function(tf.TensorSpec((None, None, 5)))
    tf.saved_model.save(model, tmp_path / "concrete", signatures=concrete)
    cases = [
        ("plain", model, (4, 6, 5), 1e-5),
        ("saved", model, (4, 6, 5), 1e-5),
        ("archive", model, (4, 6, 5), 1e-5),
        ("concrete", model, (4, 6, 5), 1e-5),
        ("model", model, (4, 6, 5), 1e-5),
        ("model", model, (1, 3, 5), 1e-5),
        ("model.tflite", model, (2, 6, 5), 1e-4),
        ("sequential.tflite", sequential, (1, 3), 1e-5),
        ("converted.tflite", sequential, (1, 3), 1e-5),
    ]
    inputs = [np.random.default_rng(0).normal(size=shape).astype("float32") for _, _, shape, _ in cases]
    jobs = []
    for i, (case, x) in enumerate(zip(cases, inputs, strict=True)):
        np.save(tmp_path / f"x{i}.npy", x)
        jobs.append([str(tmp_path / name) for name in (case[0], f"x{i}.npy", f"y{i}.npy")])
    result = subprocess.run([sys.executable, "-c", RUN, json.dumps(jobs)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for i, ((_, model, _, tolerance), x) in enumerate(zip(cases, inputs, strict=True)):
        np.testing.assert_allclose(np.load(tmp_path / f"y{i}.npy"), model(x), rtol=tolerance, atol=tolerance / 10)


def test_existing_export_is_replaced(model, tmp_path):
    (tmp_path / "model").mkdir()
    export(model, tmp_path / "model")
    (tmp_path / "model/old").touch()
    export(model, tmp_path / "model")
    assert not (tmp_path / "model/old").exists()
    assert (tmp_path / "model/saved_model.pb").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_other_folders_are_not_replaced(model, tmp_path):
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents/thesis.txt").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("documents", "file", "link", "documents.tflite"):
        if name.endswith(".tflite"):
            (tmp_path / "documents").rename(tmp_path / name)
        with raises_argument_error("path", received=name, expected="an earlier export"):
            export(model, tmp_path / name)
    assert (tmp_path / "documents.tflite/thesis.txt").exists()


def test_several_inputs(tmp_path):
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
    model = keras.Model(inputs, keras.layers.Add()([inputs["a"], Norm()(inputs["b"])]))
    export(model, tmp_path / "any")
    export(model, tmp_path / "two", input_shapes=[(2, 3), (2, 3)])
    x = {"a": tf.ones((2, 3)), "b": tf.constant([[1.0, 2.0, 3.0]] * 2)}
    for name in ("any", "two"):
        exported = tf.saved_model.load(tmp_path / name)
        np.testing.assert_allclose(exported.serve(x), model(x), rtol=1e-5)


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_function_traced_with_kernels(tmp_path):
    traced = tf.function(ops.layer_norm).get_concrete_function(tf.TensorSpec((2, 3)))

    class Keeps(keras.layers.Layer):
        def call(self, x):
            return traced(x)

    model = keras.Sequential([keras.Input((3,), batch_size=2), Keeps()])
    with pytest.raises(ValueError, match="traced with compiled kernels"):
        export(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "shapes", "message"),
    [
        ("m.tflite", None, "shapes without None"),
        ("m.tflite", [(2, None, 5)], "shapes without None"),
        ("m", [(2, 6, 4)], "one for each input, that are compatible"),
        ("m", [(2, 6, 5), (2, 6, 5)], "one for each input, that are compatible"),
    ],
)
def test_bad_shapes(model, name, shapes, message, tmp_path):
    with raises_argument_error("input_shapes", expected=message):
        export(model, tmp_path / name, input_shapes=shapes)
    assert not list(tmp_path.iterdir())


def test_unbuilt_model(tmp_path):
    with raises_argument_error("model", expected="built"):
        export(keras.Sequential([keras.layers.Dense(1)]), tmp_path / "model")


def test_sequential_models(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    export(model, tmp_path / "model", input_shapes=[(2, 3)])
    assert (tmp_path / "model/saved_model.pb").exists()
