"""Training run to be killed: it trains or resumes, and writes end.npz at its end.

`python killed.py` reads lines `KIND STEPS SECONDS FOLDER`. For each line it forks, so that TensorFlow is imported only
once, and prints the exit code of the child, which trains and is killed SECONDS after it has trained STEPS steps.
"""

import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np

from tensorsmith.training import Checkpoints, Trainer  # before Keras, to suppress the messages of TensorFlow

import keras  # isort: skip
import tensorflow as tf  # isort: skip

EPOCHS = 8


def killing(steps, seconds):
    """Returns a callback that kills the process `seconds` after `steps` steps, regardless of its activity."""
    counts = []

    def count(batch, logs):
        counts.append(batch)
        if 7 * len(counts) > steps:
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    return keras.callbacks.LambdaCallback(on_train_batch_end=count)


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 8, 8)).astype("float32")
    return x, (x.mean(axis=(1, 2)) > 0).astype("int64")


def model_of(kind):
    layers = {
        "mlp": [keras.layers.Flatten(), keras.layers.Dense(64, "relu"), keras.layers.Dropout(0.3)],
        "lstm": [keras.layers.LSTM(16, dropout=0.2), keras.layers.BatchNormalization()],
        "convnet": [keras.layers.Reshape((8, 8, 1)), keras.layers.Conv2D(8, 3, activation="relu"),
                    keras.layers.SpatialDropout2D(0.2), keras.layers.Flatten()],
    }  # fmt: skip
    if kind == "attention":
        inputs = keras.Input((8, 8))
        attended = keras.layers.MultiHeadAttention(2, 4, dropout=0.1)(inputs, inputs)
        pooled = keras.layers.GlobalAveragePooling1D()(keras.layers.LayerNormalization()(inputs + attended))
        return keras.Model(inputs, keras.layers.Dense(2, "softmax")(pooled))
    return keras.Sequential([keras.Input((8, 8)), *layers[kind], keras.layers.Dense(2, "softmax")])


def train(kind, steps, seconds, folder):
    keras.utils.set_random_seed(1)
    model = model_of(kind)
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 2000 // 16 * EPOCHS)
    trainer = Trainer(
        model,
        keras.optimizers.SGD(rate, momentum=0.9, use_ema=True, global_clipnorm=1.0),
        "sparse_categorical_crossentropy",
        ["accuracy"],
        jit=kind == "mlp",
        steps_per_loop=7,
    )
    x, y = data()
    stream = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(500, seed=4).batch(16).prefetch(2)
    history = trainer.fit(
        *((stream,) if kind in ("lstm", "convnet") else (x, y)),
        batch_size=16,
        epochs=EPOCHS,
        callbacks=[
            killing(steps, seconds),
            keras.callbacks.EarlyStopping("loss", patience=EPOCHS, restore_best_weights=True),
        ],
        checkpoints=Checkpoints(folder / "checkpoints", every="20 steps"),
        resume=True,
        verbose=False,
    )
    losses = {name: np.array(values) for name, values in history.history.items()}
    weights = {f"weight{i}": weight for i, weight in enumerate(model.get_weights())}
    np.savez(folder / "end.npz", **losses, **weights)


def main():
    for line in sys.stdin:
        kind, steps, seconds, folder = line.split(maxsplit=3)
        arguments = (kind, float(steps), float(seconds), Path(folder.strip()))
        child = multiprocessing.get_context("fork").Process(target=train, args=arguments)
        child.start()
        child.join()
        print(child.exitcode, flush=True)


if __name__ == "__main__":
    main()
