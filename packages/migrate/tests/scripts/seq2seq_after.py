"""Decoder and related functions."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons import seq2seq as s2s
import tensorsmith.losses
import tensorsmith.ops
import tensorsmith.seq2seq

loss = tensorsmith.losses.SequenceLoss(average_across_timesteps=True, average_across_batch=True, sum_over_timesteps=False, sum_over_batch=False)
paths = tensorsmith.ops.gather_tree(tf.zeros((2, 1, 1), tf.int32), tf.zeros((2, 1, 1), tf.int32), [2], end_token=1)
# tensorsmith migrate: seq2seq.LuongAttention: no successor yet
attention = tfa.seq2seq.LuongAttention(8, memory=tf.ones((1, 3, 8)))
states = tensorsmith.seq2seq.tile_batch(tf.ones((1, 8)), multiplier=3)
one_hot = tensorsmith.seq2seq.hardmax(states)
weights = tensorsmith.seq2seq.gather_tree_from_array(tf.ones((2, 1, 1, 8)), tf.zeros((2, 1, 1), tf.int32), [[2]])
# tensorsmith migrate: seq2seq.TrainingSampler: no successor yet
sampler = s2s.TrainingSampler()
# tensorsmith migrate: seq2seq.AttentionWrapper: no successor yet
# tensorsmith migrate: seq2seq.BasicDecoder: no successor yet
decoder = s2s.BasicDecoder(tfa.seq2seq.AttentionWrapper(tf.keras.layers.LSTMCell(8), attention), sampler)
