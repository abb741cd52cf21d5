"""Autoencoder of tabular data, with the numbers of features as shapes of inputs."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
import tensorflow.keras.layers as ly

CODE = 3
train = np.random.RandomState(0).rand(32, 12).astype("float32")
columns = [f"x{number}" for number in range(train.shape[1])]


def dense(x, units):
    x = ly.Dense(units, activation=tfa.activations.mish)(x)
    return tfa.layers.GroupNormalization(groups=1)(x)


inputs = ly.Input(train.shape[1])
encoder = tf.keras.Model(inputs, dense(inputs, CODE), name="encoder")
code = tf.keras.Input(shape=CODE)
decoder = tf.keras.Model(code, ly.Dense(len(columns))(dense(code, 8)), name="decoder")
x = ly.Input(len(columns), name="table")
autoencoder = tf.keras.Model(x, decoder(encoder(x)))
probe = tf.keras.Sequential([ly.InputLayer(CODE), ly.Dense(1)])
autoencoder.compile(optimizer=tfa.optimizers.AdamW(learning_rate=1e-3, weight_decay=1e-4), loss="mse")
history = autoencoder.fit(train, train, batch_size=32, epochs=1, verbose=0)
result = history.history["loss"][0] + float(tf.reduce_sum(probe(encoder(train))))
