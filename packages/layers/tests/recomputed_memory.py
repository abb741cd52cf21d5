"""Prints the peak memory in MiB for training a stack of Transformer blocks.

`python recomputed_memory.py [--blocks 5]` prints a line for each combination: whether blocks are recomputed, whether
they are compiled by XLA, and the peak memory. It imports TensorFlow once and trains in forks of itself.
"""

import argparse
import itertools
import multiprocessing
import re
from pathlib import Path

import keras
import numpy as np

from tensorsmith.layers import Recomputed

STEPS, WIDTH, BATCH = 128, 128, 64


def block():
    """Returns attention and a feed-forward network, each with pre-normalization and a shortcut."""
    x = inputs = keras.Input((STEPS, WIDTH))
    attended = keras.layers.LayerNormalization()(x)
    attended = keras.layers.MultiHeadAttention(4, WIDTH // 4, dropout=0.1)(attended, attended)
    x = keras.layers.Add()([x, attended])
    hidden = keras.layers.Dense(4 * WIDTH, "gelu")(keras.layers.LayerNormalization()(x))
    x = keras.layers.Add()([x, keras.layers.Dropout(0.1)(keras.layers.Dense(WIDTH)(hidden))])
    return keras.Model(inputs, x)


def train(blocks, recomputed, jit):
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((STEPS, WIDTH))
    for _ in range(blocks):
        x = Recomputed(block())(x) if recomputed else block()(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    data = np.random.default_rng(0).normal(size=(BATCH, STEPS, WIDTH)).astype("float32")
    model.compile(keras.optimizers.SGD(1e-3), "mean_squared_error", jit_compile=jit)
    model.fit(data, data[..., :1], batch_size=BATCH, verbose=0)
    # The maximum of `getrusage` includes that of the parent process.
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024
    print(int(recomputed), int(jit), peak, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=5)
    options = parser.parse_args()
    for combination in itertools.product((False, True), repeat=2):
        child = multiprocessing.get_context("fork").Process(target=train, args=(options.blocks, *combination))
        child.start()
        child.join()


if __name__ == "__main__":
    main()
