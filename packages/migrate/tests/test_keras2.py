"""Tests of the migration of Keras 2 names: each row of the table, and the list derived from both versions of Keras."""

import importlib.util
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from tensorsmith.migrate import migrate_script
from tensorsmith.migrate.entry import Missing, Successor
from tensorsmith.migrate.keras2 import KERAS2

TOOL = Path(__file__).parents[3] / "tools" / "keras2_names.py"
HEAD = "import tensorflow as tf\nimport keras\nimport tensorflow_addons as tfa\n\n"
ROOTS = {"tf.keras": tf.keras, "keras": keras}
RECEIVERS = {
    "network": "vae",
    "shape": "input_shape",
    "weight": "kernel",
    "any": "thing",
    "layer": "layer",
    "metric": "score",
    "model": "model",
    "optimizer": "optimizer",
}
KINDS = {"layer": keras.layers.Layer, "metric": keras.metrics.Metric, "model": keras.Model}
KINDS |= {"optimizer": keras.optimizers.Optimizer}
ACCEPTED = {  # arguments that Keras 3 accepts among **kwargs
    "layers.EinsumDense": {"activity_regularizer"},
    "layers.Embedding": {"activity_regularizer", "input_length"},
    "layers.Identity": {"trainable", "name", "dtype"},
    "layers.LeakyReLU": {"alpha"},
    "Model.load_weights": {"by_name"},
}
BY_RULE = {  # arguments that a rule of the table translates, tested below
    **{f"layers.{name}": {"time_major"} for name in ("GRU", "LSTM", "RNN")},
    **{f"Model.{name}_on_batch": {"reset_metrics"} for name in ("test", "train")},
    **{name: {"save_format"} for name in ("Model.save", "Model.save_weights", "models.save_model")},
}
BASES = {"layers.Layer", "losses.Loss", "metrics.Metric", "optimizers.Optimizer"}  # called by super().__init__
GENERIC = """
    activity_regularizer add_loss build build_from_config call compute_dtype compute_mask compute_output_shape
    count_params dtype_policy dynamic get_build_config input input_spec load_own_variables losses merge_state metrics
    name name_scope non_trainable_variables non_trainable_weights output save_own_variables stateful
    steps_per_execution submodules supports_masking trainable trainable_variables trainable_weights updates
    variable_dtype
"""  # members of many other objects, or set when an object is created


