"""A training run to be killed: `python killed.py KIND FOLDER` trains, resumes, and leaves FOLDER/end.npz at its end."""

import sys
from pathlib import Path

import numpy as np

from tensorsmith.training import Checkpoints, Trainer  # before Keras, so that TensorFlow is quiet

import keras  # isort: skip
import tensorflow as tf  # isort: skip

EPOCHS = 40


class Begun(keras.callbacks.Callback):
    """Says on standard output that steps come now."""

    def on_train_begin(self, logs=None):
        print("begun", flush=True)


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


def main(kind, folder):
    keras.utils.set_random_seed(1)
    model = model_of(kind)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 2000 // 16 * EPOCHS)
    trainer = Trainer(
        model,
        keras.optimizers.Adam(rate, use_ema=True, global_clipnorm=1.0),
        "sparse_categorical_crossentropy",
        ["accuracy"],
        jit=kind in ("mlp", "attention"),
        steps_per_loop=7,
    )
    x, y = data()
    stream = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(500, seed=4).batch(16).prefetch(2)
    history = trainer.fit(
        *((stream,) if kind in ("lstm", "convnet") else (x, y)),
        batch_size=16,
        epochs=EPOCHS,
        validation_data=(x[:100], y[:100]),
        callbacks=[Begun(), keras.callbacks.EarlyStopping("val_loss", patience=EPOCHS, restore_best_weights=True)],
        checkpoints=Checkpoints(folder / "checkpoints", every="20 steps"),
        resume=True,
        verbose=False,
    )
    losses = {name: np.array(values) for name, values in history.history.items()}
    weights = {f"weight{i}": weight for i, weight in enumerate(model.get_weights())}
    np.savez(folder / "end.npz", **losses, **weights)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
