"""GAN with spectral normalization, as a model with its own train_step."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow import keras
from tensorflow.keras import layers


class GAN(keras.Model):
    def __init__(self, discriminator, generator, latent_dim):
        super(GAN, self).__init__()
        self.discriminator = discriminator
        self.generator = generator
        self.latent_dim = latent_dim
        self.loss_tracker = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super(GAN, self).compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    def train_step(self, real_images):
        batch_size = tf.shape(real_images)[0]
        noise = tf.random.normal(shape=(batch_size, self.latent_dim))
        images = tf.concat([self.generator(noise), real_images], axis=0)
        labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(images, True))
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights), name="d")
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(tf.zeros((batch_size, 1)), self.discriminator(self.generator(noise, True), True))
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights))
        self.loss_tracker.update_state(g_loss)
        return {"g_loss": self.loss_tracker.result()}


discriminator = keras.Sequential(
    [
        keras.Input(shape=(8, 8, 1)),
        tfa.layers.SpectralNormalization(layers.Conv2D(4, 3, strides=2, padding="same")),
        layers.LeakyReLU(alpha=0.2),
        layers.GlobalMaxPooling2D(),
        layers.Dense(1),
    ]
)
generator = keras.Sequential(
    [keras.Input(shape=(6,)), layers.Dense(8 * 8), layers.Reshape((8, 8, 1)), layers.Conv2D(1, 3, padding="same")]
)
gan = GAN(discriminator, generator, latent_dim=6)
gan.compile(
    keras.optimizers.Adam(lr=3e-4),
    keras.optimizers.legacy.Adam(lr=3e-4, beta_1=0.5),
    keras.losses.BinaryCrossentropy(from_logits=True),
)
history = gan.fit(tf.random.normal((8, 8, 8, 1)), batch_size=8, epochs=1, verbose=0)
result = history.history["g_loss"][-1]
