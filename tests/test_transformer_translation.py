"""Tests that decoding with a Transformer and stored keys equals decoding that reads all tokens again at each step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.models import transformer, transformer_step
from tensorsmith.seq2seq import beam_search, decode, repetition_penalty

SOURCE = np.array([[5, 7, 9, 3, 0], [6, 4, 0, 0, 0], [8, 2, 5, 20, 11]], "int32")
START, END, LENGTH = 1, 2, 7


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = transformer("base", 21, 15, width=0.125, blocks=2)
    for weight in model.weights:  # the outputs depend on the tokens before as well
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.2))
    return model


def whole_step(model, source):
    """Returns a step whose state are the source and all target tokens so far."""

    def step(tokens, state):
        source, target, count = state
        target = tf.where(tf.range(LENGTH) == count[:, None], tokens[:, None], target)
        logits = model({"source": source, "target": target})
        return tf.gather(logits, count, batch_dims=1), (source, target, count + 1)

    rows = tf.shape(source)[0]
    return step, (source, tf.ones([rows, LENGTH], tf.int32), tf.zeros([rows], tf.int32))


@pytest.mark.parametrize("beams", [1, 3])
def test_decoding_equals_reading_all_tokens(model, beams):
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def translate(source):
        found = []
        for step, state in (transformer_step(model, source, LENGTH), whole_step(model, source)):
            prompt = tf.fill([tf.shape(source)[0], 1], START)
            if beams == 1:
                adjust = [repetition_penalty(4.0)]  # an untrained model repeats tokens
                found.append(decode(step, state, prompt, LENGTH, end=END, adjust=adjust).tokens)
            else:
                found.append(beam_search(step, state, prompt, LENGTH, beams, END).tokens)
        return found

    ours, expected = translate(SOURCE)
    np.testing.assert_array_equal(ours, expected)
    assert beams > 1 or len(np.unique(ours)) > 3
