"""Tests of TensorFlow functions that are applied to inputs and outputs of layers."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.migrate import migrate_script
from tensorsmith.migrate.keras_tensors import OPS

HEAD = "import tensorflow as tf\nimport tensorflow_addons as tfa\nfrom tensorflow.keras import backend as K, layers\n\n"
INPUT = "x = tf.keras.Input((4, 3))\n"
EXTRA = {  # arguments after the tensor
    "concat": "axis=-1",
    "expand_dims": "axis=-1",
    "reshape": "[-1, 12]",
    "squeeze": "axis=-1",
    "transpose": "perm=[0, 2, 1]",
}


def migrated(code):
    """Returns the code after the migration, without its first lines, and the result."""
    result = migrate_script(f"{HEAD}{code}\n".encode())
    return result.script.decode().partition("layers\n\n")[2].rstrip(), result


@pytest.mark.parametrize("name", OPS)
def test_function(name):
    """The replacement takes the same arguments, and its result is that of TensorFlow."""
    row, old = OPS[name], getattr(tf.math if name.startswith("math.") else tf, name.rpartition(".")[2], None)
    old = getattr(tf.nn, name.removeprefix("nn.")) if name.startswith("nn.") else old
    new = getattr(keras.ops, row.name.removeprefix("ops."))
    assert list(inspect.signature(old).parameters)[: len(row.arguments)] == list(row.arguments)
    assert list(inspect.signature(new).parameters)[:1] == [row.renamed.get(row.arguments[0], row.arguments[0])]

    call = {"concat": "[x, x]", "stack": "[x, x]"}.get(name, "x")
    call += ", x" if "x2" in row.renamed.values() else ""
    call += f", {EXTRA[name]}" if name in EXTRA else ""
    after, result = migrated(f"{INPUT}y = tf.{name}({call}, name='y')")
    assert (result.rewritten, result.rejected) == (2, 0)  # with the removed import of Addons
    value = np.random.default_rng(0).uniform(0.1, 2.0, (2, 4, 1 if name == "squeeze" else 3)).astype("float32")
    expected = eval(f"tf.{name}({call})", {"tf": tf, "x": value})  # noqa: S307 - code of this test
    line = after.splitlines()[-1].removeprefix("y = ")
    np.testing.assert_allclose(eval(line, {"tf": tf, "x": value}), expected, rtol=1e-5)  # noqa: S307
    assert isinstance(eval(line, {"tf": tf, "x": keras.Input(value.shape[1:])}), keras.KerasTensor)  # noqa: S307


@pytest.mark.parametrize(
    "code",
    [
        f"{INPUT}y = layers.Dense(2)(x)\nz = tf.shape(y)",
        f"{INPUT}z = tf.shape(layers.Dense(2)(x + 1)[:, 0])",
        f"{INPUT}z = K.sum(x)",
        "def block(y):\n    return tf.shape(y)\n\n\nblock(tf.keras.Input((3,)))",
        "def block(y):\n    return tf.shape(y)\n\n\nblock(y=tf.keras.Input((3,)))",
        "def build():\n    a, b = layers.Input((3,)), layers.Input((3,))\n    return tf.linalg.norm([a, b])",
        f"{INPUT}for y in [x, x]:\n    tf.size(y)",
        "y = base_model.output\ntf.size(y)",
        f"{INPUT}y = tf.transpose(x, perm, True)",
        f"{INPUT}y = x.get_shape()",
        f"{INPUT}y = layers.Dense(2)(x).shape.as_list()",
    ],
)
def test_rejected_functions(code):
    after, result = migrated(code)
    assert result.rejected == 1
    assert "# tensorsmith migrate: " in after
    again = migrate_script(result.script)
    assert (again.script, again.rewritten) == (result.script, 0)


@pytest.mark.parametrize(
    "code",
    [
        "x = tf.ones((2, 3))\ny = tf.shape(x), x.get_shape().as_list()",
        f"{INPUT}y = layers.Lambda(lambda x: tf.shape(x))(x)",
        f"{INPUT}y = tf.zeros(x.shape[1:])",
        f"{INPUT}model = tf.keras.Model(x, layers.Dense(2)(x))\ny = tf.size(model(tf.ones((2, 4, 3))))",
        f"{INPUT}def f(x):\n    return tf.size(x)\n\n\nf(tf.ones(3))",
        f"{INPUT}print(len(x.shape), K.int_shape(x))",
    ],
)
def test_other_calls(code):
    after, result = migrated(code)
    assert (after, result.rejected, result.rewritten) == (code, 0, 1)  # the removed import of Addons
