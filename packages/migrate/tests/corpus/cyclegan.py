"""CycleGAN with instance normalization and a custom training loop."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import layers

LAMBDA = 10
init = tf.random_normal_initializer(0.0, 0.02)
gamma_init = tf.keras.initializers.RandomNormal(mean=0.0, stddev=0.02)


def downsample(x, filters):
    x = layers.Conv2D(filters, 4, strides=2, padding="same", kernel_initializer=init, use_bias=False)(x)
    x = tfa.layers.InstanceNormalization(gamma_initializer=gamma_init)(x)
    return layers.LeakyReLU(alpha=0.2)(x)


def build_generator():
    img = layers.Input(shape=[16, 16, 3])
    d1 = downsample(img, 8)
    d2 = downsample(d1, 16)
    u1 = layers.Conv2DTranspose(8, 4, strides=2, padding="same", kernel_initializer=init)(d2)
    u1 = layers.Concatenate()([tfa.layers.InstanceNormalization(axis=-1)(u1), d1])
    out = layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(u1)
    return tf.keras.Model(inputs=img, outputs=out)


def build_discriminator():
    img = layers.Input(shape=[16, 16, 3])
    x = downsample(img, 8)
    return tf.keras.Model(img, layers.Conv2D(1, 4, padding="same")(x))


generator_g, generator_f = build_generator(), build_generator()
discriminator_x, discriminator_y = build_discriminator(), build_discriminator()
loss_obj = tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction=tf.keras.losses.Reduction.SUM_OVER_BATCH_SIZE)
optimizers = [tf.keras.optimizers.legacy.Adam(2e-4, beta_1=0.5) for _ in range(4)]


@tf.function
def train_step(real_x, real_y):
    with tf.GradientTape(persistent=True) as tape:
        fake_y = generator_g(real_x, training=True)
        cycled_x = generator_f(fake_y, training=True)
        fake_x = generator_f(real_y, True)
        cycled_y = generator_g(fake_x, True)
        cycle = LAMBDA * (tf.reduce_mean(tf.abs(real_x - cycled_x)) + tf.reduce_mean(tf.abs(real_y - cycled_y)))
        fooled_y, fooled_x = discriminator_y(fake_y, True), discriminator_x(fake_x, True)
        g_loss = loss_obj(tf.ones_like(fooled_y), fooled_y) + cycle
        f_loss = loss_obj(tf.ones_like(fooled_x), fooled_x) + cycle
        real = discriminator_y(real_y, training=True), discriminator_x(real_x, training=True)
        dy_loss = 0.5 * (loss_obj(tf.ones_like(real[0]), real[0]) + loss_obj(tf.zeros_like(fooled_y), fooled_y))
        dx_loss = 0.5 * (loss_obj(tf.ones_like(real[1]), real[1]) + loss_obj(tf.zeros_like(fooled_x), fooled_x))
    models = [generator_g, generator_f, discriminator_x, discriminator_y]
    for optimizer, model, loss in zip(optimizers, models, [g_loss, f_loss, dx_loss, dy_loss]):
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return g_loss


result = train_step(tf.random.uniform([1, 16, 16, 3], -1, 1), tf.random.uniform([1, 16, 16, 3], -1, 1))
