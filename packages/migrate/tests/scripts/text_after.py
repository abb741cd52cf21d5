"""Loss and decoding of a conditional random field, and functions for text."""

import numpy as np
import tensorflow as tf
import tensorsmith.core
import tensorsmith.text
from tensorsmith.text import crf_log_norm, viterbi_decode

rng = np.random.default_rng(0)
scores = rng.normal(size=(2, 4, 3)).astype("float32")
tags, lengths = rng.integers(0, 3, (2, 4)), np.array([4, 2])
allowed = np.ones((2, 4, 3), bool)
allowed[:, 1, 0] = False
transitions = tf.constant(rng.normal(size=(3, 3)), tf.float32)

likelihood, transitions = tensorsmith.text.crf_log_likelihood(scores, tags, lengths, transitions)
loss = -tf.reduce_mean(tensorsmith.text.crf_log_likelihood(inputs=scores, tag_indices=tags, sequence_lengths=lengths, transition_params=transitions)[0])
best, score = tensorsmith.text.crf_decode(tf.constant(scores), transitions, lengths)
constrained, _ = tensorsmith.text.crf_constrained_decode(tf.constant(scores), allowed, transitions, lengths)

base = tf.keras.Sequential([tf.keras.layers.Input((4, 3)), tf.keras.layers.Dense(3, kernel_initializer="identity")])
tagger = tensorsmith.text.CRFModelWrapper(base, 3, "zeros", use_kernel=False)
tagger.compile(tf.keras.optimizers.SGD(0.1))
history = tagger.fit(scores, tags, verbose=0)
results = {
    "likelihood": likelihood,
    "loss": loss,
    "best": best,
    "score": score,
    "constrained": constrained,
    "norm": crf_log_norm(scores, lengths, transitions),
    "several": tensorsmith.text.crf_multitag_sequence_score(scores, allowed, lengths, transitions),
    "single": viterbi_decode(scores[0], transitions)[0],
    "training": [float(value) for value in history.history["crf_loss"]],
    "tags": tagger.predict(scores, verbose=0),
}


def pipeline(lines):
    times = tensorsmith.text.parse_time(lines, "%Y-%m-%d", output_unit="SECOND")
    return times, tensorsmith.text.skip_gram_sample(lines, min_skips=1, max_skips=2)


def loaded(path):
    # tensorsmith migrate: register_all: models that were saved with Addons need custom_objects= of keras.saving.load_model
    tensorsmith.core.register()
    return tf.keras.models.load_model(path)
