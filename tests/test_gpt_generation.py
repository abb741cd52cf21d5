"""Tests that generation with a GPT and stored keys equals generation that reads all tokens again at each step."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.models import gpt, gpt_step
from tensorsmith.seq2seq import beam_search, decode, stream, window_step

PROMPTS = [[3, 4, 5], [7], [1, 2, 3, 4, 5, 6]]
LENGTH, VOCABULARY, CONTEXT = 6, 30, 12


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = gpt("small", VOCABULARY, CONTEXT, width=0.125, blocks=2)
    for weight in model.weights:  # the outputs depend on the tokens before as well
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.1))
    return model


@pytest.mark.parametrize("unknown", [False, True])
def test_prompts_of_different_lengths(model, unknown):
    """The batch size is known or unknown in the graph."""
    inputs = keras.Input((CONTEXT,), dtype="int32")
    steps = gpt_step(model), window_step(keras.Model(inputs, model(inputs)))

    def run(step, initial_state, prompt):
        state = initial_state(tf.shape(prompt)[0] if unknown else 3)
        found = beam_search(step, state, prompt, LENGTH, 3, end=0)
        return decode(step, state, prompt, LENGTH).tokens, found.tokens, found.scores

    signature = [tf.RaggedTensorSpec([None, None], tf.int32)] if unknown else None
    prompts = tf.ragged.constant(PROMPTS)
    first, second = (tf.function(partial(run, *each), input_signature=signature)(prompts) for each in steps)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    assert len(np.unique(first[0])) > 3


def test_stream_beyond_the_context(model):
    step, initial_state = gpt_step(model)
    expected = decode(step, initial_state(1), PROMPTS[2:], 2 * CONTEXT).tokens[0]
    tokens = stream(step, initial_state(1), PROMPTS[2:])
    np.testing.assert_array_equal([next(tokens)[0] for _ in range(2 * CONTEXT)], expected)
