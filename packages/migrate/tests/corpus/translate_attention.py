"""Translation with attention: encoder, decoder with a cloned state, masked loss and greedy decoding."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

BATCH, VOCAB, DIM, UNITS, START, END = 4, 11, 6, 8, 1, 2
rng = np.random.default_rng(0)
source = tf.constant(rng.integers(3, VOCAB, (BATCH, 6)), tf.int32)
target = tf.concat([tf.fill((BATCH, 1), START), source[:, :3], tf.fill((BATCH, 1), END)], 1)


class Encoder(tf.keras.Model):
    def __init__(self):
        super(Encoder, self).__init__()
        self.embedding = tf.keras.layers.Embedding(VOCAB, DIM)
        self.lstm = tf.keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)

    def call(self, x):
        output, h, c = self.lstm(self.embedding(x))
        return output, h, c


class Decoder(tf.keras.Model):
    def __init__(self):
        super(Decoder, self).__init__()
        self.embedding = tf.keras.layers.Embedding(VOCAB, DIM)
        self.fc = tf.keras.layers.Dense(VOCAB)
        self.rnn = tf.keras.layers.LSTMCell(UNITS)
        self.sampler = tfa.seq2seq.sampler.TrainingSampler()
        self.attention_mechanism = tfa.seq2seq.BahdanauAttention(
            units=UNITS, memory=None, memory_sequence_length=BATCH * [6], normalize=True
        )
        self.cell = tfa.seq2seq.AttentionWrapper(self.rnn, self.attention_mechanism, attention_layer_size=UNITS)
        self.decoder = tfa.seq2seq.BasicDecoder(self.cell, sampler=self.sampler, output_layer=self.fc)

    def build_initial_state(self, batch_size, encoder_state, dtype):
        state = self.cell.get_initial_state(batch_size=batch_size, dtype=dtype)
        return state.clone(cell_state=encoder_state)

    def call(self, inputs, initial_state):
        x = self.embedding(inputs)
        outputs, _, _ = self.decoder(x, initial_state=initial_state, sequence_length=BATCH * [4])
        return outputs


encoder, decoder = Encoder(), Decoder()
optimizer = tf.keras.optimizers.SGD(0.5)
cross_entropy = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")


def loss_function(real, pred):
    loss = cross_entropy(y_true=real, y_pred=pred)
    mask = tf.cast(tf.math.logical_not(tf.math.equal(real, 0)), dtype=loss.dtype)
    return tf.reduce_mean(mask * loss)


@tf.function
def train_step(inp, targ):
    with tf.GradientTape() as tape:
        memory, h, c = encoder(inp)
        decoder.attention_mechanism.setup_memory(memory)
        state = decoder.build_initial_state(BATCH, [h, c], tf.float32)
        pred = decoder(targ[:, :-1], state)
        loss = loss_function(targ[:, 1:], pred.rnn_output)
    variables = encoder.trainable_variables + decoder.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss


result = [float(train_step(source, target)) for _ in range(5)]

memory, h, c = encoder(source)
decoder.attention_mechanism.setup_memory(memory)
greedy = tfa.seq2seq.BasicDecoder(
    cell=decoder.cell, sampler=tfa.seq2seq.GreedyEmbeddingSampler(), output_layer=decoder.fc, maximum_iterations=8
)
outputs, _, _ = greedy(
    decoder.embedding.variables[0],
    start_tokens=tf.fill([BATCH], START),
    end_token=END,
    initial_state=decoder.build_initial_state(BATCH, [h, c], tf.float32),
)
result += outputs.sample_id.numpy().ravel().tolist()
