"""Runs the scripts of a folder and prints their results and trained weights, or their errors, as JSON.

Scripts run before the migration with `tensorsmith.addons`, and after it with Keras 3. So that both compute the same
numbers, initial weights depend only on their shapes, random numbers of TensorFlow only on the number of calls, and
dropout is switched off. The optimizers before the migration are those of Keras before 2.11. Functions are not traced
before the migration, which would take longer than the scripts themselves.
"""

import gc
import importlib
import itertools
import json
import sys
import traceback
from pathlib import Path

folder, *modules = sys.argv[1:]
sys.path.insert(0, folder)  # scripts may import each other
sys.dont_write_bytecode = True
for module in modules:
    importlib.import_module(module)

import numpy as np  # noqa: E402 - a module may change what TensorFlow is
import tensorflow as tf  # noqa: E402

DROPOUT = ("Dropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout3D")
INITIALIZERS = ("Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling")
# Most draw random numbers in functions: once for each function if it is traced, and otherwise in each call. The loss of
# the last one is close to zero, and depends on the order of a sum.
TRACED = ("common_training.py", "image_augmentation.py", "spectral_gan.py", "ordinal_kappa.py")
OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "RMSprop", "SGD")


def initial(initializer, shape, dtype=None, **_):
    """Return the same values for all weights of a shape."""
    sizes = [int(size) for size in shape]
    return tf.constant(np.random.default_rng(sizes).normal(0, 0.3, sizes), dtype or "float32")


def drawn(function):
    """Return a random function of TensorFlow with a seed that is the number of calls in the script."""

    def draw(shape, *arguments, seed=None, **options):
        return function(shape, [0, next(calls)], *arguments, **options)

    return draw


def unchanged(layer, inputs, *_, **__):
    """Replace the method `call` of dropout layers."""
    return inputs


def code_of(path):
    """Return the code of a script or notebook."""
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        lines = "".join("".join(cell) + "\n" for cell in cells).splitlines()
        text = "\n".join(line for line in lines if not line.startswith(("%", "!")))
    return compile(text, path.name, "exec")


def weights_of(names):
    """Return the trained weights of all layers and models of a script, sorted because their order may differ."""
    layers = [value for value in names.values() if isinstance(value, tf.keras.layers.Layer)]
    weights = [np.ravel(weight.numpy()) for layer in layers for weight in layer.trainable_weights]
    return np.sort(np.concatenate([*weights, []]))


for name in INITIALIZERS:
    getattr(tf.keras.initializers, name).__call__ = initial
tf.random_normal_initializer.__call__ = initial
for name in DROPOUT:
    getattr(tf.keras.layers, name).call = unchanged
tf.random.uniform, tf.random.normal = drawn(tf.random.stateless_uniform), drawn(tf.random.stateless_normal)
if modules:
    for name in OPTIMIZERS:
        setattr(tf.keras.optimizers, name, getattr(tf.keras.optimizers.legacy, name))

gc.freeze()
gc.set_threshold(100_000, 50, 100)  # graphs of TensorFlow have many objects, few of which are garbage
found = {}
for path in sorted(Path(folder).iterdir()):
    tf.keras.utils.set_random_seed(0)
    tf.config.run_functions_eagerly(bool(modules) and path.name not in TRACED)
    calls = itertools.count()
    try:
        names = {"__name__": "__main__"}
        exec(code_of(path), names)  # noqa: S102 - the scripts of the corpus
        found[path.name] = [np.ravel(np.array(names["result"], "float64")).tolist(), weights_of(names).tolist()]
    except Exception:  # noqa: BLE001 - the tests report any error
        found[path.name] = traceback.format_exc()
    tf.keras.mixed_precision.set_global_policy("float32")
    tf.keras.backend.clear_session()  # collects the garbage
    gc.freeze()
print("RESULTS" + json.dumps(found))
