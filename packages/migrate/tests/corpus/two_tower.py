"""Retrieval with two towers, LazyAdam and a custom training loop."""

import tensorflow as tf
import tensorflow_addons as tfa


class Tower(tf.keras.layers.Layer):
    def __init__(self, vocabulary, dim):
        super(Tower, self).__init__()
        self.table = tf.keras.layers.Embedding(vocabulary, dim)
        self.hidden = tf.keras.layers.Dense(dim, activation="relu")
        self.norm = tf.keras.layers.BatchNormalization(fused=False)

    def call(self, ids, training=False):
        return self.norm(self.hidden(self.table(ids)), training)


query_encoder, item_encoder = Tower(100, 8), Tower(200, 8)
optimizer = tfa.optimizers.LazyAdam(learning_rate=1e-2)
train_loss = tf.keras.metrics.Mean("train_loss")
accuracy = tf.keras.metrics.SparseCategoricalAccuracy()


@tf.function
def step(query, item):
    with tf.GradientTape() as tape:
        q, i = query_encoder(query, True), item_encoder(item, True)
        logits = tf.matmul(q, i, transpose_b=True)
        labels = tf.range(tf.shape(logits)[0])
        loss = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(labels, logits, True))
    variables = query_encoder.trainable_variables + item_encoder.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    train_loss(loss)
    accuracy(labels, logits)


for epoch in range(2):
    train_loss.reset_states()
    accuracy.reset_states()
    step(tf.constant([1, 2, 3, 1]), tf.constant([9, 8, 7, 9]))
result = train_loss.result()
