"""Test that a new process can load a saved model after calling `register`."""

import subprocess
import sys

import keras
import numpy as np

from tensorsmith import layers, losses, metrics, optimizers

LOAD = """
import sys
import keras, numpy as np
from tensorsmith.core import register
assert "tensorsmith.layers" not in sys.modules
register()
path, inputs, outputs = sys.argv[1:]
np.save(outputs, keras.models.load_model(path).predict(np.load(inputs), verbose=0))
"""


def test_fresh_process_loads_a_model(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Maxout(2), layers.Snake()])
    model.compile(optimizers.AdamW(), losses.Huber(), [metrics.RoundedAccuracy()])
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    paths = [tmp_path / name for name in ("model.keras", "x.npy", "y.npy")]
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", LOAD, *paths], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0))
