"""Tests of forms that scripts of other people contain, and that were not migrated, or were migrated to other code."""

import textwrap

import keras
import pytest

from tensorsmith.migrate import migrate_script
from tensorsmith.migrate.keras2_rules import weight_of_layer

HEAD = "import tensorflow as tf\nimport tensorflow_addons as tfa\n"
MARK = "# tensorsmith migrate: "


def migrated(code):
    """Returns the code after the migration, without the imports above it, and the result."""
    result = migrate_script(f"{HEAD}{code}\n".encode())
    assert migrate_script(result.script).script == result.script
    return result.script.decode().removeprefix("import tensorflow as tf\n").rstrip(), result


@pytest.mark.parametrize(
    "line",
    [
        "from tensorflow.keras.layers.experimental import preprocessing",
        "from tensorflow.keras.mixed_precision import experimental as mixed_precision",
        "from keras.utils import np_utils",
        "from tensorflow.keras.layers.experimental import preprocessing as p; x = 3",
    ],
)
def test_unused_import_of_a_module_that_is_gone(line):
    after, result = migrated(line)
    assert after == ("x = 3" if "x = 3" in line else "")
    assert result.complete


def test_exported_module_that_is_gone_remains():
    code = "from tensorflow.keras.layers.experimental import preprocessing\n\n__all__ = ['preprocessing']"
    assert code in migrated(code)[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("keras = tf.keras\nx = keras.optimizers.Adam(lr=0.1)", "keras.optimizers.Adam(learning_rate=0.1)"),
        ("K = tf.keras.backend\nx = K.set_value(a.b, 2)", "a.b.assign(2)"),
        ("k = tf.keras\nb = k.backend\nx = b.set_value(a.b, 2)", "a.b.assign(2)"),
        ("layers = tf.keras.layers\nx = layers.Softmax(robust_masking=True)", "layers.Softmax()"),
        ("layers = tf.keras.layers\nx = layers.Dropout(0.5)(y, True)", "layers.Dropout(0.5)(y, training=True)"),
        ("Adam = tf.keras.optimizers.Adam\nx = Adam(lr=0.1)", "Adam(learning_rate=0.1)"),
        (
            "keras = tf.keras\nx = keras.layers.experimental.preprocessing.Rescaling(2)",
            "keras.layers.Rescaling(2)",
        ),
    ],
)
def test_names_that_are_assigned(before, after):
    *first, _ = before.splitlines()
    code, result = migrated(before)
    assert code == "\n".join([*first, f"x = {after}"])
    assert result.complete


