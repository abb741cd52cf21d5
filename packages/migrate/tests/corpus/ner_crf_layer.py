"""BiLSTM-CRF with the CRF layer and a custom loss."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import Input, Model
from tensorflow.keras import layers as L

MAX_LEN, WORDS, TAGS = 6, 30, 4

word_ids = Input(shape=(MAX_LEN,), dtype="int32")
x = L.Embedding(WORDS, 8, input_length=MAX_LEN, mask_zero=True)(word_ids)
x = L.Bidirectional(L.LSTM(8, return_sequences=True, recurrent_dropout=0.1))(x)
x = L.TimeDistributed(L.Dense(8, activation="relu"))(x)
crf = tfa.layers.CRF(TAGS, name="crf")
decoded_sequence, potentials, sequence_length, chain_kernel = crf(x)
model = Model(word_ids, [decoded_sequence, potentials, sequence_length, chain_kernel])


@tf.function
def train_step(words, tags):
    with tf.GradientTape() as tape:
        _, potentials, lengths, kernel = model(words, training=True)
        log_likelihood, _ = tfa.text.crf_log_likelihood(potentials, tags, lengths, kernel)
        loss = -tf.reduce_mean(log_likelihood)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


optimizer = tfa.optimizers.RectifiedAdam(lr=1e-3)
words = tf.constant([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 9]])
tags = tf.constant([[1, 2, 3, 0, 0, 0], [1, 1, 2, 3, 0, 1]])
result = train_step(words, tags)
