"""Translation with scheduled sampling, whose probability rises during training."""

import numpy as np
import tensorflow as tf
from tensorflow_addons import seq2seq
from tensorflow_addons.seq2seq import LuongAttention, ScheduledOutputTrainingSampler

VOCAB, DIM, UNITS = 9, 5, 7
rng = np.random.default_rng(1)
source = tf.constant(rng.integers(1, VOCAB, (3, 5)), tf.int32)
target = source[:, ::-1]
lengths = tf.constant([5, 4, 5])


class Translator(tf.keras.Model):
    def __init__(self, probability):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(VOCAB, DIM)
        self.encoder = tf.keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)
        self.mechanism = LuongAttention(UNITS, scale=True)
        cell = tf.keras.layers.LSTMCell(UNITS)
        self.cell = seq2seq.AttentionWrapper(cell, self.mechanism, output_attention=False)
        self.sampler = ScheduledOutputTrainingSampler(probability, next_inputs_fn=self.embed_best)
        self.fc = tf.keras.layers.Dense(VOCAB)
        self.decoder = seq2seq.BasicDecoder(self.cell, self.sampler, self.fc, impute_finished=True)

    def embed_best(self, logits):
        return self.embedding(tf.argmax(logits, axis=-1))

    def call(self, source, target, lengths):
        memory, h, c = self.encoder(self.embedding(source))
        self.mechanism(memory, setup_memory=True)
        state = self.cell.get_initial_state(batch_size=3, dtype=tf.float32).clone(cell_state=[h, c])
        shifted = tf.concat([tf.zeros_like(target[:, :1]), target[:, :-1]], 1)
        return self.decoder(self.embedding(shifted), initial_state=state, sequence_length=lengths)


probability = tf.Variable(0.0, trainable=False)
model = Translator(probability)
optimizer = tf.keras.optimizers.SGD(0.5)


@tf.function
def train_step():
    with tf.GradientTape() as tape:
        outputs, _, sizes = model(source, target, lengths)
        weights = tf.sequence_mask(sizes, 5, dtype=tf.float32)
        loss = seq2seq.sequence_loss(outputs.rnn_output, target, weights)
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss


result = []
for step in range(6):
    probability.assign(float(step > 2))  # first the target, then the predictions of the model
    result.append(float(train_step()))
