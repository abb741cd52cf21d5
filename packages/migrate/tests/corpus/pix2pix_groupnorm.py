"""Image-to-image translation with group normalization and checkpoints."""

import os
import tempfile

import tensorflow as tf
from tensorflow.keras.layers import Activation, Concatenate, Conv2D, Conv2DTranspose, Input, LeakyReLU
from tensorflow.keras.models import Model
from tensorflow.keras.optimizers import Adam
from tensorflow_addons.layers import GroupNormalization

OUT_DIR = tempfile.mkdtemp()


def encoder_block(layer_in, n_filters, norm=True):
    g = Conv2D(n_filters, (4, 4), strides=(2, 2), padding="same")(layer_in)
    if norm:
        g = GroupNormalization(groups=4)(g)
    return LeakyReLU(0.2)(g)


def decoder_block(layer_in, skip_in, n_filters):
    g = Conv2DTranspose(n_filters, (4, 4), strides=(2, 2), padding="same")(layer_in)
    g = GroupNormalization(4, axis=-1)(g)
    return Activation("relu")(Concatenate()([g, skip_in]))


in_image = Input(shape=(16, 16, 1))
e1 = encoder_block(in_image, 8, norm=False)
e2 = encoder_block(e1, 16)
d1 = decoder_block(e2, e1, 8)
g_model = Model(in_image, Conv2DTranspose(1, (4, 4), strides=(2, 2), padding="same", activation="tanh")(d1))
g_model.compile(Adam(lr=2e-4, beta_1=0.5), "mae", ["mse"])

checkpoint = tf.keras.callbacks.ModelCheckpoint(
    os.path.join(OUT_DIR, "g-{epoch:02d}.h5"), monitor="loss", save_best_only=True
)
x = tf.random.uniform((4, 16, 16, 1))
history = g_model.fit(x, 1.0 - x, batch_size=4, epochs=1, callbacks=[checkpoint], workers=2, verbose=0)
g_model.save(os.path.join(OUT_DIR, "final.h5"), save_format="h5")
restored = tf.keras.models.load_model(os.path.join(OUT_DIR, "final.h5"), compile=False)
result = history.history["loss"][0]
