"""Decoder and related functions."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons import seq2seq as s2s

loss = s2s.SequenceLoss(average_across_timesteps=True, average_across_batch=True, sum_over_timesteps=False, sum_over_batch=False)
paths = s2s.gather_tree(tf.zeros((2, 1, 1), tf.int32), tf.zeros((2, 1, 1), tf.int32), [2], end_token=1)
attention = tfa.seq2seq.LuongAttention(8, memory=tf.ones((1, 3, 8)))
states = tfa.seq2seq.tile_batch(tf.ones((1, 8)), multiplier=3)
one_hot = s2s.hardmax(states)
weights = s2s.gather_tree_from_array(tf.ones((2, 1, 1, 8)), tf.zeros((2, 1, 1), tf.int32), [[2]])
sampler = s2s.TrainingSampler()
decoder = s2s.BasicDecoder(tfa.seq2seq.AttentionWrapper(tf.keras.layers.LSTMCell(8), attention), sampler)
