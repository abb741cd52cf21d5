"""Translation with a beam search after training, with penalties for length and coverage."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

BATCH, VOCAB, DIM, UNITS, BEAMS, END = 3, 8, 5, 6, 3, 1
rng = np.random.default_rng(2)
source = tf.constant(rng.integers(2, VOCAB, (BATCH, 5)), tf.int32)
source_lengths = tf.constant([5, 3, 4])
target = tf.concat([source[:, :3], tf.fill((BATCH, 1), END)], 1)

embedding = tf.keras.layers.Embedding(VOCAB, DIM)
encoder = tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(UNITS // 2, return_sequences=True))
bridge = tf.keras.layers.Dense(UNITS, activation="tanh")
mechanism = tfa.seq2seq.BahdanauAttention(UNITS)
cell = tfa.seq2seq.AttentionWrapper(
    tf.keras.layers.LSTMCell(UNITS), mechanism, attention_layer=tf.keras.layers.Dense(UNITS), alignment_history=True
)
fc = tf.keras.layers.Dense(VOCAB)
decoder = tfa.seq2seq.BasicDecoder(cell, tfa.seq2seq.TrainingSampler(), fc)
optimizer = tf.keras.optimizers.SGD(0.5)
loss_fn = tfa.seq2seq.SequenceLoss()


def encode(tokens):
    memory = encoder(embedding(tokens))
    h = bridge(tf.reduce_mean(memory, axis=1))
    return memory, [h, tf.zeros_like(h)]


def train_step():
    with tf.GradientTape() as tape:
        memory, state = encode(source)
        mechanism.setup_memory(memory, memory_sequence_length=source_lengths)
        initial_state = cell.get_initial_state(batch_size=BATCH, dtype=tf.float32).clone(cell_state=state)
        shifted = tf.concat([tf.zeros((BATCH, 1), tf.int32), target[:, :-1]], 1)
        outputs, _, _ = decoder(embedding(shifted), initial_state=initial_state)
        loss = loss_fn(target, outputs.rnn_output, tf.ones(target.shape))
    parts = [embedding, encoder, bridge, cell, fc]
    variables = [variable for part in parts for variable in part.trainable_variables]
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return float(loss)


result = [train_step() for _ in range(5)]

memory, state = encode(source)
mechanism.setup_memory(
    tfa.seq2seq.tile_batch(memory, multiplier=BEAMS),
    memory_sequence_length=tfa.seq2seq.tile_batch(source_lengths, multiplier=BEAMS),
)
initial_state = cell.get_initial_state(batch_size=BATCH * BEAMS, dtype=tf.float32)
initial_state = initial_state.clone(cell_state=tfa.seq2seq.tile_batch(state, multiplier=BEAMS))
beam_search = tfa.seq2seq.BeamSearchDecoder(
    cell,
    beam_width=BEAMS,
    embedding_fn=embedding,
    output_layer=fc,
    length_penalty_weight=0.6,
    coverage_penalty_weight=0.2,
    maximum_iterations=6,
)
start_tokens = tf.zeros([BATCH], tf.int32)
outputs, final_state, lengths = beam_search(None, start_tokens=start_tokens, end_token=END, initial_state=initial_state)
result += outputs.predicted_ids.numpy().ravel().tolist()
result += outputs.beam_search_decoder_output.scores.numpy().ravel().tolist()
result += tf.reduce_sum(final_state.cell_state.alignment_history, axis=-1).numpy().ravel().tolist()
