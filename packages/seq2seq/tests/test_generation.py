"""Generation: steps compared with whole models, decoding with automata, sampling with probabilities."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import layers as ours
from tensorsmith.seq2seq import (
    TextGenerator,
    beam_search,
    decode,
    greedy,
    recurrent_step,
    repetition_penalty,
    stream,
    temperature_sampling,
    window_step,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
VOCABULARY = 11
RAGGED = tf.ragged.constant([[1], [2, 3]])


in_both_modes = pytest.mark.parametrize("execute", [lambda function: function, tf.function], ids=["eager", "graph"])


def language_model(*recurrent, steps=None, mask_zero=False, **inputs):
    """Returns a recurrent language model."""
    return keras.Sequential(
        [
            keras.Input((steps,), dtype="int32", **inputs),
            keras.layers.Embedding(VOCABULARY, 6, mask_zero=mask_zero, embeddings_initializer="glorot_normal"),
            *recurrent,
            keras.layers.LayerNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(VOCABULARY),
        ]
    )


def transformer(context):
    """Returns a causal Transformer."""
    tokens = keras.Input((context,), dtype="int32")
    positions = ours.LearnedPositionalEncoding(context, "glorot_normal")
    x = positions(keras.layers.Embedding(VOCABULARY, 8, embeddings_initializer="glorot_normal")(tokens))
    x += keras.layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    return keras.Model(tokens, keras.layers.Dense(VOCABULARY)(x))


def stacked(units, **options):
    """Returns a recurrent layer of two cells."""
    return keras.layers.RNN([keras.layers.GRUCell(units), keras.layers.LSTMCell(3)], **options)


@pytest.mark.parametrize(
    "kind",
    [keras.layers.GRU, keras.layers.LSTM, ours.GRU, ours.LSTM, ours.SimpleRNN, ours.LayerNormLSTM, stacked],
)
@pytest.mark.parametrize("mask_zero", [False, True])
def test_recurrent_step_equals_the_model(kind, mask_zero):
    model = language_model(kind(5, return_sequences=True), kind(7, return_sequences=True), mask_zero=mask_zero)
    tokens = RNG.integers(1, VOCABULARY, (3, 8))
    if mask_zero:
        tokens[0, 3:5] = 0  # the states remain those of the step before
    step, initial_state = recurrent_step(model)
    state = initial_state(3)
    whole = model(tokens).numpy()
    for position in range(8):
        logits, state = step(tf.constant(tokens[:, position]), state)
        kept = tokens[:, position] > 0
        np.testing.assert_allclose(logits[kept], whole[kept, position], rtol=1e-4, atol=1e-5)


def test_step_of_a_stateful_model():
    """The state of the model is neither used nor changed."""
    model = language_model(keras.layers.GRU(5, return_sequences=True, stateful=True), steps=4, batch_size=2)
    model(RNG.integers(1, VOCABULARY, (2, 4)))
    before = [state.numpy() for state in model.layers[1].states]
    stateless = language_model(keras.layers.GRU(5, return_sequences=True))
    stateless.set_weights(model.get_weights())
    prompt = RNG.integers(1, VOCABULARY, (7, 3))
    (step, initial_state), (other, other_state) = recurrent_step(model), recurrent_step(stateless)
    found = decode(step, initial_state(7), prompt, 5)
    np.testing.assert_array_equal(found.tokens, decode(other, other_state(7), prompt, 5).tokens)
    for state, kept in zip(model.layers[1].states, before, strict=True):
        np.testing.assert_array_equal(state, kept)


@pytest.mark.parametrize("functional", [False, True])
def test_step_of_a_loaded_model(functional, tmp_path):
    model = language_model(ours.GRU(5, return_sequences=True))
    model = keras.Model(model.inputs, model.outputs) if functional else model
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found = [decode(step, state(2), [[1, 2], [3, 4]], 9).tokens for step, state in map(recurrent_step, (model, loaded))]
    np.testing.assert_array_equal(*found)


def test_window_step_equals_the_model():
    """Also after the context window is full, when the model reads the last tokens."""
    model = transformer(context=5)
    step, initial_state = window_step(model)
    state = initial_state(2)
    tokens = RNG.integers(0, VOCABULARY, (2, 9))
    for position in range(9):
        logits, state = step(tf.constant(tokens[:, position], tf.int32), state)
        seen = tokens[:, max(0, position - 4) : position + 1]
        padded = np.pad(seen, [(0, 0), (0, 5 - seen.shape[1])])
        np.testing.assert_allclose(logits, model(padded)[:, seen.shape[1] - 1], rtol=1e-4, atol=1e-5)


def count_up(tokens, state):
    """The next number modulo 10 is the most probable one. The state counts the steps."""
    return tf.one_hot((tokens + 1) % 10, 10) + tf.one_hot(tokens, 10) / 2, state + 1


@pytest.mark.parametrize("mode", ["eager", "graph", "graph with unknown sizes"])
def test_greedy_decoding(mode):
    def run(prompt):
        return decode(count_up, tf.zeros([tf.shape(prompt)[0]]), prompt, 6, end=9)

    if mode != "eager":
        sizes = [None, None] if "unknown" in mode else [3, 2]
        run = tf.function(run, input_signature=[tf.TensorSpec(sizes, tf.int32)])
    found = run(tf.constant([[0, 1], [5, 6], [3, 8]]))
    np.testing.assert_array_equal(found.tokens, [[2, 3, 4, 5, 6, 7], [7, 8, 9, 9, 9, 9], [9, 9, 9, 9, 9, 9]])
    np.testing.assert_array_equal(found.lengths, [6, 3, 1])
    assert found.tokens.dtype == found.lengths.dtype == tf.int32


@in_both_modes
def test_end_outside_of_the_vocabulary(execute):
    """The logits are those of 10 tokens."""
    for prompt in ([[1], [2]], RAGGED):
        with raises_argument_error("end", received="10", expected="a token of the vocabulary of 10 tokens"):
            execute(lambda prompt: decode(count_up, tf.zeros([2]), prompt, 3, end=10))(prompt)
        assert execute(lambda prompt: decode(count_up, tf.zeros([2]), prompt, 3, end=9))(prompt).tokens.shape == (2, 3)


@in_both_modes
def test_end_that_never_comes(execute):
    """The numbers are 0 and 1 only."""
    step = execute(lambda prompt: decode(lambda x, state: (tf.one_hot(1 - x, 5), state), (), prompt, 7, end=4))
    found = step([[0], [1]])
    np.testing.assert_array_equal(found.tokens, [[1, 0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 0, 1, 0]])
    np.testing.assert_array_equal(found.lengths, [7, 7])


@in_both_modes
def test_length_of_zero(execute):
    with raises_argument_error("length", received="0", expected="a positive integer"):
        execute(lambda prompt: decode(count_up, tf.zeros([1]), prompt, 0))([[1]])


@in_both_modes
@pytest.mark.parametrize("prompt", [[[1], [2]], RAGGED], ids=["tensor", "ragged"])
def test_state_of_another_batch_size(execute, prompt):
    with raises_argument_error("state", received="(3,) for 2 prompts", expected="have the batch size of the prompts"):
        execute(lambda prompt: decode(count_up, tf.zeros([3]), prompt, 4))(prompt)
    with raises_argument_error("state", received="(3,) for 2 prompts", expected="have the batch size of the prompts"):
        stream(execute(count_up), tf.zeros([3]), prompt)


def test_sizes_that_are_known_at_run_time():
    run = tf.function(
        lambda prompt, state: decode(count_up, state, prompt, 3).tokens,
        input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None])],
    )
    np.testing.assert_array_equal(run([[1, 4], [2, 7]], tf.zeros([2])), [[5, 6, 7], [8, 9, 0]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="state must have the batch size of the prompts"):
        run([[1, 4], [2, 7]], tf.zeros([3]))


@in_both_modes
def test_negative_tokens_of_a_prompt(execute):
    """They are constants here. The values of a ragged constant are only known in eager execution."""
    with raises_argument_error("prompt", received="-3", expected="contain tokens >= 0"):
        execute(lambda: decode(count_up, tf.zeros([2]), [[1, 2], [0, -3]], 4))()
    for prompt in ([[1, 2], [0, -3]], tf.ragged.constant([[1], [0, -3]])):
        with raises_argument_error("prompt", received="-3", expected="contain tokens >= 0"):
            stream(execute(count_up), tf.zeros([2]), prompt)


@pytest.mark.parametrize("spec", [tf.TensorSpec([None, None], tf.int32), tf.RaggedTensorSpec([2, None], tf.int32)])
def test_negative_tokens_that_are_known_at_run_time(spec):
    run = tf.function(lambda prompt: decode(count_up, tf.zeros([2]), prompt, 2).tokens, input_signature=[spec])
    given = tf.constant if isinstance(spec, tf.TensorSpec) else tf.ragged.constant
    np.testing.assert_array_equal(run(given([[1, 4], [0, 7]])), [[5, 6], [8, 9]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="prompt must contain tokens >= 0"):
        run(given([[1, 4], [0, -3]]))


def test_end_of_a_vocabulary_that_is_known_at_run_time():
    @tf.function(input_signature=[tf.TensorSpec([None])])
    def run(logits):
        return decode(lambda tokens, state: (logits + tf.zeros([tf.size(tokens), 1]), state), (), [[1]], 3, end=4)

    np.testing.assert_array_equal(run(np.eye(5)[2]).tokens, [[2, 2, 2]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="end must be a token of the vocabulary, got 4"):
        run(np.eye(4)[2])


def test_generation_stops_when_all_sequences_have_ended():
    calls = []

    def step(tokens, state):
        calls.append(int(tokens[0]))
        return count_up(tokens, state)

    found = decode(step, tf.zeros([1]), [[6]], 1000, end=9)
    assert (calls, found.tokens.shape, int(found.lengths[0])) == ([6, 7, 8], (1, 1000), 3)


def test_stream_equals_decode():
    model = language_model(ours.GRU(5, return_sequences=True))
    step, initial_state = recurrent_step(model)
    prompt = RNG.integers(1, VOCABULARY, (2, 3))
    for choose in (greedy, temperature_sampling(1.5, seed=4)):
        expected = decode(step, initial_state(2), prompt, 12, choose).tokens.numpy().T
        streamed = list(itertools.islice(stream(step, initial_state(2), prompt, choose), 12))
        np.testing.assert_array_equal(streamed, expected)
    assert len(np.unique(expected)) > 3


class Writer(tf.Module):
    """Module whose generation is saved with the model."""

    def __init__(self, model):
        self.model = model
        self.step, self.initial_state = recurrent_step(model)
        self.traces = 0

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def __call__(self, prompt):
        self.traces += 1
        return decode(self.step, self.initial_state(tf.shape(prompt)[0]), prompt, 8, end=4)._asdict()


def test_saved_model(tmp_path):
    """Generation is exported with the model, for all batch sizes and prompt lengths, without further traces."""
    keras.utils.set_random_seed(6)
    model = language_model(ours.GRU(5, return_sequences=True))
    module = Writer(model)
    module(tf.constant([[1]]))
    tf.saved_model.save(module, str(tmp_path))
    traces = module.traces
    loaded, lengths = tf.saved_model.load(str(tmp_path)), []
    for shape in ((1, 1), (20, 3), (5, 2), (0, 2)):
        prompt = RNG.integers(1, VOCABULARY, shape)
        prefix, ended = prompt, np.zeros(shape[:1], bool)
        for _ in range(8 if shape[0] else 0):
            following = np.where(ended, 4, np.argmax(model(prefix)[:, -1], axis=-1))
            prefix, ended = np.concatenate([prefix, following[:, None]], axis=1), ended | (following == 4)
        expected = prefix[:, shape[1] :] if shape[0] else np.zeros((0, 8))
        for call in (module, loaded):
            found = call(tf.constant(prompt, tf.int32))
            np.testing.assert_array_equal(found["tokens"], expected)
            np.testing.assert_array_equal(found["lengths"], np.minimum(np.sum(expected != 4, axis=1) + 1, 8))
        lengths += found["lengths"].numpy().tolist()
    assert min(lengths) < max(lengths)
    assert module.traces == traces
    with pytest.raises(tf.errors.InvalidArgumentError, match="prompt must contain tokens >= 0"):
        loaded(tf.constant([[1, -1]]))


@in_both_modes
@pytest.mark.parametrize("kind", ["recurrent", "window"])
def test_prompts_of_different_lengths(kind, execute):
    """Tests that the results are those of separate calls, beyond the context window of a Transformer."""
    recurrent = ours.LSTM(5, return_sequences=True), stacked(4, return_sequences=True)
    step, initial_state = (
        window_step(transformer(6)) if kind == "window" else recurrent_step(language_model(*recurrent))
    )
    prompts = [[7, 3, 9], [5], [1, 2, 3, 4, 5, 6, 7, 8], [4, 10]]
    ragged = tf.ragged.constant(prompts)

    @execute
    def run(prompt):
        size = len(prompts) if isinstance(prompt, tf.RaggedTensor) else 1
        found = beam_search(step, initial_state(size), prompt, 6, 3, end=0)
        return decode(step, initial_state(size), prompt, 6, end=0).tokens, found.tokens, found.scores

    rows = [1, 2]  # the shortest and the longest, as each length is traced
    separate = [run(tf.constant([prompts[row]])) for row in rows]
    for together, expected in zip(run(ragged), zip(*separate, strict=True), strict=True):
        np.testing.assert_allclose(tf.gather(together, rows), np.concatenate(expected), rtol=1e-5)
    streamed = list(itertools.islice(stream(step, initial_state(4), ragged), 6))
    expected = decode(step, initial_state(4), ragged, 6).tokens
    np.testing.assert_array_equal(np.transpose(streamed), expected)


def test_empty_prompt_among_others_in_a_graph():
    run = tf.function(
        lambda prompt: decode(count_up, tf.zeros([2]), prompt, 3).tokens,
        input_signature=[tf.RaggedTensorSpec([2, None], tf.int32)],
    )
    np.testing.assert_array_equal(run(tf.ragged.constant([[1], [4, 6]])), [[2, 3, 4], [7, 8, 9]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="prompt must have at least one token in each row"):
        run(tf.ragged.constant([[1], []], dtype=tf.int32))


def test_sampling_has_the_probabilities_of_the_softmax():
    logits = np.log([0.1, 0.2, 0.7]).astype("float32")
    for temperature in (0.5, 1.0, 2.0):
        choose = temperature_sampling(temperature, seed=3)
        drawn = choose(np.tile(logits, (20_000, 1)), 0).numpy()
        powers = np.array([0.1, 0.2, 0.7]) ** (1 / temperature)
        expected = powers / powers.sum()
        error = np.sqrt(expected * (1 - expected) / 20_000)
        assert (abs(np.bincount(drawn, minlength=3) / 20_000 - expected) < 5 * error).all()


def test_sampling_depends_on_seed_and_position():
    logits = np.zeros((50, 30), "float16")
    draws = {
        (seed, position): tuple(temperature_sampling(seed=seed)(logits, position).numpy())
        for seed in (1, 2)
        for position in (0, 1)
    }
    assert len(set(draws.values())) == 4
    assert tuple(temperature_sampling(seed=2)(logits, 1).numpy()) == draws[2, 1]


def test_text_of_bytes():
    """Characters of several bytes are yielded when they are complete, and the end is not part of the text."""
    text = "é → ü"
    codes = [*text.encode(), 0, 0]

    def step(tokens, state):
        return tf.one_hot(tf.gather(codes, state), 256), state + 1

    def decode_bytes(tokens):
        return bytes(tokens).decode(errors="replace")

    generator = TextGenerator(step, lambda batch: tf.zeros([batch], tf.int32), lambda _: [1], decode_bytes, end=0)
    assert [part for part in generator.generate("x", 100) if part] == [*text]
    assert "".join(generator.generate("x", 4)) == "é \ufffd"


def letters(step=None):
    """Returns a generator whose texts go through the alphabet, with a second choice at each letter and z as the end."""

    def next_letter(tokens, state):
        return 3 * tf.one_hot(tokens + 1, 128) + 2.5 * tf.one_hot(tokens + 2, 128), state

    return TextGenerator(
        step or next_letter,
        lambda batch: tf.zeros([batch, 2]),
        lambda text: [*text.encode()],
        lambda tokens: bytes(tokens).decode(),
        end=ord("z"),
    )


def test_completions_equal_generated_text():
    """For prompts of several lengths, with one trace."""
    traces = []

    def step(tokens, state):
        traces.append(tokens.shape)
        return letters().step(tokens, state)

    prompts = ["a", "Xb", "one text of several words", "v"]
    for choose in (greedy, temperature_sampling(0.2, seed=2)):
        traces.clear()
        completed = list(letters(step).complete(prompts, 9, choose))
        count = len(traces)
        assert completed == ["".join(letters().generate(prompt, 9, choose)) for prompt in prompts]
        list(letters(step).complete(prompts[:1], 9, choose))
        assert len(traces) == 2 * count
    assert list(letters().complete(["v"], 9)) == ["wxy"]


def test_texts_of_a_beam_search():
    one, other = letters().search(["a", "Xx"], length=4, beams=3)
    assert [text for text, _ in one[:1]] == list(letters().complete(["a"], 4)) == ["bcde"]
    assert sorted((score for _, score in one), reverse=True) == [score for _, score in one]
    assert {text for text, _ in other[:2]} == {"", "y"}  # which the end follows
    assert all(isinstance(score, float) for _, score in one + other)
    double = repetition_penalty(9.0), lambda logits, prefix: logits + 9 * tf.one_hot(prefix[:, -1], 128)
    assert next(letters().search(["c"], 3, 1, adjust=double))[0][0] == "ccc"
    assert list(letters().complete(["c"], 3, adjust=double)) == ["ccc"]
    assert "".join(letters().generate("c", 3, adjust=double)) == "ccc"


def test_step_of_an_encoder_decoder_depends_on_the_prompt():
    generator = TextGenerator.from_encoder_decoder(lambda source: (count_up, tf.zeros([1])), list, str, 1, 2)
    with pytest.raises(TypeError, match="depends on the prompt. Call `begin`"):
        generator.step([1], None)


def test_text_of_a_model_with_invalid_logits():
    generator = letters(lambda tokens, state: (tf.fill([1, 128], np.nan), state[:1]))
    for call in (generator.generate("a", 3), generator.complete(["a"], 3), generator.search(["a"], 3, 1)):
        with raises_argument_error("logits", expected="not contain NaN"):
            next(call)


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: decode(count_up, tf.zeros([1]), [[1]], 0), "length", "a positive integer"),
        (lambda: decode(count_up, tf.zeros([1]), [[1]], 1, end=-1), "end", "a non-negative integer or None"),
        (lambda: decode(count_up, tf.zeros([1]), [1], 1), "prompt", "integers of shape (batch, tokens)"),
        (lambda: decode(count_up, tf.zeros([1]), [[0.5]], 1), "prompt", "integers of shape (batch, tokens)"),
        (lambda: stream(count_up, tf.zeros([1]), np.zeros((1, 0), int)), "prompt", "with at least one token"),
        (
            lambda: decode(count_up, tf.zeros([2]), tf.ragged.constant([[1], [1.5, 2]]), 1),
            "prompt",
            "integers of shape",
        ),
        (
            lambda: decode(count_up, tf.zeros([2]), tf.ragged.constant([[1], []], dtype="int32"), 1),
            "prompt",
            "at least one token in each row",
        ),
        (
            lambda: decode(count_up, tf.zeros([]), tf.ragged.constant([[1], [1, 2]]), 1),
            "state",
            "tensors whose first axis is the batch",
        ),
        (
            lambda: decode(
                count_up, tf.zeros([2]), tf.ragged.constant([[1], [1, 2]]), 1, adjust=[repetition_penalty(2.0)]
            ),
            "adjust",
            "empty for prompts of different lengths",
        ),
        (lambda: temperature_sampling(0.0), "temperature", "a positive number"),
        (lambda: temperature_sampling(float("nan")), "temperature", "a positive number"),
        (lambda: temperature_sampling(seed=0.5), "seed", "an integer"),
        (lambda: recurrent_step(transformer(3)), "model", "a chain of layers"),
        (
            lambda: recurrent_step(
                language_model(keras.layers.Bidirectional(keras.layers.GRU(5, return_sequences=True)))
            ),
            "model",
            "a model without bidirectional layers",
        ),
        (
            lambda: recurrent_step(language_model(keras.layers.GRU(5, return_sequences=True, go_backwards=True))),
            "model",
            "a model that reads forwards",
        ),
        (lambda: window_step(language_model(keras.layers.GRU(5, return_sequences=True))), "model", "(batch, context)"),
    ],
)
def test_invalid_arguments(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()


def test_invalid_texts():
    generator = TextGenerator(count_up, lambda batch: tf.zeros([batch]), lambda text: [], str)
    with raises_argument_error("prompt", expected="a text of at least one token"):
        generator.generate("", 3)
    for each in (generator.complete([""], 3), generator.search([""], 3, 2)):
        with raises_argument_error("prompt", expected="a text of at least one token"):
            next(each)
    with raises_argument_error("length", expected="a positive integer"):
        generator.generate("a", -1)
    with raises_argument_error("length", expected="a positive integer"):
        next(generator.complete(["a"], 0))
    with raises_argument_error("beams", expected="a positive integer"):
        next(letters().search(["a"], 3, 0))
