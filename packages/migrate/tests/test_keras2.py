"""Tests of the migration of Keras 2: rules that change calls, imports, and code that remains the same."""

import keras
import pytest

from tensorsmith.migrate import migrate_script

HEAD = "import tensorflow as tf\nimport keras\nimport tensorflow_addons as tfa\n\n"


def migrated(code):
    """Returns the last line of a migrated script, the comment above it, and the result."""
    result = migrate_script(f"{HEAD}{code}\n".encode())
    *above, line = result.script.decode().rstrip().splitlines()
    comment = above[-1] if above[-1].startswith("# tensorsmith migrate:") else ""
    assert migrate_script(result.script).script == result.script
    return line, comment, result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.keras.layers.LSTM(3, time_major=False)", "tf.keras.layers.LSTM(3)"),
        ("tf.keras.optimizers.SGD(0.1, decay=0.0)", "tf.keras.optimizers.SGD(0.1)"),
        ("tf.optimizers.SGD(lr=0.1)", "tf.optimizers.SGD(learning_rate=0.1)"),
        ("tf.losses.Huber(reduction='AUTO')", 'tf.losses.Huber(reduction="sum_over_batch_size")'),
        ("model.train_on_batch(a, b, reset_metrics=False)", "model.train_on_batch(a, b)"),
        ("model.save(f'{path}.h5', save_format='h5')", "model.save(f'{path}.h5')"),
        ("model.save_weights(p + '.weights.h5', save_format='h5')", "model.save_weights(p + '.weights.h5')"),
        ("self.add_weight('w', (3,), use_resource=True)", "self.add_weight(name='w', shape=(3,))"),
        ("keras.layers.Dropout(0.5)(y, True)", "keras.layers.Dropout(0.5)(y, training=True)"),
        ("self.optimizer.variables()", "self.optimizer.variables"),
        ("model.variables()", "model.variables()"),
        ("history.history['lr'] + logs[\"lr\"]", "history.history['learning_rate'] + logs[\"learning_rate\"]"),
        ("options['lr']", "options['lr']"),
        ("keras.Model(input=a, output=b)", "keras.Model(inputs=a, outputs=b)"),
        ("numpy.save('a')", "numpy.save('a')"),
        ("model.fit(y, epochs=3)", "model.fit(y, epochs=3)"),
        ("model.fit(*a, workers=4)", "model.fit(*a)"),
        ("keras.layers.Dense(3, **options)", "keras.layers.Dense(3, **options)"),
        ("keras.layers.Dense(*options, name='a')", "keras.layers.Dense(*options, name='a')"),
    ],
)
def test_rules(before, after):
    line, comment, result = migrated(f"x = {before}")
    assert (line, comment, result.rejected) == (f"x = {after}", "", 0)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("tf.keras.layers.LSTM(3, time_major=True)", "transpose"),
        ("tf.keras.optimizers.SGD(0.1, decay=d)", "InverseTimeDecay(learning_rate, 1, decay)"),
        ("model.train_on_batch(a, b, reset_metrics=True)", "model.reset_metrics()"),
        ("self.add_weight(name='a', aggregation=tf.VariableAggregation.MEAN)", "sum the state"),
        ("self.add_weight('w', (3,), 'float32')", "argument 3"),
        ("model.save('folder')", "end with .keras or .h5"),
        ("self.model.save(os.path.join(folder, 'model'))", "end with .keras or .h5"),
        ("model.save(f'{folder}/model', save_format='tf')", "model.export(path)"),
        ("model.save_weights('w.h5')", "end with .weights.h5"),
        ("model.load_weights(Path(folder) / 'ckpt')", "tf.train.Checkpoint"),
        ("keras.models.load_model('folder')", "TFSMLayer"),
        ("keras.callbacks.ModelCheckpoint('best')", "end with .keras or .h5"),
        ("keras.callbacks.ModelCheckpoint('best.hdf5')", "end with .keras or .h5"),
        ("keras.callbacks.ModelCheckpoint('w-{epoch}.h5', save_weights_only=True)", "end with .weights.h5"),
        ("keras.callbacks.ModelCheckpoint('w.h5'.format(3), 'loss', 0, True, True)", "end with .weights.h5"),
        ("keras.callbacks.ModelCheckpoint(os.path.dirname(p), save_weights_only=True)", "is not visible here"),
        ("keras.callbacks.ModelCheckpoint(filepath=f'{folder}/{name}')", "end with .keras or .h5, and is not visible"),
        ("model.save_weights(path)", "end with .weights.h5, and is not visible here"),
        ("keras.layers.Dense(3, name='block/dense')", "slash"),
        ("keras.backend.set_value(a)", "value is not given"),
    ],
)
def test_rejected_arguments(code, reason):
    line, comment, result = migrated(f"x = {code}")
    assert (line, result.rejected, result.complete) == (f"x = {code}", 1, False)
    assert reason.replace("sum the state", "sums the state") in comment


