"""Checkpoints of averaged weights in a folder."""

import os
import tempfile

import tensorflow as tf
import tensorflow_addons as tfa

checkpoint_path = os.path.join(tempfile.mkdtemp(), "cp-{epoch:04d}.ckpt")
checkpoint_dir = os.path.dirname(checkpoint_path)
cp_callback = tf.keras.callbacks.ModelCheckpoint(filepath=checkpoint_dir, save_weights_only=True, verbose=0)
avg_callback = tfa.callbacks.AverageModelCheckpoint(
    filepath=checkpoint_dir, update_weights=False, save_weights_only=True
)
x, y = tf.ones((8, 4)), tf.zeros((8, 1))
result = 0.0
for optimizer, callback in ((tf.keras.optimizers.SGD(0.1), cp_callback), (tfa.optimizers.SWA("sgd"), avg_callback)):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(4,))])
    model.compile(optimizer=optimizer, loss="mse")
    model.fit(x, y, epochs=1, callbacks=[callback], verbose=0)
    result += model.evaluate(x, y, verbose=0)
