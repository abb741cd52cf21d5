"""Steps of GPT, Transformer and captioner: size of their state, saved models, and half precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.models import captioner, captioner_step, gpt, gpt_step, resnet, transformer, transformer_step

VOCABULARY, LENGTH, STEPS = 30, 24, 20
RNG = np.random.default_rng(0)
SOURCE = np.array([[5, 7, 9, 3, 0], [6, 4, 0, 0, 0], [8, 2, 5, 29, 11]], "int32")
IMAGES = RNG.uniform(size=(3, 32, 32, 1)).astype("float32")
TOKENS = RNG.integers(1, VOCABULARY, (3, STEPS), "int32")


def build(name):
    """Returns a small model with random biases and scales as well, so that all weights have an effect."""
    if name == "gpt":
        model = gpt("small", VOCABULARY, LENGTH, width=0.125, blocks=2)
    elif name == "transformer":
        model = transformer("base", VOCABULARY, width=0.125, blocks=2)
    else:
        backbone = resnet("18", (32, 32, 1), classes=None, width=0.125)
        model = captioner(backbone, VOCABULARY, stride=8, width=0.125, blocks=2)
    for seed, weight in enumerate(model.trainable_weights):
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.1, seed=seed))
    return model


def step_of(name, model):
    if name == "gpt":
        step, initial_state = gpt_step(model)
        return step, initial_state(3)
    return transformer_step(model, SOURCE, LENGTH) if name == "transformer" else captioner_step(model, IMAGES, LENGTH)


def whole(name, model):
    first = {"gpt": {}, "transformer": {"source": SOURCE}, "captioner": {"image": IMAGES}}[name]
    return model({**first, "target": TOKENS} if first else TOKENS)


def shapes_in_steps(step, state):
    """Returns, for each of several steps in a graph, the shapes of all tensors that are computed."""
    flat = tf.nest.flatten(state)
    specs = [tf.TensorSpec(state.count.shape, tf.int32), *(tf.TensorSpec(each.shape, each.dtype) for each in flat)]

    def call(tokens, *flat):
        return tf.nest.flatten(step(tokens, tf.nest.pack_sequence_as(state, flat)))

    traced = tf.compat.v1.wrap_function(call, specs)
    with traced.graph.as_default():
        tensors = [tensor for operation in traced.graph.get_operations() for tensor in operation.outputs]
        shapes = [tf.shape(tensor) for tensor in tensors if tensor.dtype != tf.resource]
    run, found = traced.prune(traced.inputs[: len(specs)], [traced.outputs, shapes]), []
    for tokens in TOKENS.T:
        (_, *flat), computed = run(tf.constant(tokens), *flat)
        found.append([tuple(shape.numpy()) for shape in computed])
    return found


@pytest.mark.parametrize("name", ["gpt", "transformer", "captioner"])
def test_memory_of_a_step_is_constant(name):
    """Neither the state nor another tensor grows with the number of tokens that have been read."""
    step, before = step_of(name, build(name))
    state = before
    for tokens in TOKENS.T:
        _, state = step(tokens, state)
        for each, other in zip(tf.nest.flatten(state), tf.nest.flatten(before), strict=True):
            assert (each.shape, each.dtype) == (other.shape, other.dtype)
    shapes = shapes_in_steps(step, before)
    assert len(shapes[0]) > 100
    assert shapes[-1] == shapes[0]


def test_tensors_that_grow_are_found():
    """The previous test fails for a step that reads as many keys as there are tokens."""
    step, before = step_of("gpt", build("gpt"))

    def growing(tokens, state):
        logits, after = step(tokens, state)
        keys = tf.gather(after.keys[0], tf.range(tf.reduce_max(after.count)), axis=-1)
        return logits + tf.reduce_sum(keys), after

    shapes = shapes_in_steps(growing, before)
    assert shapes[-1] != shapes[0]


@pytest.mark.slow  # takes seconds
def test_saved_module_of_a_step(tmp_path):
    """A loaded module continues prompts by the same tokens, which are also those of the whole model."""
    model = build("gpt")

    class Generator(tf.Module):
        def __init__(self):
            super().__init__()
            self.model = model
            self.step, self.initial_state = gpt_step(model)

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
        def generate(self, prompt):
            rows, size = tf.unstack(tf.shape(prompt))
            logits, state = self.step.read(prompt, tf.fill([rows], size), self.initial_state(rows))
            found = tf.TensorArray(tf.int32, 6)
            for number in tf.range(6):
                chosen = tf.argmax(logits, axis=-1, output_type=tf.int32)
                found = found.write(number, chosen)
                logits, state = self.step(chosen, state)
            return tf.transpose(found.stack())

    module = Generator()
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    for prompt in (TOKENS[:, :4], TOKENS[:1, :9]):
        expected = prompt
        for _ in range(6):
            chosen = np.argmax(model(expected)[:, -1], axis=-1).astype("int32")
            expected = np.concatenate([expected, chosen[:, np.newaxis]], axis=1)
        np.testing.assert_array_equal(module.generate(prompt), expected[:, prompt.shape[1] :])
        np.testing.assert_array_equal(loaded.generate(prompt), expected[:, prompt.shape[1] :])


@pytest.mark.parametrize("name", ["transformer", "captioner"])
def test_half_precision(name):
    """Stored keys and values are half as large. Logits differ by several roundings, each by up to 2^-9 of a value."""
    model = build(name)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = build(name)
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(model.get_weights())
    expected = whole(name, model)
    step, state = step_of(name, half)
    for position in range(STEPS):
        logits, state = step(TOKENS[:, position], state)
        assert (logits.dtype, state.keys[0].dtype) == (tf.float32, tf.bfloat16)
        np.testing.assert_allclose(logits, expected[:, position], atol=0.05 * np.abs(expected).max(), rtol=0)
