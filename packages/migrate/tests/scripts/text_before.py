"""Loss and decoding of a conditional random field."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

rng = np.random.default_rng(0)
scores = rng.normal(size=(2, 4, 3)).astype("float32")
tags, lengths = rng.integers(0, 3, (2, 4)), np.array([4, 4])
transitions = tf.constant(rng.normal(size=(3, 3)), tf.float32)

likelihood, transitions = tfa.text.crf_log_likelihood(scores, tags, lengths, transitions)
loss = -tf.reduce_mean(tfa.text.crf_log_likelihood(inputs=scores, tag_indices=tags, sequence_lengths=lengths, transition_params=transitions)[0])
best, score = tfa.text.crf_decode(scores, transitions, lengths)
results = {"likelihood": likelihood, "loss": loss, "best": best, "score": score}