@pytest.fixture(scope="module")
def derived():
    """Returns the names and arguments that Keras 3 lacks."""
    if importlib.util.find_spec("tf_keras") is None:
        pytest.skip("tf_keras is installed where TensorFlow Addons is")
    result = subprocess.run([sys.executable, TOOL], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def find(root, name):
    for part in name.split("."):
        root = getattr(root, part, None)
    return root


def entry(root, name):
    """Returns the row of a name, or of a package of it."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        part = ".".join(parts[:end])
        if f"{root}.{part}" in KERAS2 or part in KERAS2:
            return KERAS2.get(f"{root}.{part}", KERAS2.get(part))
    return None


def method(name):
    """Returns the row of a method such as `Model.fit`."""
    owner, _, last = name.rpartition(".")
    kinds = {"Model": ("any", "model"), "layers.Layer": ("any",), "optimizers.Optimizer": ("optimizer",)}
    return next((KERAS2[f"<{kind}>.{last}"] for kind in kinds.get(owner, ()) if f"<{kind}>.{last}" in KERAS2), None)


@pytest.mark.slow
def test_table_covers_names(derived):
    assert len(derived["names"][""]) > 150
    for root, names in derived["names"].items():
        inside = {key.removeprefix(f"{root}.").rpartition(".")[0] for key in KERAS2}
        packages = {package for each in inside for package in (each, each.partition(".")[0])}
        assert not [name for name in names if entry(root or "tf.keras", name) is None and name not in packages]


@pytest.mark.slow
def test_table_covers_arguments(derived):
    assert len(derived["arguments"]) > 50
    lost = {}
    for name, arguments in derived["arguments"].items():
        row = method(name) or entry("keras", name)
        moved = isinstance(row, Successor) and row.name not in ("", name) and not row.name.startswith(".")
        if name in BASES or moved or name.startswith("saving."):
            continue
        known = {*row.renamed, *row.dropped, *row.refused} if isinstance(row, Successor) else set()
        lost[name] = set(arguments) - known - ACCEPTED.get(name, set()) - BY_RULE.get(name, set())
    assert not {name: arguments for name, arguments in lost.items() if arguments - {"dynamic"}}


@pytest.mark.slow
def test_table_covers_members(derived):
    kinds = {"Model": "model", "layers.Layer": "layer", "optimizers.Optimizer": "optimizer", "metrics.Metric": "metric"}
    for owner, members in derived["members"].items():
        known = {name.partition(">.")[2] for name in KERAS2 if name.startswith((f"<{kinds[owner]}>", "<any>"))}
        derived_elsewhere = {"get_weights", "set_weights", "weights", "input_shape", "output_shape"}
        assert (
            not set(members)
            - known
            - set(GENERIC.split())
            - (derived_elsewhere if owner != "optimizers.Optimizer" else set())
        )


def split(key):
    """Returns the roots and the name of a key of the table."""
    root = next((root for root in ROOTS if key.startswith(f"{root}.")), None)
    return ([root], key.removeprefix(f"{root}.")) if root else (list(ROOTS), key)


def migrated(code):
    """Returns the last line of a migrated script, the comment above it, and the result."""
    result = migrate_script(f"{HEAD}{code}\n".encode())
    *above, line = result.script.decode().rstrip().splitlines()
    comment = above[-1] if above[-1].startswith("# tensorsmith migrate:") else ""
    assert migrate_script(result.script).script == result.script
    return line, comment, result


def expect(expected):
    """Migrate many expressions in one script, and compare each with its successor, or with a part of its comment.

    Args:
        expected: Pairs of an expression, and its successor or a tuple with a part of the comment above it.
    """
    lines = [f"x{number} = {code}" for number, (code, _) in enumerate(expected)]
    result = migrate_script("\n".join((HEAD, *lines, "")).encode())
    assert migrate_script(result.script).script == result.script
    comment, found = "", {}
    for line in result.script.decode().splitlines():
        if line.startswith("x"):
            found[line.partition(" ")[0]] = line.partition(" = ")[2], comment
        comment = line if line.startswith("# tensorsmith migrate:") else ""
    for number, (code, after) in enumerate(expected):
        line, comment = found[f"x{number}"]
        if isinstance(after, tuple):
            assert line == code
            assert after[0] in comment, code
        else:
            assert (line, comment) == (after, ""), code
    assert result.rejected == sum(isinstance(after, tuple) for _, after in expected)


def test_missing_names():
    expected = []
    for key, row in KERAS2.items():
        if isinstance(row, Missing) and key[0] != "<":
            roots, name = split(key)
            for root in roots:
                assert find(ROOTS[root], name) is None, key
                expected.append((f"{root}.{name}", (f"keras.{name}: {row.reason}",)))
    assert len(expected) > 250
    expect(expected)


@pytest.mark.parametrize("root", ROOTS)
def test_successors_of_names(root):
    expected = []
    for key, row in KERAS2.items():
        roots, name = split(key)
        if not isinstance(row, Successor) or key[0] == "<" or root not in roots:
            continue
        if row.result:
            expected.append((f"{root}.{name}(a.b, 2)", "a.b.assign(2)"))
            continue
        component = row.name if row.name.startswith('"') else f"{root}.{row.name}"
        if row.name != name:
            if isinstance(entry(root, row.name), Missing):
                continue  # the successor itself is in tf.keras alone
            expected.append((f"{root}.{name}", component))
            if row.name.startswith('"'):
                continue
            if "legacy" not in name:  # a class that raises an error
                assert find(ROOTS[root], name) is None, key
        assert find(ROOTS[root], row.name) is not None, key
        expected += argument_cases(f"{root}.{name}", component, row, find(ROOTS[root], row.name))
    assert len(expected) > 200
    expect(expected)


def test_members():
    expected = []
    for key in (key for key in KERAS2 if key[0] == "<"):
        kind, name = re.fullmatch(r"<(\w+)>\.(\w+)", key).groups()
        row, receiver = KERAS2[key], RECEIVERS[kind]
        if isinstance(row, Missing):
            expected.append((f"{receiver}.{name}", (row.reason,)))
            continue
        owners = [KINDS[kind]] if kind != "any" else [keras.Model, keras.layers.Layer]
        owner = next((owner for owner in owners if find(owner, row.name[1:].split(".")[0])), None)
        assert owner is not None, key
        if row.changes_calls:
            expected += argument_cases(f"{receiver}.{name}", f"{receiver}{row.name}", row, find(owner, row.name[1:]))
            continue
        expected.append((f"{receiver}.{name}", f"{receiver}{row.name}"))
        assert f".{name}" == row.name or not hasattr(owner, name), key
    expect(expected)


def argument_cases(old, new, row, component):
    """Yield calls with each changed argument for `expect`, after a comparison with the signature of Keras 3."""
    kinds = [kind.__init__ for kind in component.__mro__] if inspect.isclass(component) else [component]
    accepted = {name for kind in kinds for name in inspect.signature(kind).parameters}
    for before, after in row.renamed.items():
        assert after in accepted or row.name in (".add_weight", "Model", "models.Model")
        yield f"{old}({before}=(1,))", f"{new}({after}=(1,))"  # a tuple, which is also a shape
    for name in row.dropped:
        assert name not in accepted - {"name"}
        yield f"{old}({name}=v)", f"{new}()"
    for name, advice in row.refused.items():
        assert name not in accepted
        yield f"{old}({name}=v)", (f"{name} is not supported: {advice}",)
    for name, value in row.added.items():
        assert name in accepted
        yield f"{old}()", f"{new}({name}={value})"
    moving = row.arguments[row.in_place :]
    if moving and not row.result:
        given = [f"v{position}" for position in range(row.in_place + 1)]
        name = row.renamed.get(moving[0], moving[0])
        assert name in accepted
        added = [f"{name}={value}" for name, value in row.added.items()]
        yield f"{old}({', '.join(given)})", f"{new}({', '.join([*given[:-1], *added, f'{name}={given[-1]}'])})"


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
