"""Decoder with a beam search: the handbook's example, all sequences in NumPy, states and errors."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.seq2seq import (
    AttentionWrapper,
    BasicDecoder,
    BeamSearchDecoder,
    BeamSearchDecoderOutput,
    BeamSearchDecoderState,
    FinalBeamSearchDecoderOutput,
    GreedyEmbeddingSampler,
    LuongAttention,
    TrainingSampler,
    tile_batch,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
VOCABULARY, END = 4, 3
in_both_modes = pytest.mark.parametrize("execute", [lambda function: function, tf.function], ids=["eager", "graph"])


class Markov(keras.layers.Layer):
    """Cell whose logits depend on the step and the last token. The state counts the steps."""

    state_size = 1

    def __init__(self, logits):
        super().__init__()
        self.logits = tf.constant(logits, tf.float32)
        self.output_size = self.logits.shape[-1]

    def get_initial_state(self, batch_size=None):
        return [tf.zeros((batch_size, 1))]

    def call(self, inputs, states):
        steps = tf.cast(states[0][:, 0], tf.int32) % self.logits.shape[0]
        return tf.gather_nd(self.logits, tf.stack([steps, tf.argmax(inputs, -1, tf.int32)], 1)), [states[0] + 1]


def one_hot(tokens):
    return tf.one_hot(tokens, VOCABULARY)


WORDS = ["<start>", "How", "What", "You", "will", "are", "do", "you", "doing", "<end>"]
WORDS += [f"word {number}" for number in range(2_000)]  # share the rest of the probability
NEXT = {
    "<start>": {"How": 0.75, "What": 0.03, "You": 0.01},
    "How": {"will": 0.36, "are": 0.32, "do": 0.16},
    "How will": {"you": 0.07},
    "How are": {"you": 0.40},
    "How do": {"you": 0.70},
    "will you": {"<end>": 0.10},
    "are you": {"<end>": 0.60, "doing": 0.30},
    "do you": {"do": 0.85},
}


class Words(keras.layers.Layer):
    """Cell of a language model that knows the last two words."""

    state_size, output_size = 1, len(WORDS)

    def get_initial_state(self, batch_size=None):
        return [tf.zeros((batch_size, 1))]

    def call(self, inputs, states):
        pairs = [[WORDS[int(number)] for number in pair] for pair in zip(states[0][:, 0], inputs[:, 0], strict=True)]
        rows = np.zeros((len(pairs), len(WORDS)), "float32")
        for row, pair in zip(rows, pairs, strict=True):
            given = NEXT.get(" ".join(pair), NEXT.get(pair[1], {}))
            row[:] = (1 - sum(given.values())) / (len(WORDS) - len(given))
            for word, probability in given.items():
                row[WORDS.index(word)] = probability
        return tf.math.log(rows), [inputs]


def numbers(tokens):
    return tf.cast(tokens, tf.float32)[..., tf.newaxis]


def test_example_of_the_handbook():
    """Greedy decoding starts with "How will", which is not in the beam any more in the last step."""
    end = WORDS.index("<end>")
    outputs, *_ = BeamSearchDecoder(Words(), 3, numbers, maximum_iterations=4)(None, [0], end)
    found = [" ".join(WORDS[token] for token in beam) for beam in outputs.predicted_ids.numpy()[0].T]
    assert found == ["How do you do", "How are you <end>", "How are you doing"]
    probabilities = np.exp(outputs.beam_search_decoder_output.scores[0])
    np.testing.assert_allclose(probabilities[0], [0.75, 0.03, 0.01], rtol=1e-4)
    np.testing.assert_allclose(probabilities[1], [0.27, 0.24, 0.12], rtol=1e-4)
    np.testing.assert_allclose(probabilities[2], [0.096, 0.084, 0.0189], rtol=1e-4)
    np.testing.assert_allclose(probabilities[3], [0.0714, 0.0576, 0.0288], rtol=1e-4)
    greedy = BasicDecoder(Words(), GreedyEmbeddingSampler(numbers), maximum_iterations=3)
    tokens = greedy(None, start_tokens=[0], end_token=end)[0].sample_id
    assert [WORDS[token] for token in tokens.numpy()[0]] == ["How", "will", "you"]


@pytest.mark.parametrize(
    ("weight", "graph"), [(0.0, False), (0.6, True), (-0.7, False), pytest.param(-0.7, True, marks=pytest.mark.slow)]
)
def test_all_sequences(weight, graph):
    """A beam that is wide enough finds the best of all sequences, whose scores are computed in NumPy."""
    length, beams = 4, 130
    logits = 2 * RNG.normal(size=(length, VOCABULARY, VOCABULARY))
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    scores = {}
    for tokens in itertools.product(range(VOCABULARY), repeat=length):
        tokens = tokens[: tokens.index(END) + 1] if END in tokens else tokens
        total = sum(log_p[step, before, token] for step, (before, token) in enumerate(itertools.pairwise((0, *tokens))))
        # The end token counts from the step after it.
        counted = len(tokens) - (tokens[-1] == END and len(tokens) == length)
        scores[tokens] = total / ((5 + counted) / 6) ** weight
    ranked = sorted(scores, key=scores.get, reverse=True)
    decoder = BeamSearchDecoder(Markov(logits), beams, one_hot, maximum_iterations=length, length_penalty_weight=weight)

    def search():
        return decoder(None, start_tokens=[0, 0], end_token=END)

    outputs, state, lengths = (tf.function(search) if graph else search)()
    final = outputs.beam_search_decoder_output.scores[:, -1].numpy()
    for row in range(2):
        found = [
            tuple(tokens[:size])
            for tokens, size in zip(outputs.predicted_ids[row].numpy().T, lengths[row].numpy(), strict=True)
        ]
        assert found[:100] == ranked[:100]
        np.testing.assert_allclose(final[row, :100], [scores[tokens] for tokens in ranked[:100]], rtol=1e-5)
    np.testing.assert_array_equal(state.lengths, lengths)


def attentive(history=False):
    return AttentionWrapper(keras.layers.LSTMCell(5), LuongAttention(5), alignment_history=history)


def searcher(cell, **options):
    """Return a function of the initial state, the memory and its lengths that calls a decoder."""
    keras.utils.set_random_seed(3)
    parts = keras.layers.Embedding(VOCABULARY, 3), keras.layers.Dense(VOCABULARY, kernel_initializer="normal")
    decoder = BeamSearchDecoder(cell, 3, *parts, maximum_iterations=5, **options)

    def search(state=None, memory=None, lengths=None):
        given = {"memory": memory, "memory_sequence_length": lengths}
        return decoder(None, start_tokens=[1, 2], end_token=END, initial_state=state, **given)

    return search


def test_rows_are_repeated():
    """A state and a memory for each sequence are those of `tile_batch`, also if sizes are unknown."""
    memory, h = RNG.normal(size=(2, 4, 3)).astype("float32"), RNG.normal(size=(2, 5)).astype("float32")
    cell = attentive(history=True)
    search = searcher(cell)
    tiled = tile_batch([h, h], 3), tile_batch(memory, 3), tile_batch(tf.constant([4, 2]), 3)
    outputs, state, lengths = search(*tiled)
    assert isinstance(outputs, FinalBeamSearchDecoderOutput)
    assert isinstance(outputs.beam_search_decoder_output, BeamSearchDecoderOutput)
    assert isinstance(state, BeamSearchDecoderState)
    assert state.cell_state.alignment_history.shape == (lengths.numpy().max(), 6, 4)
    assert not state.cell_state.alignment_history.numpy()[:, 3:, 2:].any()
    specs = [tf.TensorSpec([None, 5]), tf.TensorSpec([None, 4, 3]), tf.TensorSpec([None], tf.int32)]
    traced = tf.function(lambda h, *more: search([h, h], *more), input_signature=specs)
    cell.attention_mechanisms[0].setup_memory(tiled[1], tiled[2])
    given = cell.get_initial_state(batch_size=6, dtype="float32").clone(cell_state=tiled[0])
    for other in (search([h, h], memory, [4, 2]), search(given), traced(h, memory, [4, 2])):
        np.testing.assert_array_equal(other[0].predicted_ids, outputs.predicted_ids)
        np.testing.assert_allclose(other[1].log_probs, state.log_probs, rtol=1e-5)
        history = other[1].cell_state.alignment_history
        np.testing.assert_allclose(history, state.cell_state.alignment_history, rtol=1e-5)
        np.testing.assert_array_equal(other[2], lengths)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have a row for each sequence"):
        traced(np.ones((5, 5)), memory, [4, 2])


@pytest.mark.slow
def test_history_without_reordering():
    search = searcher(attentive(history=True), reorder_tensor_arrays=False)
    _, state, lengths = search(memory=np.ones((2, 4, 3)))
    assert isinstance(state.cell_state.alignment_history, tf.TensorArray)
    search = searcher(attentive(history=True), reorder_tensor_arrays=False, stack_arrays=True)
    _, state, _ = search(memory=np.ones((2, 4, 3)))
    assert state.cell_state.alignment_history.shape == (lengths.numpy().max(), 6, 4)


def test_one_beam_is_a_greedy_search():
    logits = RNG.normal(size=(6, VOCABULARY, VOCABULARY))
    start = [0, 1, 2]
    beam = BeamSearchDecoder(Markov(logits), 1, one_hot, maximum_iterations=6)
    greedy = BasicDecoder(Markov(logits), GreedyEmbeddingSampler(one_hot), maximum_iterations=6, impute_finished=True)
    outputs, _, lengths = beam(None, start, END)
    expected, _, expected_lengths = greedy(None, start_tokens=start, end_token=END)
    np.testing.assert_array_equal(lengths[:, 0], expected_lengths)
    for row, length in enumerate(expected_lengths.numpy()):
        np.testing.assert_array_equal(outputs.predicted_ids[row, :length, 0], expected.sample_id[row, :length])


def test_beam_wider_than_the_vocabulary():
    """Entries that stand for no sequence have the score -inf."""
    decoder = BeamSearchDecoder(Markov(np.zeros((1, 4, 4))), 9, one_hot, maximum_iterations=1)
    outputs, state, _ = decoder(None, [0], END)
    assert np.isfinite(state.log_probs[0]).tolist() == [True] * 4 + [False] * 5
    assert sorted(outputs.predicted_ids[0, 0, :4].numpy()) == [0, 1, 2, 3]


@in_both_modes
def test_gradients_of_log_probabilities(execute):
    """They are those of the log-probabilities of the tokens that were found, which a training decoder reads."""
    keras.utils.set_random_seed(4)
    cell, output_layer = keras.layers.LSTMCell(5), keras.layers.Dense(VOCABULARY, kernel_initializer="normal")
    embedding, start = keras.layers.Embedding(VOCABULARY, 3, embeddings_initializer="normal"), tf.constant([1, 2])
    search = BeamSearchDecoder(cell, 3, embedding, output_layer, maximum_iterations=4)
    train = BasicDecoder(cell, TrainingSampler(), output_layer)
    tokens = tf.transpose(search(None, start, -1)[0].predicted_ids, [0, 2, 1])  # (2, 3, 4)
    weights = tf.constant(RNG.normal(size=(2, 3)), tf.float32)
    variables = [each.value for layer in (cell, embedding, output_layer) for each in layer.trainable_variables]

    def found():
        outputs, state, _ = search(None, start, -1)
        return state.log_probs, outputs.beam_search_decoder_output.scores[:, -1]

    def expected():
        read = tf.concat([tf.repeat(start, 3)[:, tf.newaxis], tf.reshape(tokens, [6, 4])[:, :-1]], axis=1)
        logs = tf.nn.log_softmax(train(embedding(read))[0].rnn_output)
        total = tf.reduce_sum(tf.gather(tf.reshape(logs, [2, 3, 4, -1]), tokens, batch_dims=3), axis=-1)
        return total, total

    def gradients(function):
        with tf.GradientTape(persistent=True) as tape:
            outputs = function()
            totals = [tf.reduce_sum(weights * output) for output in outputs]
        slopes = [tape.gradient(total, variables) for total in totals]
        return outputs, [tf.convert_to_tensor(slope) for each in slopes for slope in each]

    for pairs in zip(execute(lambda: gradients(found))(), gradients(expected), strict=True):
        for one, other in zip(*pairs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
            assert np.any(other)


@in_both_modes
def test_nan_logits(execute):
    """The second step of the first sequence has NaN logits. The second sequence ends before."""
    logits = np.log(np.full((3, 4, 4), 0.01, "float32"))
    logits[0, 0, 1] = logits[0, 2, END] = 0  # 0 -> 1, and 2 -> end
    logits[1, :3] = np.nan
    options = {"maximum_iterations": 3}
    greedy = BasicDecoder(Markov(logits), GreedyEmbeddingSampler(one_hot), **options)
    outputs, _, lengths = execute(lambda: greedy(None, start_tokens=[0, 2], end_token=END))()
    np.testing.assert_array_equal(outputs.sample_id[0], [1, 0, 0])
    np.testing.assert_array_equal(lengths, [3, 1])
    np.testing.assert_array_equal(np.isnan(outputs.rnn_output[0]).all(-1), [False, True, False])
    beams = BeamSearchDecoder(Markov(logits), 1, one_hot, **options)
    outputs, state, lengths = execute(lambda: beams(None, start_tokens=[0, 2], end_token=END))()
    scores = outputs.beam_search_decoder_output.scores[..., 0]
    np.testing.assert_array_equal(np.isnan(scores), [[False, True, True], [False] * 3])
    np.testing.assert_array_equal(np.isnan(state.log_probs), [[True], [False]])
    assert set(outputs.predicted_ids[0].numpy().ravel()) <= set(range(VOCABULARY))
    np.testing.assert_array_equal(outputs.predicted_ids[1, :, 0], [END] * 3)
    assert state.finished[1].numpy().all()
    assert lengths[1] == 1


def test_scores_of_all_continuations():
    logits = RNG.normal(size=(6, VOCABULARY, VOCABULARY))
    options = {"maximum_iterations": 3, "length_penalty_weight": 0.5}
    every = BeamSearchDecoder(Markov(logits), 2, one_hot, output_all_scores=True, **options)(None, [0], -1)[0]
    best = BeamSearchDecoder(Markov(logits), 2, one_hot, **options)(None, [0], -1)[0]
    scores = every.beam_search_decoder_output.scores
    assert scores.shape == (1, 3, 2, VOCABULARY)
    flat = np.sort(scores.numpy().reshape(3, -1))[:, ::-1]
    np.testing.assert_allclose(flat[:, :2], best.beam_search_decoder_output.scores[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: BeamSearchDecoder(keras.layers.LSTM(4), 2), "cell", "a recurrent cell"),
        (lambda: BeamSearchDecoder(keras.layers.LSTMCell(4), 0), "beam_width", "a positive integer"),
        (lambda: BeamSearchDecoder(keras.layers.LSTMCell(4), 2, "embedding"), "embedding_fn", "a function or None"),
        (lambda: BeamSearchDecoder(keras.layers.LSTMCell(4), 2)(None, [1], 2), "embedding", "given if there is no"),
        (lambda: BeamSearchDecoder(keras.layers.LSTMCell(4), 2, one_hot)(None, [[1]], 2), "start_tokens", "(batch,)"),
        (lambda: BeamSearchDecoder(keras.layers.LSTMCell(4), 2, one_hot)(None, [1], [2]), "end_token", "a scalar"),
        (
            lambda: BeamSearchDecoder(keras.layers.LSTMCell(4), 2, one_hot)(None, [1], 4),
            "end_token",
            "a token of the vocabulary of 4 tokens",
        ),
        (lambda: searcher(keras.layers.LSTMCell(5))([tf.zeros((4, 5))] * 2), "initial_state", "each of the 6 beams"),
        (lambda: searcher(attentive())(memory=np.ones((5, 4, 3))), "memory", "each of the 6 beams"),
        (lambda: searcher(attentive())(), "memory", "set up before"),
        (
            lambda: searcher(keras.layers.LSTMCell(5), coverage_penalty_weight=0.3)(),
            "coverage_penalty_weight",
            "0 without attention",
        ),
    ],
)
def test_errors(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()


def test_end_token_that_is_known_at_run_time():
    """A negative token ends no sequence."""
    decoder = BeamSearchDecoder(Markov(np.zeros((1, 4, 4))), 2, one_hot, maximum_iterations=3)
    search = tf.function(lambda end: decoder(None, [0], end)[2], input_signature=[tf.TensorSpec([], tf.int32)])
    np.testing.assert_array_equal(search(-1), [[3, 3]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="end_token must be a token of the vocabulary of 4 tokens"):
        search(4)
    with raises_argument_error("end_token", received="4", expected="a token of the vocabulary of 4 tokens"):
        tf.function(lambda: decoder(None, [0], 4))()
