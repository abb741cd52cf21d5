"""Tests of comments on the names of variables, compared with the names in both versions of Keras."""

import functools
import importlib
import re
import types

import pytest

from tensorsmith.migrate import migrate_script

HEAD = "import re\nimport tensorflow as tf\nimport tensorflow_addons as tfa\n\n"
MODEL = """
model = tf.keras.Sequential([tf.keras.layers.Dense(2), tf.keras.layers.BatchNormalization()])
model.build((None, 3))
other = tf.keras.Sequential([tf.keras.layers.Dense(2)])
other.build((None, 3))
"""
DIFFERENT = [
    "[v for v in model.trainable_variables if 'dense' in v.name]",
    "[v.shape for v in model.weights if not v.name.startswith('batch')]",
    "[v.name == 'dense/kernel:0' for v in model.variables]",
    "[v.name.endswith('kernel:0') for v in model.get_layer(index=0).weights]",
    "[re.search('norm', v.name) is None for v in model.trainable_weights]",
    "[re.compile('^dense').match(v.name) is None for v in model.weights]",
    "[len(v.name.split('/')) for _, v in enumerate(model.weights)]",
    "[a.name in [b.name for b in other.weights] for a in model.weights]",
    "[all(part not in v.name.lower() for part in ['norm', 'bias']) for v in model.weights + other.weights]",
    "len({v.name: v for v in model.weights + other.weights})",
    "[v.shape for v in filter(lambda v: 'dense' in v.name, model.weights)]",
    "[v.name for v in sorted(model.weights, key=lambda v: v.name.split(':')[-1])]",
    "[variable.name.rpartition('/')[0] for grad, variable in zip([1, 2], model.weights)]",
    "'norm' in model.weights[-1].name",
    "decayed = [v for v in model.weights if 'bias' not in v.name]\nresult = ['norm' in v.name for v in decayed]",
    "for v in model.layers: pass\nfor v in model.weights:\n    name = v.name\n    result = 'norm' in name",
]
EQUAL = [
    "[v.shape for v in model.trainable_variables if 'kernel' in v.name]",
    "[any(part in v.name for part in ('gamma', 'bias')) for v in model.weights]",
    "[v.shape for v in model.weights if re.search('moving_mean', v.name)]",
    "[layer.name.startswith('dense') for layer in model.layers]",
    "[v.shape for layer in model.layers if 'norm' in layer.name for v in layer.weights]",
    "for v in model.weights: pass\nfor v in model.layers:\n    result = 'norm' in v.name",
    "[v.name is None for v in model.weights]",
]


def migrated(code):
    """Returns the migrated code and the number of comments."""
    result = migrate_script(f"{HEAD}{MODEL}{code}\n".encode())
    assert migrate_script(result.script).script == result.script
    return result, result.script.decode().count('name: variables are named "kernel" in Keras 3')


@functools.cache
def models(version):
    """Returns the names of a script that creates models with a version of Keras."""
    version = importlib.import_module(version)
    version.backend.clear_session()
    names = {"re": re, "tf": types.SimpleNamespace(keras=version)}
    exec(MODEL, names)  # noqa: S102 - code of this test
    return names


def evaluated(code, version):
    """Returns the value of the code, with shapes in place of variables."""
    names = {**models(version)}
    exec(code, names)  # noqa: S102 - code of this test
    value = names["result"]
    values = value if isinstance(value, list) else [value]
    return [tuple(each.shape) if hasattr(each, "shape") else each for each in values]


def both(code):
    pytest.importorskip("tf_keras", reason="tf_keras is installed where TensorFlow Addons is")
    code = code if "result = " in code else f"result = {code}"
    return code, evaluated(code, "tf_keras"), evaluated(code, "keras")


@pytest.mark.parametrize("code", DIFFERENT)
def test_comparisons_that_differ(code):
    code, before, after = both(code)
    assert before != after
    result, comments = migrated(code)
    assert (result.rejected, comments) == (1, 1), result.script.decode()


@pytest.mark.parametrize("code", EQUAL)
def test_comparisons_that_do_not_differ(code):
    code, before, after = both(code)
    assert before == after
    assert migrated(code)[1] == 0


@pytest.mark.parametrize(
    "code",
    [
        "y = [v for v in model.weights if 'dense' in v.path]",
        "class Layer(tf.keras.layers.Layer):\n    def build(self, shape):\n        self.add_weight(name='scale')\n\n\n"
        "y = [v for v in Layer().weights if 'scale' in v.name]",
        "class C:\n    weights = ()\n\n    def find(self):\n        return [w for w in self.weights if w.name == '']",
        "class Config:\n    weights = ()\n\n\nconfig = Config()\ny = [w for w in config.weights if w.name == 'a']",
        "def f(): pass\n\n\nprint(f.name == 'a', [a.name == b.name for a, b in zip(*pairs)], f[0].name == 'a')",
        "def is_frozen(v):\n    return 'norm' in v.name",
        "for v in model.weights:\n    print(v.name)",
    ],
)
def test_other_names(code):
    assert migrated(code)[1] == 0


def test_names_that_refer_to_each_other():
    """The time is linear in the number of assignments."""
    lines = ["variables = variables + model.weights", "name = variables[0].name", "name = name.lower()"] * 20
    assert migrated("\n".join([*lines, "print('dense' in name)"]))[1] == 1
