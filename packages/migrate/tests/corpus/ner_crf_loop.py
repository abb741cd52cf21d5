"""Named entity recognition with the functions of a conditional random field."""

import tensorflow as tf
from tensorflow_addons.text import crf_decode, crf_log_likelihood


class NerModel(tf.keras.Model):
    def __init__(self, hidden_num, vocab_size, label_size, embedding_size):
        super(NerModel, self).__init__()
        self.embedding = tf.keras.layers.Embedding(vocab_size, embedding_size)
        self.bi_lstm = tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(hidden_num, return_sequences=True))
        self.dense = tf.keras.layers.Dense(label_size)
        self.dropout = tf.keras.layers.Dropout(0.5)
        self.transition_params = tf.Variable(tf.random.uniform(shape=(label_size, label_size)))

    def call(self, text, labels=None, training=None):
        text_lens = tf.math.reduce_sum(tf.cast(tf.math.not_equal(text, 0), dtype=tf.int32), axis=-1)
        x = self.dropout(self.embedding(text), training)
        logits = self.dense(self.bi_lstm(x))
        if labels is None:
            return logits, text_lens
        log_likelihood, self.transition_params = crf_log_likelihood(logits, labels, text_lens, self.transition_params)
        return logits, text_lens, log_likelihood


model = NerModel(8, 20, 5, 8)
optimizer = tf.keras.optimizers.Adam(learning_rate=1e-3)
text = tf.constant([[3, 4, 5, 6, 0, 0], [7, 8, 9, 0, 0, 0]])
labels = tf.constant([[1, 2, 3, 4, 0, 0], [1, 1, 2, 0, 0, 0]])


def train_one_step(text_batch, labels_batch):
    with tf.GradientTape() as tape:
        logits, text_lens, log_likelihood = model(text_batch, labels_batch, training=True)
        loss = -tf.reduce_mean(log_likelihood)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss, logits, text_lens


result, logits, text_lens = train_one_step(text, labels)
tags, score = crf_decode(logits, model.transition_params, text_lens)
