"""Beam search: an exhaustive search in NumPy, the handbook's example, saved models, memory, and errors."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.seq2seq import (
    allowed_tokens,
    beam_search,
    decode,
    recurrent_step,
    repetition_penalty,
)
from tensorsmith.testing import raises_argument_error

MODELS, VOCABULARY, LENGTH, SOURCE, END = 100, 4, 5, 4, 3
PENALTIES = [(0.0, 0.0), (0.6, 0.0), (0.0, 0.3), (1.5, 2.0)]
MORE_PENALTIES = [(0.6, 0.3), (0.6, 2.0), (1.5, 0.0), (1.5, 0.3), (0.0, 2.0)]
slow = pytest.mark.slow
in_both_modes = pytest.mark.parametrize("execute", [lambda function: function, tf.function], ids=["eager", "graph"])


class Random:
    """Random recurrent models, one for each entry of the batch, with attention weights. Some source is padding."""

    def __init__(self, seed=0, models=MODELS, units=6):
        rng = np.random.default_rng(seed)
        self.models = models
        self.recurrent = rng.normal(size=(models, units, units))
        self.embedding = rng.normal(size=(models, VOCABULARY, units))
        self.output = 2 * rng.normal(size=(models, units, VOCABULARY))
        self.scores = 2 * rng.normal(size=(models, units, SOURCE))
        self.scores[: models // 2, :, -1] = -np.inf

    def run(self, xp, h, tokens, take, batched):
        h = xp.tanh(batched(h, take(self.recurrent)) + take(self.embedding, tokens))
        scores = batched(xp.abs(h) + 0.1, take(self.scores))
        weights = xp.exp(scores - xp.max(scores, -1)[:, None])
        return h, batched(h, take(self.output)), weights / xp.sum(weights, -1)[:, None]

    def step(self, tokens, state):
        """Step for the beam search, whose state contains the index of the model of each row."""
        h, model, _, count = state

        def take(array, tokens=None):
            rows = tf.gather(tf.constant(array), model)
            return rows if tokens is None else tf.gather(rows, tokens, batch_dims=1)

        class Functions:
            tanh, abs, exp, max, sum = tf.tanh, tf.abs, tf.exp, tf.reduce_max, tf.reduce_sum

        h, logits, weights = self.run(Functions, h, tokens, take, lambda a, b: tf.einsum("ru,ruv->rv", a, b))
        return logits, (h, model, weights, count + 1)

    def state(self):
        h = tf.zeros([self.models, self.recurrent.shape[1]], tf.float64)
        return h, tf.range(self.models), tf.zeros([self.models, SOURCE], tf.float64), tf.constant(0)

    def all_sequences(self, start):
        """Returns log-probabilities and sums of attention weights of all sequences up to their end, for each model."""
        found = {}

        def follow(tokens, h, last, log_p, coverage):
            h, logits, weights = self.run(
                np,
                h,
                last,
                lambda array, tokens=None: array if tokens is None else array[np.arange(self.models), tokens],
                lambda a, b: np.einsum("ru,ruv->rv", a, np.where(np.isneginf(b), -1e9, b)),
            )
            coverage = coverage + weights
            log_softmax = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            for token in range(VOCABULARY):
                sequence, total = (*tokens, token), log_p + log_softmax[:, token]
                if token == END or len(sequence) == LENGTH:
                    found[sequence] = total, coverage
                else:
                    follow(sequence, h, np.full(self.models, token), total, coverage)

        units = self.recurrent.shape[1]
        zeros = np.zeros((self.models, units)), np.zeros(self.models), np.zeros((self.models, SOURCE))
        follow((), zeros[0], np.full(self.models, start), zeros[1], zeros[2])
        return found


def penalized(sequence, log_p, coverage, length_penalty, coverage_penalty):
    """Returns the scores of a sequence with each model."""
    score = log_p / ((5 + len(sequence)) / 6) ** length_penalty
    if sequence[-1] == END:
        score = score + coverage_penalty * np.log(np.minimum(np.where(coverage == 0, 1, coverage), 1)).sum(-1)
    return score


@pytest.fixture(scope="module")
def search():
    """All sequences of all random models, and the beam search as a function of the beams and the penalties."""
    models = Random()

    @tf.function
    def run(beams, length_penalty, coverage_penalty):
        penalties = {"length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
        prompt, attention = tf.ones([MODELS, 1], tf.int32), lambda state: state[2]
        return beam_search(models.step, models.state(), prompt, LENGTH, beams, END, **penalties, attention=attention)

    return models.all_sequences(start=1), run


@pytest.mark.parametrize("penalties", [*PENALTIES, *(pytest.param(each, marks=slow) for each in MORE_PENALTIES)])
def test_equals_an_exhaustive_search(search, penalties):
    """With 364 beams, no sequence is dropped. Fewer beams never find a better one."""
    sequences, run = search
    expected = {sequence: penalized(sequence, *each, *penalties) for sequence, each in sequences.items()}
    assert len(expected) == 364
    best = np.sort(list(expected.values()), axis=0)[::-1].T  # (models, sequences)
    found = [each.numpy() for each in run(364, *penalties)]
    np.testing.assert_allclose(found[2], best, rtol=1e-6, atol=1e-6)
    for model in (0, 60, 99):
        for tokens, length, score, log_p in zip(*(each[model] for each in found), strict=True):
            sequence = tuple(tokens[:length])
            np.testing.assert_allclose(score, expected[sequence][model], rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(log_p, sequences[sequence][0][model], rtol=1e-6, atol=1e-6)
            assert (tokens[length:] == END).all()
    narrow = run(3, *penalties).scores.numpy()
    assert (narrow[:, 0] <= best[:, 0] + 1e-6).all()
    assert (np.diff(narrow) <= 0).all()


def test_coverage_penalty_with_one_beam():
    """The end is the most probable token, but its penalty makes the second one better, until the source is covered."""

    def step(tokens, state):
        return tf.math.log([[0.3, 0.1, 0.6]]), (state[0] + 1, tf.cast(tf.one_hot(state[0] % 2, 2), tf.float32))

    state = tf.zeros([1], tf.int32), tf.zeros([1, 2])
    found = beam_search(step, state, [[0]], 5, 1, 2, coverage_penalty=0.1, attention=lambda state: state[1] + 1e-6)
    np.testing.assert_array_equal(found.tokens[0, 0], [0, 2, 2, 2, 2])
    np.testing.assert_allclose(found.scores, np.log([[0.3 * 0.6]]), rtol=1e-4)


WORDS = ["<sos>", "how", "what", "you", "will", "are", "do", "doing", "<eos>", *(f"word {n}" for n in range(51))]
BIGRAMS = {  # probabilities after the last two words, from the example of the handbook
    ("<sos>", "<sos>"): {"how": 0.75, "what": 0.03, "you": 0.01},
    ("<sos>", "how"): {"will": 0.36, "are": 0.32, "do": 0.16},
    ("how", "will"): {"you": 0.02 / 0.27},
    ("how", "are"): {"you": 0.10 / 0.24},
    ("how", "do"): {"you": 0.08 / 0.12},
    ("are", "you"): {"<eos>": 0.6, "doing": 0.3},
    ("do", "you"): {"do": 0.07 / 0.08},
}


def sentences(tokens, state):
    """Step with the probabilities of the handbook. The state is the last word, and other words are equally probable."""
    table = np.zeros((9, 9, len(WORDS)), "float32")
    for words, following in BIGRAMS.items():
        row = table[tuple(map(WORDS.index, words))]
        for word, probability in following.items():
            row[WORDS.index(word)] = probability
    table[..., 9:] = (1 - table.sum(-1, keepdims=True)) / 51
    table[..., 0] += 1e-9  # a probability of 0 has no logarithm
    return tf.gather_nd(tf.math.log(table), tf.minimum(tf.stack([state, tokens], -1), 8)), tokens


@in_both_modes
def test_example_of_the_handbook(execute):
    """The greedy choice "how will" is in the beam until the fourth step, which drops it."""

    def run(length, beams):
        search = execute(lambda: beam_search(sentences, tf.zeros([2], tf.int32), [[0], [0]], length, beams, end=8))
        tokens, lengths, scores, log_p = (each.numpy() for each in search())
        np.testing.assert_array_equal(tokens[0], tokens[1])
        np.testing.assert_array_equal(scores, log_p)
        words = [
            " ".join(WORDS[token] for token in each[:size]) for each, size in zip(tokens[0], lengths[0], strict=True)
        ]
        return list(zip(words, np.exp(scores[0]).round(2), strict=True))

    assert run(1, 3) == [("how", 0.75), ("what", 0.03), ("you", 0.01)]
    assert run(2, 3) == [("how will", 0.27), ("how are", 0.24), ("how do", 0.12)]
    assert run(3, 3) == [("how are you", 0.1), ("how do you", 0.08), ("how will you", 0.02)]
    assert run(4, 3) == [("how do you do", 0.07), ("how are you <eos>", 0.06), ("how are you doing", 0.03)]
    assert run(2, 1) == [("how will", 0.27)]


def language_model(vocabulary=11, units=7):
    """Returns a recurrent language model with large differences between logits."""
    recurrent = keras.layers.GRU(units, return_sequences=True)
    wide = keras.initializers.RandomNormal(stddev=2.0, seed=2)
    embedding = keras.layers.Embedding(vocabulary, 6, embeddings_initializer=wide)
    output = keras.layers.Dense(vocabulary, kernel_initializer=wide)
    return keras.Sequential([keras.Input((None,), dtype="int32"), embedding, recurrent, output])


def test_one_beam_equals_greedy_decoding():
    keras.utils.set_random_seed(3)
    step, initial_state = recurrent_step(language_model())
    prompt = np.random.default_rng(1).integers(0, 11, (20, 3))
    greedy = decode(step, initial_state(20), prompt, 12, end=4)
    found = beam_search(step, initial_state(20), prompt, 12, beams=1, end=4, length_penalty=1.0)
    assert 3 < np.mean(greedy.lengths) < 12
    np.testing.assert_array_equal(found.tokens[:, 0], greedy.tokens)
    np.testing.assert_array_equal(found.lengths[:, 0], greedy.lengths)


def test_log_probabilities_are_those_of_the_model():
    """The states follow their hypotheses."""
    keras.utils.set_random_seed(4)
    model = language_model()
    step, initial_state = recurrent_step(model)
    prompt = np.array([[1, 2], [3, 9]], "int32")
    tokens, lengths, _, log_p = (each.numpy() for each in beam_search(step, initial_state(2), prompt, 8, 5, end=4))
    whole = np.concatenate([np.repeat(prompt[:, None], 5, axis=1), tokens], axis=-1).reshape(10, -1)
    logs = tf.nn.log_softmax(model(whole)).numpy()[:, 1:-1]
    each = np.take_along_axis(logs, whole[:, 2:, None], axis=-1)[..., 0].reshape(2, 5, 8)
    np.testing.assert_allclose(np.where(np.arange(8) < lengths[..., None], each, 0).sum(-1), log_p, rtol=1e-4)
    assert len({*map(tuple, whole)}) == 10


def test_counter_that_is_common_to_all_beams():
    logits = tf.constant(np.random.default_rng(0).normal(size=(9, 5)))

    def step(tokens, count):
        return tf.repeat(logits[tf.newaxis, count], tf.size(tokens), axis=0), count + 1

    found = beam_search(step, tf.constant(0), [[1], [2]], 9, beams=3, end=None)
    np.testing.assert_array_equal(found.tokens[:, 0], [np.argmax(logits, axis=1)] * 2)
    np.testing.assert_allclose(found.scores[:, 0], [np.sum(np.max(tf.nn.log_softmax(logits), axis=1))] * 2)


class Translator(tf.Module):
    """Module whose search is saved with the model."""

    def __init__(self):
        self.model = language_model()
        self.step, initial_state = recurrent_step(self.model)
        self.initial_state, self.traces = initial_state, 0

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def __call__(self, prompt):
        self.traces += 1
        state = self.initial_state(tf.shape(prompt)[0])
        return beam_search(self.step, state, prompt, 9, 4, end=4, length_penalty=0.6)._asdict()


def test_saved_model(tmp_path):
    """The search is exported with the model, for all batch sizes and prompt lengths, without further traces."""
    keras.utils.set_random_seed(5)
    module = Translator()
    module(tf.constant([[1]]))
    traces = module.traces
    cases = []
    for shape in ((1, 1), (2, 3), (5, 2), (0, 2)):
        prompt = tf.constant(np.random.default_rng(2).integers(0, 11, shape), tf.int32)
        expected = beam_search(module.step, module.initial_state(shape[0]), prompt, 9, 4, end=4, length_penalty=0.6)
        cases.append((prompt, expected, module(prompt)))
    assert module.traces == traces
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for prompt, expected, found in cases:
        for each in (found, loaded(prompt)):
            np.testing.assert_array_equal(each["tokens"], expected.tokens)
            np.testing.assert_allclose(each["scores"], expected.scores, rtol=1e-5)


def test_memory_does_not_grow_with_steps_times_vocabulary():
    """The largest tensors are the logits, in the graph and in the body of the loop."""
    vocabulary, length, batch, beams = 5003, 211, 2, 3

    def step(tokens, state):
        return tf.one_hot(tokens, vocabulary) + state, state

    def search():
        adjust = (repetition_penalty(1.2),)
        return beam_search(step, tf.zeros([batch, 1]), [[1], [2]], length, beams, end=5, adjust=adjust)

    graph = tf.function(search).get_concrete_function().graph.as_graph_def(add_shapes=True)
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    lists = [node.attr["_output_shapes"].list.shape for node in nodes]
    shapes = [[each.size for each in shape.dim] for shapes in lists for shape in shapes]
    sizes = [np.prod(shape, initial=1) for shape in shapes if -1 not in shape]
    # The top tokens are chosen among groups of tokens, for which the logits are padded to a multiple of the size.
    assert batch * beams * vocabulary <= max(sizes) < batch * beams * (vocabulary + 80)
    assert len(sizes) > 300
    # The sizes of prefixes, and of indices of sequences with invalid logits, are unknown.
    assert not [shape for shape in shapes if -1 in shape and max(shape) >= vocabulary]


def bigrams(vocabulary, seed=0):
    """Returns random logits of the next token after each token, and the step of this model."""
    logits = np.random.default_rng(seed).normal(size=(vocabulary, vocabulary)).astype("float32")
    return logits, lambda tokens, state: (tf.gather(tf.constant(logits), tokens), state)


@in_both_modes
def test_constraints_and_penalties_of_prefixes(execute):
    """Only permutations are allowed, and the functions read the prefix of each hypothesis, with its prompt."""
    logits, step = bigrams(6)
    new = allowed_tokens(lambda prefix: ~tf.reduce_any(tf.one_hot(prefix, 6, True, False, dtype=tf.bool), axis=1))
    adjust = (repetition_penalty(1.5), lambda logits, prefix: logits + tf.one_hot(prefix[:, 0], 6), new)
    found = execute(lambda: beam_search(step, (), [[2, 5], [0, 1]], 3, beams=60, end=None, adjust=adjust))()
    for row, prompt in enumerate([(2, 5), (0, 1)]):
        expected = {}
        for tokens in itertools.permutations(set(range(6)) - set(prompt), 3):
            prefix, total = [*prompt], 0.0
            for token in tokens:
                z = logits[prefix[-1]].astype("float64")  # the penalized tokens are those that are not allowed
                allowed = [each for each in range(6) if each not in prefix]
                total += z[token] - np.log(np.exp(z[allowed]).sum())
                prefix.append(token)
            expected[tokens] = total
        best = sorted(expected, key=expected.get, reverse=True)
        assert [*map(tuple, found.tokens[row].numpy()[: len(best)])] == best
        np.testing.assert_allclose(found.scores[row][: len(best)], sorted(expected.values())[::-1], rtol=1e-4)
        assert np.isneginf(found.scores[row][len(best) :]).all()
        assert not found.lengths[row][len(best) :].numpy().any()


def test_beam_wider_than_the_vocabulary():
    """Surplus hypotheses are last, have a score of -inf and no tokens."""
    logits, step = bigrams(3)
    tokens, lengths, scores, log_p = (each.numpy() for each in beam_search(step, (), [[0]], 1, beams=5, end=2))
    order = np.argsort(-logits[0])
    np.testing.assert_array_equal(tokens[0, :, 0], [*order, 2, 2])
    np.testing.assert_array_equal(lengths, [[1, 1, 1, 0, 0]])
    np.testing.assert_allclose(scores[0, :3], tf.nn.log_softmax(logits[0]).numpy()[order], rtol=1e-5)
    assert np.isneginf(scores[0, 3:]).all()
    np.testing.assert_array_equal(scores, log_p)
    longer = beam_search(step, (), [[0]], 4, beams=5, end=2)
    assert np.isfinite(longer.scores).all()


@in_both_modes
def test_end_that_never_comes(execute):
    logits, step = bigrams(4)
    adjust = (lambda logits, prefix: tf.where(tf.range(4) == 3, -np.inf, logits),)
    found = execute(lambda: beam_search(step, (), [[0], [1]], 7, beams=2, end=3, adjust=adjust))()
    assert (found.lengths.numpy() == 7).all()
    assert not (found.tokens.numpy() == 3).any()


def test_search_stops_when_all_hypotheses_have_ended():
    calls = []

    def step(tokens, state):
        calls.append(len(tokens))
        return tf.where(tf.range(5) == 4, 0.0, tf.where(tf.range(5) == 3, -1.0, -30.0)) + tf.zeros(
            [len(tokens), 1]
        ), state

    found = beam_search(step, (), [[0]], 1000, beams=2, end=4)
    np.testing.assert_array_equal(found.lengths, [[1, 2]])
    assert calls == [1, 2]
    assert found.tokens.shape == (1, 2, 1000)


def test_dead_ends_are_dropped():
    """After 0 and 1, no token is allowed. The hypotheses that end with them are replaced by less probable ones."""
    _, step = bigrams(4)
    mask = np.array([[False] * 4, [False] * 4, [True] * 4, [False, False, True, True]])
    found = beam_search(
        step, (), [[2]], 5, 4, None, adjust=(allowed_tokens(lambda prefix: tf.gather(mask, prefix[:, -1])),)
    )
    tokens = found.tokens.numpy()
    assert set(tokens[..., :-1].ravel()) <= {2, 3}
    assert np.isfinite(found.scores).all()


def test_no_allowed_token_left():
    _, step = bigrams(4)
    nothing = allowed_tokens(lambda prefix: tf.fill([tf.shape(prefix)[0], 4], False) | (prefix[:, :1] == 0))
    with raises_argument_error("logits", received="sequences [1]", expected="contain an allowed token"):
        beam_search(step, (), [[0], [1], [0]], 5, 2, None, adjust=(nothing,))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"logits must contain an allowed token.*\[1\]"):
        tf.function(beam_search)(step, (), [[0], [1], [0]], 5, 2, None, adjust=(nothing,))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("vocabulary", [7, 5000])
def test_invalid_logits(value, vocabulary):
    """Invalid logits are reported, but not if they follow an ended hypothesis or one that stands for none."""

    def step(tokens, state):
        return tf.one_hot(tokens + 1, vocabulary, 9.0, 0.0) + tf.where(tokens == 5, value, 0.0)[:, tf.newaxis], state

    def search(prompt, beams=1, length=9):
        return beam_search(step, (), prompt, length, beams, end=6)

    for prompt in ([[0], [2]], [[5], [0]]):
        with raises_argument_error("logits", received="NaN or infinity for the sequences", expected="not contain NaN"):
            search(prompt)
        with pytest.raises(tf.errors.InvalidArgumentError, match="logits must not contain NaN or infinity"):
            tf.function(search)(prompt)

    def step_after_end(tokens, state):
        logits, _ = step(tf.where(tokens == 6, 5, 0), state)
        return logits + tf.one_hot(6, vocabulary, 9.0, 0.0), state

    assert np.isfinite(beam_search(step_after_end, (), [[0]], 4, 2, end=6).scores).all()


def uniform(tokens, state):
    return tf.zeros([tf.shape(tokens)[0], 5]), state


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        ({"length": 0}, "length", "a positive integer"),
        ({"beams": 0}, "beams", "a positive integer"),
        ({"beams": 2.0}, "beams", "a positive integer"),
        ({"end": -1}, "end", "a non-negative integer or None"),
        ({"end": 5}, "end", "a token of the vocabulary of 5 tokens"),
        ({"prompt": [1, 2]}, "prompt", "integers of shape (batch, tokens)"),
        ({"prompt": np.zeros((2, 0), int)}, "prompt", "with at least one token"),
        ({"prompt": [[1], [-2]]}, "prompt", "contain tokens >= 0"),
        ({"state": tf.zeros([3, 4])}, "state", "have the batch size of the prompts"),
        ({"state": {"a": tf.zeros([2]), "b": [tf.zeros([1, 2])]}}, "state", "have the batch size of the prompts"),
        ({"length_penalty": -0.1}, "length_penalty", "a number >= 0"),
        ({"length_penalty": "1"}, "length_penalty", "a number >= 0"),
        ({"coverage_penalty": float("nan")}, "coverage_penalty", "a number >= 0"),
        ({"coverage_penalty": 0.1}, "attention", "a function of the state, which coverage_penalty requires"),
        ({"attention": 3}, "attention", "a function or None"),
        ({"coverage_penalty": 0.1, "attention": lambda state: tf.zeros([2])}, "attention", "of shape (rows, source)"),
        ({"adjust": repetition_penalty(2.0)}, "adjust", "a sequence of functions"),
        ({"adjust": [3]}, "adjust", "a sequence of functions"),
        ({"adjust": [lambda logits, prefix: logits[:, :3]]}, "adjust", "logits of the same shape, (2, 5)"),
        ({"adjust": [allowed_tokens(lambda prefix: tf.ones([2, 4], tf.bool))]}, "function", "booleans of shape (2, 5)"),
        ({"adjust": [allowed_tokens(lambda prefix: tf.ones([5], tf.bool))]}, "function", "booleans of shape (2, 5)"),
        ({"adjust": [allowed_tokens(lambda prefix: tf.ones([2, 5]))]}, "function", "booleans of shape (2, 5)"),
        ({"step": lambda tokens, state: (tf.zeros([2]), state)}, "step", "logits of shape (batch, vocabulary)"),
        ({"step": lambda tokens, state: (tf.zeros([4, 5]), state)}, "step", "logits of shape (batch, vocabulary)"),
        ({"step": lambda tokens, state: (tf.zeros([2, 5], tf.int32), state)}, "step", "floating-point logits"),
    ],
)
def test_invalid_arguments(change, name, expected):
    arguments = {"step": uniform, "state": (), "prompt": [[1], [2]], "length": 3, "beams": 2, "end": 4, **change}
    for execute in (lambda function: function, tf.function(autograph=False)):
        with raises_argument_error(name, expected=expected):
            execute(lambda: beam_search(**arguments))()


def test_sizes_that_are_known_at_run_time_only():
    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, 2]), tf.TensorSpec([None])]
    )
    def search(prompt, state, logits):
        def step(tokens, state):
            return tf.zeros([tf.shape(tokens)[0], 1]) + logits, state

        return beam_search(step, state, prompt, 3, 2, end=4)

    assert search([[1], [2]], tf.zeros([2, 2]), tf.zeros([5])).tokens.shape == (2, 2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="state must have the batch size of the prompts"):
        search([[1], [2]], tf.zeros([3, 2]), tf.zeros([5]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="prompt must contain tokens >= 0"):
        search([[1], [-2]], tf.zeros([2, 2]), tf.zeros([5]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="end must be a token of the vocabulary, got 4"):
        search([[1], [2]], tf.zeros([2, 2]), tf.zeros([4]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtypes(dtype):
    logits, _ = bigrams(7, seed=3)
    rounded = tf.cast(logits, dtype)

    def search(table):
        return beam_search(lambda tokens, state: (tf.gather(table, tokens), state), (), [[0], [3]], 6, 3, end=6)

    found, expected = search(rounded), search(tf.cast(rounded, "float32"))
    assert found.scores.dtype == ("float64" if dtype == "float64" else "float32")
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
