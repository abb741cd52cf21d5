"""Contrastive pretraining, with a pretrained encoder that is saved and loaded."""

import os
import tempfile

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import layers

encoder = tf.keras.Sequential(
    [tf.keras.Input((12, 12, 3)), layers.Conv2D(8, 3, strides=2, activation="relu"), layers.GlobalAveragePooling2D()],
    name="encoder",
)
projector = tf.keras.Sequential(
    [tf.keras.Input((8,)), layers.Dense(8, activation="relu"), layers.Dense(8)], name="projector"
)
augmenter = tf.keras.Sequential(
    [
        layers.experimental.preprocessing.RandomTranslation(0.1, 0.1),
        layers.experimental.preprocessing.RandomZoom((-0.1, 0.0), (-0.1, 0.0)),
        layers.experimental.preprocessing.RandomContrast(0.1),
    ]
)
optimizer = tfa.optimizers.LAMB(lr=1e-3, weight_decay_rate=1e-6)
contrastive_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="c_acc")


def train_step(images):
    with tf.GradientTape() as tape:
        views = [projector(encoder(augmenter(images, True), True), True) for _ in range(2)]
        p1, p2 = [tf.math.l2_normalize(view, axis=1) for view in views]
        similarities = tf.matmul(p1, p2, transpose_b=True) / 0.1
        labels = tf.range(tf.shape(images)[0])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=similarities))
    variables = encoder.trainable_weights + projector.trainable_weights
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    contrastive_accuracy.update_state(labels, similarities)
    return loss


contrastive_accuracy.reset_states()
result = train_step(tf.random.uniform((6, 12, 12, 3)))
path = os.path.join(tempfile.mkdtemp(), "encoder.h5")
encoder.save(path, include_optimizer=False, save_format="h5")
encoder = tf.keras.models.load_model(path)
