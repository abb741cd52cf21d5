"""Tests of the bridge in subprocesses: TensorFlow Addons works without output and does not affect Keras 3."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
needs_addons = pytest.mark.skipif(sys.version_info >= (3, 12), reason="Addons has no wheel for Python 3.12 and later")
WITHOUT_PYTHON_PATH = {
    "connected_components": "tfa.image.connected_components(tf.ones((2, 2)))",
    "correlation_cost": "tfa.layers.CorrelationCost(1, 1, 1, 1, 1, 'channels_last')([tf.ones((1, 2, 2, 1))] * 2)",
    "embedding_bag": "tfa.layers.EmbeddingBag(5, 3)(tf.constant([[1, 2]]))",
    "euclidean_distance_transform": "tfa.image.euclidean_dist_transform(tf.ones((1, 2, 2, 1), tf.uint8))",
    "parse_time": "tfa.text.parse_time('2020', '%Y', 'SECOND')",
    "resampler": "tfa.image.resampler(tf.ones((1, 2, 2, 1)), tf.ones((1, 1, 2)))",
    "skip_gram": "tfa.text.skip_gram_sample(tf.constant(['a', 'b']))",
}
PROGRAM = f"""
import sys
import tensorsmith.addons as tfa
import tensorflow as tf
import tensorflow_addons
import keras
assert tensorflow_addons.layers is tfa.layers and tfa.__version__ == "0.23.0"
assert keras.__version__ > "3" and keras.layers.Dense.__module__ == "keras.src.layers.core.dense"
assert "keras.src.engine" not in sys.modules
assert tf.keras.layers.Dense.__module__.startswith("tf_keras")

print(tfa.activations.lisht([1.0]).numpy().round(4))  # tanh(1)
x = tf.random.normal((2, 5, 4), seed=1)
print(tfa.layers.CRF(3)(x)[0].shape, tf.keras.layers.RNN(tfa.rnn.LayerNormLSTMCell(3))(x).shape)
print(tfa.image.adjust_hsv_in_yiq(tf.fill((4, 4, 3), 0.5), 0.1).numpy()[0, 0].round(4))  # grey has no hue

dense = [tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)]
model = tf.keras.Sequential(dense)
model.build((None, 4))
rates = [(tf.keras.optimizers.legacy.SGD(0.0), dense[0]), (tf.keras.optimizers.legacy.SGD(0.1), dense[1])]
model.compile(tfa.optimizers.MultiOptimizer(rates), "mse")
before = [layer.kernel.numpy() for layer in dense]
model.fit(tf.ones((8, 4)), tf.ones((8, 1)), verbose=0)
print(*[bool((layer.kernel.numpy() == old).all()) for layer, old in zip(dense, before)])

ids = tf.constant([[[1, 2]], [[3, 4]], [[5, 9]]])
parents = tf.constant([[[0, 0]], [[1, 0]], [[0, 1]]])
print(tfa.seq2seq.gather_tree(ids, parents, tf.constant([3]), tf.constant(9)).numpy()[:, 0].T.tolist())
tf.keras.utils.set_random_seed(0)  # the search ends early with some initial weights
cell, output = tf.keras.layers.LSTMCell(4), tf.keras.layers.Dense(5)
search = tfa.seq2seq.BeamSearchDecoder(cell, 2, output_layer=output, maximum_iterations=3)
found = search(tf.ones((5, 4)), start_tokens=tf.constant([0]), end_token=1, initial_state=[tf.zeros((2, 4))] * 2)
print(found[0].predicted_ids.shape)
for name, call in {WITHOUT_PYTHON_PATH}.items():
    try:
        eval(call)
    except Exception as error:
        assert "Use an environment" in str(error) and name in str(error), error
    else:
        raise AssertionError(name)
"""


def run(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **options)


@pytest.mark.slow
@needs_addons
def test_addons_runs_silently(tmp_path):
    result = run("-c", PROGRAM, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "[0.7616]",
        "(2, 5) (2, 3)",
        "[0.5 0.5 0.5]",
        "True False",
        "[[2, 3, 5], [1, 4, 9]]",  # same example as in the docstring of tensorsmith.ops.gather_tree
        "(1, 3, 2)",
    ]


@needs_addons
@pytest.mark.slow
def test_readme(tmp_path):
    (program,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    result = run("-c", program, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


@needs_addons
@pytest.mark.slow
def test_unmodified_script_runs(tmp_path):
    (tmp_path / "beside.py").write_text("NUMBER = 2")
    script = tmp_path / "old.py"
    script.write_text(
        "import sys, tensorflow as tf, tensorflow_addons as tfa, beside\n"
        "if __name__ == '__main__':\n"
        "    print(sys.argv[1:], beside.NUMBER, tfa.losses.pinball_loss([[1.0]], [[0.0]], tau=0.9).numpy())\n"
    )
    result = run("-m", "tensorsmith.addons", str(script), "--flag")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "['--flag'] 2 [0.9]\n"
    result = run("-m", "tensorsmith.addons")
    assert result.returncode == 2
    assert "the following arguments are required: script" in result.stderr


@needs_addons
@pytest.mark.slow
def test_import_order():
    result = run("-c", "import tensorflow, tensorsmith.addons")
    assert result.returncode == 1
    assert "Import tensorsmith.addons first" in result.stderr
    legacy = {**os.environ, "TF_USE_LEGACY_KERAS": "True"}
    assert run("-c", "import tensorflow, tensorsmith.addons", env=legacy).returncode == 0


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Addons has wheels for this Python")
def test_unsupported_python_version():
    result = run("-c", "import tensorsmith.addons")
    assert result.returncode == 1
    assert "has no release for Python 3.12 or later" in result.stderr