@pytest.mark.parametrize(
    ("code", "comment"),
    [
        ("LSTM = tf.keras.layers.CuDNNLSTM\nx = LSTM(3)", "keras.layers.CuDNNLSTM: Keras 3 does not have it"),
        ("p = tf.keras.layers.experimental.preprocessing", "keras.layers.experimental.preprocessing: Keras 3"),
        ("layers = tf.keras.layers\nx = layers.LSTM(3, time_major=True)", "time_major is not supported"),
        ("x = tf.compat.v1.layers.dense(y, 3)", "use the layers of tf.keras"),
        ("x = tf.compat.v1.nn.rnn_cell.LSTMCell(3)", "use the layers of tf.keras"),
        ("model.compile(tf.compat.v1.train.AdamOptimizer(0.1), 'mse')", "Keras 3 accepts only its own optimizers"),
        ("o = tf.compat.v1.train.AdamOptimizer(0.1)\nmodel.compile(loss='mse', optimizer=o)", "its own optimizers"),
        ("f = tf.keras.backend.function([a], [b])", "call a keras.Model of the same inputs and outputs"),
        ("x = optimizer.get_unscaled_gradients(gradients)", "apply_gradients divides the gradients"),
        ("model.load_weights(tf.train.latest_checkpoint(path))", "tf.train.Checkpoint"),
        ("c = tf.train.latest_checkpoint(path)\nmodel.load_weights(c)", "tf.train.Checkpoint"),
        ("x = tf.keras.layers.experimental.SyncBatchNormalization", "its successor has other arguments"),
        ("print(model.metrics_names)", "call evaluate(return_dict=True)"),
        ("x = tfa.image.rotate(tf.keras.Input((8, 8, 3)), 0.1)", "wrap it in a layer"),
        ("def f(x):\n    return tfa.image.median_filter2d(x)\n\n\nf(tf.keras.Input((8, 8, 3)))", "wrap it in a layer"),
    ],
)
def test_comments(code, comment):
    after, result = migrated(code)
    assert [line for line in after.splitlines() if MARK in line and comment in line]
    assert result.rejected == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.keras.Input(batch_input_shape=(2, 3))", "tf.keras.Input(batch_shape=(2, 3))"),
        ("tf.keras.layers.InputLayer(batch_input_shape=(2, 3))", "tf.keras.layers.InputLayer(batch_shape=(2, 3))"),
        ("tf.compat.v1.keras.optimizers.Adam(lr=0.1)", "tf.compat.v1.keras.optimizers.Adam(learning_rate=0.1)"),
        ("history.get('lr') + logs.get(\"lr\", 0)", "history.get('learning_rate') + logs.get(\"learning_rate\", 0)"),
        ("tf.keras.callbacks.ReduceLROnPlateau(epsilon=0.1)", "tf.keras.callbacks.ReduceLROnPlateau(min_delta=0.1)"),
        ("optimizer.get_scaled_loss(loss)", "optimizer.scale_loss(loss)"),
        ("options.get('lr')", "options.get('lr')"),
        ("o.minimize(loss)", "o.minimize(loss)"),
    ],
)
def test_rewritten(before, after):
    code, result = migrated(f"x = {before}")
    assert code == f"x = {after}"
    assert result.complete


def test_minimize_of_tensorflow_1():
    code = "optimizer = tf.compat.v1.train.AdamOptimizer(0.1)\noptimizer.minimize(loss)"
    assert migrated(code)[0] == code


def test_weights_of_a_layer():
    code = """
    class Scale(tf.keras.layers.Layer):
        def build(self, shape):
            self.a = self.add_variable("a", (3,))
            self.b = self.add_weight("b", aggregation=tf.VariableAggregation.MEAN)"""
    after, result = migrated(textwrap.dedent(code))
    assert 'self.a = self.add_weight(name="a", shape=(3,))' in after
    assert 'self.b = self.add_weight(name="b", aggregation="mean")' in after
    assert result.complete


@pytest.mark.parametrize("name", ["MEAN", "ONLY_FIRST_REPLICA", "SUM"])
def test_aggregation_that_keras_accepts(name):
    given = weight_of_layer({"aggregation": f"tf.VariableAggregation.{name}"})
    weight = keras.layers.Layer().add_weight(shape=(), aggregation=given["aggregation"].strip('"'))
    assert weight.aggregation == name.lower()


def test_optimizer_of_keras_2():
    code = """
    class SGD(tf.keras.optimizers.Optimizer):
        def __init__(self, rate):
            super().__init__("SGD")
            self._set_hyper("rate", rate)

        def _resource_apply_dense(self, gradient, variable, apply_state=None):
            return variable.assign_sub(self._get_hyper("rate") * gradient)"""
    after, result = migrated(textwrap.dedent(code))
    assert result.rejected == 3
    assert f"    {MARK}_resource_apply_dense: Keras 3 does not call it: override update_step" in after


def test_import_below_environment_variables():
    """Environment variables of TensorFlow have no effect after its import."""
    code = "import os\n\nos.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\nimport tensorflow as tf\n\n"
    use = "\n\ndef build():\n    import tensorflow_addons as tfa\n\n    return tfa.layers.Maxout(3)\n"
    after = migrate_script((code + use).encode()).script.decode()
    assert after.index("os.environ") < after.index("import tensorflow as tf") < after.index("import tensorsmith.layers")


def test_name_of_a_tensor_in_another_function():
    """A local variable is not the tensor of the same name at the level of the module."""
    code = (
        "x = tf.keras.Input((3,))\n\n\ndef f():\n    x = tf.ones(3)\n    return tf.size(x), [tf.size(x) for x in [1]]"
    )
    after, result = migrated(code)
    assert (after, result.complete) == (code, True)
