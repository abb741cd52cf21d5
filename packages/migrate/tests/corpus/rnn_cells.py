"""Recurrent cells of Addons in a language model."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons.rnn import LayerNormLSTMCell, NASCell, PeepholeLSTMCell

VOCAB = 20


def build(cell):
    model = tf.keras.Sequential()
    model.add(tf.keras.layers.Embedding(VOCAB, 8, input_length=5))
    model.add(tf.keras.layers.RNN(cell, return_sequences=True, time_major=False))
    model.add(tf.keras.layers.TimeDistributed(tf.keras.layers.Dense(VOCAB)))
    return model


tokens = tf.random.uniform((4, 6), 0, VOCAB, tf.int32)
result = 0.0
for cell in (
    LayerNormLSTMCell(8),
    NASCell(8),
    PeepholeLSTMCell(8),
    tfa.rnn.LayerNormSimpleRNNCell(8),
    tfa.rnn.ESNCell(8),
):
    model = build(cell)
    model.compile(
        optimizer=tfa.optimizers.LazyAdam(1e-2, clipnorm=1.0),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        experimental_run_tf_function=False,
    )
    result += model.train_on_batch(tokens[:, :-1], tokens[:, 1:])
