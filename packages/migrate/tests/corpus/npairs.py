"""Embeddings of products with the N-pairs loss."""

import tensorflow as tf
from tensorflow import keras
from tensorflow_addons.losses import NpairsLoss, npairs_multilabel_loss


class NPairs(keras.Model):
    def __init__(self, encoder):
        super(NPairs, self).__init__()
        self.encoder = encoder
        self.npairs = NpairsLoss()
        self.tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, data):
        (anchors, positives), labels = data
        with tf.GradientTape() as tape:
            similarity = tf.matmul(self.encoder(anchors, True), self.encoder(positives, True), transpose_b=True)
            loss = self.npairs(labels, similarity)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.tracker.update_state(loss)
        return {m.name: m.result() for m in self.metrics}


encoder = keras.Sequential([keras.layers.Dense(16, activation="selu"), keras.layers.Dense(8)])
model = NPairs(encoder)
model.compile(optimizer=keras.optimizers.Adagrad(lr=0.05))
anchors, positives = tf.random.normal((6, 10)), tf.random.normal((6, 10))
history = model.fit((anchors, positives), tf.range(6), batch_size=6, verbose=0)
multilabel = npairs_multilabel_loss(tf.one_hot([0, 1, 2], 3), tf.random.normal((3, 3)))
result = history.history["loss"][0] + multilabel