@pytest.mark.parametrize(
    ("code", "accepted"),
    [
        ("path = 'a.weights.h5'\n", True),
        ("path = 'a.weights.h5' if small else 'b.weights.h5'\n", True),
        ("if small:\n    path = 'a.weights.h5'\nelse:\n    path = f'{x}.weights.h5'\n", True),
        ("if small:\n    path = 'a.weights.h5'\nelse:\n    path = 'a.ckpt'\n", False),
        ("path = os.path.dirname('training/cp-{epoch:04d}.weights.h5')\n", False),
        ("path = sys.argv[1] + '.weights.h5'\n", True),
        ("path = sys.argv[1]\n", False),
    ],
)
def test_file_names_in_variables(code, accepted):
    line = "x = keras.callbacks.ModelCheckpoint(filepath=path, save_weights_only=True)"
    assert migrated(code + line)[2].complete is accepted


@pytest.mark.parametrize(
    ("arguments", "ending"),
    [
        ("False, os.path.join(folder, name), save_weights_only=True", ".weights.h5"),
        ("False, filepath='cp-{epoch}.ckpt'", ".keras or .h5"),
        ("False, 'cp.hdf5'", ".keras or .h5"),
        ("True, 'cp.h5', save_weights_only=True", ".weights.h5"),
    ],
)
def test_average_model_checkpoint(arguments, ending):
    line, comment, result = migrated(f"x = tfa.callbacks.AverageModelCheckpoint({arguments})")
    assert (line, result.left) == (f"x = tfa.callbacks.AverageModelCheckpoint({arguments})", 1)
    assert f"has to end with {ending}" in comment


@pytest.mark.parametrize(
    ("name", "weights", "accepted"),
    [("a.keras", False, True), ("a.h5", False, True), ("a.hdf5", False, False), ("a.h5", True, False)],
)
def test_file_names_that_checkpoints_accept(name, weights, accepted):
    """Keras and the table accept the same file names."""
    try:
        keras.callbacks.ModelCheckpoint(name, save_weights_only=weights)
    except ValueError:
        assert not accepted
    else:
        assert accepted
    result = migrated(f"keras.callbacks.ModelCheckpoint({name!r}, save_weights_only={weights})")[2]
    assert (result.rejected == 0) is accepted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from tensorflow.keras.layers.experimental import preprocessing\npreprocessing.Rescaling(2)",
            "import keras\nkeras.layers.Rescaling(2)",
        ),
        (
            "from tensorflow.keras.layers.experimental.preprocessing import Rescaling, Resizing as R\nR(Rescaling)",
            "from tensorflow.keras.layers import Rescaling, Resizing as R\nR(Rescaling)",
        ),
        (
            "from tensorflow.keras.losses import mean_squared_error\nmean_squared_error(a, b)",
            "from tensorflow.keras.losses import MSE as mean_squared_error\nmean_squared_error(a, b)",
        ),
        (
            "from tensorflow.keras import layers\nlayers.experimental.EinsumDense",
            "from tensorflow.keras import layers\nlayers.EinsumDense",
        ),
        (
            "from tensorflow import keras\nkeras.optimizers.legacy.SGD(lr=1)",
            "from tensorflow import keras\nkeras.optimizers.SGD(learning_rate=1)",
        ),
        (
            "from tensorflow.keras.optimizers import Adam\nAdam(lr=1)",
            "from tensorflow.keras.optimizers import Adam\nAdam(learning_rate=1)",
        ),
        (
            "import tensorflow.keras.backend as K\nK.set_value(o.lr, 2)",
            "import tensorflow.keras.backend as K\no.lr.assign(2)",
        ),
    ],
)
def test_imports(before, after):
    result = migrate_script(f"import tensorflow_addons\n{before}\n".encode())
    kept = [line for line in result.script.decode().splitlines() if line != "import tensorflow_addons"]
    assert ("\n".join(kept), result.rejected) == (after, 0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from keras.layers.core import Dense\nDense(3)", "from keras.layers import Dense\nDense(3)"),
        (
            "from tensorflow.keras.layers.recurrent import LSTM\nLSTM(3, time_major=False)",
            "from tensorflow.keras.layers import LSTM\nLSTM(3)",
        ),
        (
            "from keras.layers.normalization.batch_normalization import BatchNormalization as B\nB(fused=True)",
            "from keras.layers import BatchNormalization as B\nB()",
        ),
        (
            "from keras.utils.np_utils import to_categorical\nto_categorical(y=a)",
            "from keras.utils import to_categorical\nto_categorical(x=a)",
        ),
        (
            "from keras.utils import np_utils\nnp_utils.to_categorical(y=a)",
            "import keras\nkeras.utils.to_categorical(x=a)",
        ),
    ],
)
def test_old_modules(before, after):
    test_imports(before, after)


