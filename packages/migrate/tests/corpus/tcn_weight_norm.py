"""Temporal convolutional network with weight normalization."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras.layers import Activation, Add, Conv1D, Dense, Input, Lambda, SpatialDropout1D
from tensorflow.keras.models import Model


def residual_block(x, dilation_rate, nb_filters, kernel_size, dropout_rate=0.1):
    prev_x = x
    for _ in range(2):
        conv = Conv1D(filters=nb_filters, kernel_size=kernel_size, dilation_rate=dilation_rate, padding="causal")
        x = tfa.layers.WeightNormalization(conv, data_init=False)(x)
        x = Activation("relu")(x)
        x = SpatialDropout1D(rate=dropout_rate)(x)
    prev_x = Conv1D(nb_filters, 1, padding="same")(prev_x)
    return Activation("relu")(Add()([prev_x, x]))


input_layer = Input(shape=(12, 2))
x = input_layer
for dilation in (1, 2, 4):
    x = residual_block(x, dilation, 8, 2)
x = Lambda(lambda tt: tt[:, -1, :])(x)
model = Model(input_layer, tfa.layers.WeightNormalization(Dense(1), data_init=False)(x))
optimizer = tf.keras.optimizers.Adam(lr=0.002, clipnorm=1.0)
model.compile(optimizer, loss="mean_squared_error", metrics=["mae"])
result = model.fit(tf.random.normal((8, 12, 2)), tf.random.normal((8, 1)), verbose=0, initial_epoch=0).history["loss"][
    0
]
