"""Loss of a translation model with attention."""

import tensorflow as tf
import tensorflow_addons as tfa

VOCAB, UNITS, BATCH = 12, 8, 2


class Decoder(tf.keras.Model):
    def __init__(self):
        super(Decoder, self).__init__()
        self.embedding = tf.keras.layers.Embedding(VOCAB, 6)
        self.fc = tf.keras.layers.Dense(VOCAB)
        self.cell = tf.keras.layers.LSTMCell(UNITS)
        self.sampler = tfa.seq2seq.sampler.TrainingSampler()
        self.mechanism = tfa.seq2seq.LuongAttention(UNITS)
        self.attention = tfa.seq2seq.AttentionWrapper(self.cell, self.mechanism, attention_layer_size=UNITS)
        self.decoder = tfa.seq2seq.BasicDecoder(self.attention, sampler=self.sampler, output_layer=self.fc)


tokens = tf.random.uniform((BATCH, 5), 1, VOCAB, tf.int32)
encoder = tf.keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)
table = tf.keras.layers.Embedding(VOCAB, 6)
memory, h, c = encoder(table(tokens))
decoder = Decoder()
decoder.mechanism.setup_memory(memory)
state = decoder.attention.get_initial_state(batch_size=BATCH, dtype=tf.float32).clone(cell_state=[h, c])
with tf.GradientTape() as tape:
    outputs, _, _ = decoder.decoder(decoder.embedding(tokens), initial_state=state, sequence_length=[5] * BATCH)
    result = tfa.seq2seq.sequence_loss(outputs.rnn_output, tokens, tf.ones((BATCH, 5)))
