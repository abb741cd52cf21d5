"""Decoder and related functions."""

import tensorflow as tf
import tensorsmith.losses
import tensorsmith.ops
import tensorsmith.seq2seq
from tensorsmith.seq2seq import safe_cumprod

ones = {"kernel_initializer": "ones", "use_bias": False}
x = tf.reshape(tf.sin(tf.range(24.0)), (2, 4, 3))
memory = tf.reshape(tf.cos(tf.range(30.0)), (2, 5, 3))

loss = tensorsmith.losses.SequenceLoss(average_across_timesteps=True, average_across_batch=True, sum_over_timesteps=False, sum_over_batch=False)
paths = tensorsmith.ops.gather_tree(tf.zeros((2, 1, 1), tf.int32), tf.zeros((2, 1, 1), tf.int32), [2], end_token=1)
states = tensorsmith.seq2seq.tile_batch(tf.ones((1, 8)), multiplier=3)
one_hot = tensorsmith.seq2seq.hardmax(states)
weights = tensorsmith.seq2seq.gather_tree_from_array(tf.ones((2, 1, 1, 8)), tf.zeros((2, 1, 1), tf.int32), [[2]])
moving = tensorsmith.seq2seq.monotonic_attention(tf.nn.sigmoid(x[:, 0]), tf.one_hot([0, 0], 3), "parallel")

attention = tensorsmith.seq2seq.LuongAttention(8, memory_layer=tf.keras.layers.Dense(8, **ones))
attention.setup_memory(memory, memory_sequence_length=[5, 3])
lstm = tf.keras.layers.LSTMCell(8, kernel_initializer="ones", recurrent_initializer="zeros")
cell = tensorsmith.seq2seq.AttentionWrapper(lstm, attention, attention_layer=tf.keras.layers.Dense(8, **ones), alignment_history=True)
output_layer = tf.keras.layers.Dense(7, **ones)
decoder = tensorsmith.seq2seq.BasicDecoder(cell, tensorsmith.seq2seq.TrainingSampler(), output_layer)
first = cell.get_initial_state(batch_size=2, dtype=tf.float32).clone(cell_state=[tf.ones((2, 8))] * 2)
outputs, final, lengths = decoder(x, initial_state=first, sequence_length=[4, 2])
assert isinstance(final, tensorsmith.seq2seq.AttentionWrapperState) and isinstance(outputs, tensorsmith.seq2seq.BasicDecoderOutput)

greedy = tensorsmith.seq2seq.BasicDecoder(lstm, sampler=tensorsmith.seq2seq.GreedyEmbeddingSampler(), output_layer=output_layer, maximum_iterations=3)
inferred = greedy(tf.eye(7, 11), start_tokens=[1, 2], end_token=0, initial_state=[tf.ones((2, 8))] * 2)[0]
beam = tensorsmith.seq2seq.BeamSearchDecoder(lstm, 2, output_layer=output_layer, maximum_iterations=3, length_penalty_weight=0.5)
found = beam(tf.eye(7, 11), start_tokens=[1, 2], end_token=0, initial_state=tensorsmith.seq2seq.tile_batch([tf.ones((2, 8))] * 2, 2))[0]

results = {
    "moving": moving,
    "product": safe_cumprod(tf.constant([0.5, 0.25])),
    "outputs": outputs.rnn_output,
    "lengths": lengths,
    "history": final.alignment_history.stack(),
    "weights": weights,
    "inferred": inferred.rnn_output,
    "tokens": found.predicted_ids,
    "scores": found.beam_search_decoder_output.scores,
}
