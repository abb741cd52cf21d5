"""Loss and decoding of a conditional random field."""

import numpy as np
import tensorflow as tf
import tensorsmith.ops

rng = np.random.default_rng(0)
scores = rng.normal(size=(2, 4, 3)).astype("float32")
tags, lengths = rng.integers(0, 3, (2, 4)), np.array([4, 4])
transitions = tf.constant(rng.normal(size=(3, 3)), tf.float32)

likelihood, transitions = (tensorsmith.ops.crf_log_likelihood(scores, tags, lengths=lengths, transitions=transitions), transitions)
loss = -tf.reduce_mean((tensorsmith.ops.crf_log_likelihood(unaries=scores, tags=tags, lengths=lengths, transitions=transitions), transitions)[0])
# tensorsmith migrate: text.crf_decode: tags after the end are 0 now
best, score = tensorsmith.ops.crf_decode(scores, transitions, lengths=lengths)
results = {"likelihood": likelihood, "loss": loss, "best": best, "score": score}