@pytest.mark.parametrize(
    "line",
    [
        "from keras.optimizers import adam_v2",
        "from keras.layers.recurrent import CuDNNLSTM",
        "from keras.layers.core import activations_of",
        "from keras.utils.generic_utils import slice_arrays",
    ],
)
def test_old_modules_without_successor(line):
    result = migrate_script(f"import tensorflow_addons\n{line}\n".encode())
    assert result.rejected >= 1
    assert line in result.script.decode()
    assert "Keras 3 does not have it" in result.script.decode()


@pytest.mark.parametrize("code", ["svc.fit(X, y, workers=3)", "re.compile(a, b, c)", "pattern.compile(a, b, c)"])
def test_methods_of_other_objects(code):
    assert migrated(code)[0] == code


def test_methods_of_objects_of_keras():
    moved = migrate_script(f"{HEAD}c = tf.keras.Sequential()\nc.compile(a, b, c)\nc.fit(x, workers=3)\n".encode())
    assert moved.script.decode().endswith("c.compile(a, b, metrics=c)\nc.fit(x)\n")


@pytest.mark.parametrize("root", ["tensorflow.keras", "keras"])
@pytest.mark.parametrize("name", ["KerasClassifier", "KerasRegressor as R"])
def test_import_from_missing_package(root, name):
    line = f"from {root}.wrappers.scikit_learn import {name}"
    after, comment, result = migrated(line)
    assert (after, result.rejected) == (line, 1)
    assert "use the package scikeras, or SKLearnClassifier and SKLearnRegressor of keras.wrappers" in comment
    assert {"SKLearnClassifier", "SKLearnRegressor"} <= {*dir(keras.wrappers)}


def test_missing_import():
    script = b"import tensorflow_addons\nfrom tensorflow.keras.layers import DenseFeatures\n"
    result = migrate_script(script)
    assert result.rejected == 1
    assert b"# tensorsmith migrate: keras.layers.DenseFeatures: Keras 3 does not have it" in result.script


def test_scripts_without_addons_are_unchanged():
    script = b"import keras\nkeras.optimizers.Adam(lr=0.1)\n"
    assert migrate_script(script).script == script


def test_methods_of_the_script_are_unchanged():
    script = "class Model:\n    def compile(self, a, b, c):\n        pass\n\n\nModel().compile(1, 2, 3)\n"
    assert script in migrate_script(f"{HEAD}{script}".encode()).script.decode()


def test_reset_states_of_a_metric():
    script = "class Score(keras.metrics.Metric):\n    def reset_states(self):\n        self.total.reset_states()\n"
    assert script.replace("states", "state") in migrate_script(f"{HEAD}{script}".encode()).script.decode()


def test_function_with_the_name_of_a_method():
    line, comment, result = migrated("def save(x): pass\n\n\nmodel.save('folder')")
    assert (line, result.rejected) == ("model.save('folder')", 1)


@pytest.mark.parametrize("assignment", ["f = 3", "def f(x, y): pass", "from m import f", "f = lambda x, y: x"])
def test_other_functions_with_flags(assignment):
    moved = migrate_script(f"{HEAD}{assignment}\ny = f(x, True)\n".encode())
    assert b"y = f(x, True)" in moved.script


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.Variable(tf.ones(3), name='a')", "keras.Variable(tf.ones(3), name='a')"),
        ("tf.Variable(initial_value=v, trainable=True)", "keras.Variable(initializer=v, trainable=True)"),
        ("tf.Variable(v, True, dtype=d)", "keras.Variable(v, trainable=True, dtype=d)"),
        ("tf.Variable(0, trainable=False)", "tf.Variable(0, trainable=False)"),
    ],
)
def test_variables_of_layers(before, after):
    """Layers of Keras 3 train variables of Keras alone."""
    for base in ("tf.keras.Model", "keras.layers.Layer"):
        script = f"class Mine({base}):\n    def build(self, shape):\n        self.a = {before}\n"
        moved = migrate_script(f"{HEAD}{script}".encode()).script.decode()
        assert moved.endswith(script.replace(before, after))
    other = f"class Mine:\n    def build(self, shape):\n        self.a = {before}\n"
    assert other in migrate_script(f"{HEAD}{other}".encode()).script.decode()


def test_function_as_initial_value():
    script = "class Mine(keras.layers.Layer):\n    def build(self, shape):\n        self.a = tf.Variable(lambda: 1.0)\n"
    result = migrate_script(f"{HEAD}{script}".encode())
    assert (result.rewritten, result.rejected) == (1, 1)  # the import is removed


def test_unknown_experimental_name():
    line, comment, result = migrated("x = tf.keras.experimental.export_saved_model")
    assert (line, result.rejected) == ("x = tf.keras.experimental.export_saved_model", 1)
    assert "Keras 3 does not have it" in comment
