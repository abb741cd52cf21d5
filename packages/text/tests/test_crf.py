"""Tests of the CRF functions against sums over all tag sequences in float64, in all dtypes and kinds of execution."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tag_sequences import all_scores

from tensorsmith import ops, text
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
TOLERANCES = {"float16": 5e-3, "bfloat16": 4e-2, "float32": 1e-5, "float64": 1e-12}
SIZES = [(4, 4, 3), (3, 1, 2), (2, 3, 1), (0, 3, 2)]  # batch, steps, tags
either = pytest.mark.parametrize("choice", ["compiled", "reference"])
# Fast tests cover all dtypes with the first sizes, and all sizes in float32.
settings = pytest.mark.parametrize(
    ("sizes", "dtype"),
    [
        pytest.param(sizes, dtype, marks=[] if sizes == SIZES[0] or dtype == "float32" else pytest.mark.slow)
        for sizes in SIZES
        for dtype in TOLERANCES
    ],
    ids=str,
)


def chain(batch, steps, tags, dtype="float64"):
    """Return unary scores that the dtype represents exactly, tags, lengths and transition scores."""
    lengths = RNG.integers(0, steps + 1, batch)
    lengths[:1] = steps
    scores, transitions = RNG.normal(size=(batch, steps, tags)), RNG.normal(size=(tags, tags))
    exact = tf.cast(tf.cast(scores, dtype), "float64").numpy()
    return exact, RNG.integers(0, tags, (batch, steps)), lengths, transitions


def mask_like(scores):
    """Return a random mask of allowed tags, with at least one at each step."""
    allowed = RNG.random(scores.shape) < 0.6
    allowed[..., 0] |= ~allowed.any(-1)
    return allowed


def log_sum(values):
    return np.logaddexp.reduce(list(values)) if values else -np.inf


def in_graph(function):
    """Return the function as a graph without static shapes."""

    def call(*arguments):
        tensors = [tf.convert_to_tensor(argument) for argument in arguments]
        signature = [tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype) for tensor in tensors]
        return tf.function(function, input_signature=signature)(*tensors)

    return call


def eager(function):
    return function


executed = pytest.mark.parametrize("run", [eager, in_graph])


def expect_close(found, expected, dtype):
    assert found.dtype == dtype
    values = np.array(tf.cast(found, "float64"))
    np.testing.assert_allclose(
        values, np.reshape(expected, values.shape), rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype]
    )


@pytest.mark.pairwise
@either
@settings
@executed
def test_scores_and_norms(sizes, dtype, choice, run):
    """Transitions are float32 in mixed precision, and are cast to the dtype of the computation."""
    scores, tags, lengths, transitions = chain(*sizes, dtype)
    given, matrix = tf.cast(scores, dtype), tf.cast(transitions, "float64" if dtype == "float64" else "float32")
    rows = [scores[b, :length] for b, length in enumerate(lengths)]
    with ops.use(choice):
        score = [all_scores(row, transitions)[tuple(tags[b, : len(row)])] for b, row in enumerate(rows)]
        expect_close(run(text.crf_sequence_score)(given, tags, lengths, matrix), score, dtype)
        norm = [log_sum(all_scores(row, transitions).values()) for row in rows]
        expect_close(run(text.crf_log_norm)(given, lengths, matrix), norm, dtype)
        likelihood, returned = run(text.crf_log_likelihood)(given, tags, lengths, matrix)
        expect_close(likelihood, np.subtract(score, norm), dtype)
        expect_close(returned, transitions, dtype)


@pytest.mark.pairwise
@either
@settings
@executed
def test_masks_and_decoding(sizes, dtype, choice, run):
    scores, _, lengths, transitions = chain(*sizes, dtype)
    allowed = mask_like(scores)
    given, matrix = tf.cast(scores, dtype), tf.cast(transitions, "float64" if dtype == "float64" else "float32")
    with ops.use(choice):
        found = run(text.crf_multitag_sequence_score)(given, allowed, lengths, matrix)
        free = run(text.crf_decode)(given, matrix, lengths)
        constrained = run(text.crf_constrained_decode)(given, allowed, matrix, lengths)
    rows = [(scores[b, :length], allowed[b, :length]) for b, length in enumerate(lengths)]
    expect_close(found, [log_sum(all_scores(row, transitions, mask).values()) for row, mask in rows], dtype)
    for (tags, score), limited in ((free, False), (constrained, True)):
        among = [all_scores(row, transitions, mask if limited else None) for row, mask in rows]
        expect_close(score, [max(each.values()) for each in among], dtype)
        assert tags.dtype == "int32"
        for b, each in enumerate(among):
            path = tuple(tags[b, : lengths[b]].numpy())
            assert each[path] == pytest.approx(max(each.values()), abs=TOLERANCES[dtype])
            assert not np.any(tags[b, lengths[b] :])


def test_parts_of_the_score():
    scores, tags, lengths, transitions = chain(4, 4, 3)
    inside = np.arange(4) < lengths[:, np.newaxis]
    unary = (np.take_along_axis(scores, tags[..., np.newaxis], 2)[..., 0] * inside).sum(1)
    binary = (transitions[tags[:, :-1], tags[:, 1:]] * inside[:, 1:]).sum(1)
    np.testing.assert_allclose(text.crf_unary_score(tags, lengths, scores), unary)
    np.testing.assert_allclose(text.crf_binary_score(tags, lengths, transitions), binary)
    assert text.crf_unary_score(tags, lengths, tf.cast(scores, "float16")).dtype == "float16"
    assert text.crf_binary_score(tags, lengths, tf.cast(transitions, "bfloat16")).dtype == "bfloat16"


def values_of(function):
    """Return a function of scores and transitions whose gradient is to be compared, a scalar."""
    allowed, lengths = mask_like(np.ones((2, 3, 3))), [3, 2]
    return {
        "norm": lambda scores, matrix: tf.reduce_sum(text.crf_log_norm(scores, lengths, matrix)),
        "mask": lambda scores, matrix: tf.reduce_sum(
            text.crf_multitag_sequence_score(scores, allowed, lengths, matrix)
        ),
        "best": lambda scores, matrix: tf.reduce_sum(text.crf_decode(scores, matrix, lengths)[1]),
    }[function]


@either
@pytest.mark.parametrize("function", ["norm", "mask", "best"])
def test_gradients(function, choice):
    """Gradients in float32 and float64 are compared with central differences in float64."""
    scores, _, _, transitions = chain(2, 3, 3)
    value, arrays = values_of(function), (scores, transitions)
    slopes = {}
    with ops.use(choice):
        for dtype in ("float64", "float32"):
            given = [tf.cast(array, dtype) for array in arrays]
            with tf.GradientTape() as tape:
                tape.watch(given)
                result = value(*given)
            slopes[dtype] = tape.gradient(result, given)
        for position, index in [(p, i) for p, array in enumerate(arrays) for i in np.ndindex(array.shape)]:
            moved = [[array.copy() for array in arrays] for _ in range(2)]
            moved[0][position][index] += 1e-5
            moved[1][position][index] -= 1e-5
            expected = float(value(*moved[0]) - value(*moved[1])) / 2e-5
            assert float(slopes["float64"][position][index]) == pytest.approx(expected, abs=1e-7)
            assert float(slopes["float32"][position][index]) == pytest.approx(expected, abs=1e-5)


@either
def test_sequences_without_allowed_tags(choice):
    """The log norm is negative infinity with finite gradients, and other sequences of the batch are unaffected."""
    scores, _, _, transitions = chain(2, 3, 2)
    allowed = np.ones((2, 3, 2), bool)
    allowed[1, 1] = False
    x = tf.constant(scores, "float32")
    with ops.use(choice), tf.GradientTape() as tape:
        tape.watch(x)
        found = text.crf_multitag_sequence_score(x, allowed, [3, 3], transitions)
    assert found[1] == -np.inf
    assert float(found[0]) == pytest.approx(log_sum(all_scores(scores[0], transitions).values()), rel=1e-5)
    slopes = tape.gradient(found, x).numpy()
    np.testing.assert_allclose(slopes[0].sum(-1), 1, rtol=1e-5)  # marginal probabilities
    assert np.isfinite(slopes).all()


@either
@pytest.mark.parametrize("excluded", [-np.inf, -1e9])
def test_excluded_transitions(choice, excluded):
    """Large negative transition scores do not cancel the other scores."""
    scores, *_ = chain(2, 4, 3)
    transitions = np.where(np.eye(3) > 0, excluded, 0.0)  # no tag follows itself
    expected = [log_sum(all_scores(row, transitions).values()) for row in scores]
    with ops.use(choice):
        expect_close(text.crf_log_norm(tf.cast(scores, "float32"), [4, 4], transitions), expected, "float32")


@pytest.mark.pairwise
@settings
@executed
def test_forward_passes(sizes, dtype, run):
    """The forward variables give the log norm, and both passes of decoding the result of `crf_decode`."""
    scores, _, lengths, transitions = chain(*sizes, dtype)
    lengths = np.maximum(lengths, 1)
    given = tf.cast(scores, dtype)
    alphas = run(text.crf_forward)(given[:, 1:], given[:, 0], transitions, lengths)
    assert alphas.dtype == dtype
    norms = [log_sum(all_scores(scores[b, :length], transitions).values()) for b, length in enumerate(lengths)]
    expect_close(tf.cast(tf.reduce_logsumexp(tf.cast(alphas, "float64"), 1), dtype), norms, dtype)

    previous, last = run(text.crf_decode_forward)(given[:, 1:], given[:, 0], transitions, lengths - 1)
    assert previous.dtype == "int32"
    tags, score = text.crf_decode(given, transitions, lengths)
    expect_close(tf.reduce_max(last, axis=1), tf.cast(score, "float64"), dtype)
    final = tf.argmax(last, axis=1, output_type="int32")[:, tf.newaxis]
    origins = tf.reverse_sequence(previous, lengths - 1, seq_axis=1)
    found = tf.concat([final, run(text.crf_decode_backward)(origins, final)[..., 0]], axis=1)
    np.testing.assert_array_equal(tf.reverse_sequence(found, lengths, seq_axis=1), tags)


@pytest.mark.parametrize(
    ("steps", "tags", "dtype"), [(4, 3, "float16"), (1, 3, "float32"), (5, 1, "float64"), (4, 3, "int64")]
)
def test_viterbi(steps, tags, dtype):
    scores, transitions = ((8 * RNG.normal(size=shape)).astype(dtype) for shape in ((steps, tags), (tags, tags)))
    found, score = text.viterbi_decode(scores, transitions)
    expected = all_scores(scores.astype("float64"), transitions.astype("float64"))
    assert [type(tag) for tag in found] == [int] * steps
    assert expected[tuple(found)] == max(expected.values())
    assert score.dtype == ("float64" if dtype == "int64" else dtype)
    assert score == pytest.approx(max(expected.values()), rel=1e-3)


def test_viterbi_of_an_empty_sequence():
    assert text.viterbi_decode(np.zeros((0, 2)), np.zeros((2, 2))) == ([], 0)


def test_variable_of_transitions_is_returned():
    """Scripts assign the result to the attribute from which they took the variable."""
    variable = keras.Variable(np.zeros((3, 3), "float32"))
    _, transitions = text.crf_log_likelihood(np.zeros((2, 4, 3), "float32"), np.zeros((2, 4), int), [4, 2], variable)
    assert transitions is variable


def test_created_transitions():
    scores, tags, lengths, _ = chain(4, 4, 3)
    scores = tf.constant(scores, "float32")
    likelihood, transitions = text.crf_log_likelihood(scores, tags, lengths)
    assert isinstance(transitions, tf.Variable)
    assert transitions.shape == (3, 3)
    assert 0 < np.max(np.abs(transitions)) <= 1  # the bound is sqrt(6 / (3 + 3))
    again, _ = text.crf_log_likelihood(scores, tags, lengths, transitions)
    np.testing.assert_array_equal(likelihood, again)
    with raises_argument_error("inputs", expected="have a known number of tags", remedy="pass transition_params"):
        unknown = tf.TensorSpec([None] * 3)
        tf.function(lambda scores: text.crf_log_likelihood(scores, tags, lengths), [unknown], autograph=False)(scores)


def test_filtered_inputs():
    found = text.crf_filtered_inputs([[[1.0, 2.0], [3.0, 4.0]]], [[[1, 0], [0, 1]]])
    np.testing.assert_array_equal(found, [[[1.0, -np.inf], [-np.inf, 4.0]]])


SCORES, TAGS, LENGTHS, MATRIX = tf.ones((2, 3, 4)), np.zeros((2, 3), int), np.array([3, 3]), tf.ones((4, 4))
MASK = np.ones((2, 3, 4), bool)
RANK_3, OF_STEPS, SQUARE = "have shape (batch, steps, tags)", "have shape (batch, steps) = (2, 3)", "have shape (4, 4)"
STATE = "have shape (batch, tags) = (2, 4)"


@pytest.mark.parametrize(
    ("function", "arguments", "name", "expected"),
    [
        ("crf_binary_score", (TAGS, LENGTHS, MATRIX[:, :3]), "transition_params", SQUARE),
        ("crf_binary_score", (TAGS[0], LENGTHS, MATRIX), "tag_indices", "have shape (batch, steps)"),
        ("crf_constrained_decode", (SCORES, MASK[:, :2], MATRIX, LENGTHS), "tag_bitmap", "to match `potentials`"),
        ("crf_decode", (SCORES, MATRIX, LENGTHS[:1]), "sequence_length", "have shape (2,)"),
        ("crf_decode", (SCORES, MATRIX[:3], LENGTHS), "transition_params", SQUARE),
        ("crf_decode", (SCORES[0], MATRIX, LENGTHS), "potentials", RANK_3),
        ("crf_decode_backward", (MASK.astype(int), TAGS), "state", "have shape (2, 1)"),
        ("crf_decode_backward", (TAGS, TAGS), "inputs", RANK_3),
        ("crf_decode_forward", (SCORES, SCORES, MATRIX, LENGTHS), "state", STATE),
        ("crf_filtered_inputs", (SCORES, MASK[0]), "tag_bitmap", "have shape (2, 3, 4) to match `inputs`"),
        ("crf_forward", (SCORES, MATRIX, MATRIX, LENGTHS), "state", STATE),
        ("crf_log_likelihood", (SCORES, TAGS[:1], LENGTHS, MATRIX), "tag_indices", OF_STEPS),
        ("crf_log_norm", (SCORES, LENGTHS[:1], MATRIX), "sequence_lengths", "have shape (2,)"),
        ("crf_log_norm", (TAGS[..., None], LENGTHS, MATRIX), "inputs", "have a floating-point dtype"),
        ("crf_multitag_sequence_score", (SCORES, MASK, LENGTHS, MATRIX[0]), "transition_params", SQUARE),
        ("crf_sequence_score", (SCORES, TAGS[:, :2], LENGTHS, MATRIX), "tag_indices", OF_STEPS),
        ("crf_sequence_score", (SCORES[0], TAGS, LENGTHS, MATRIX), "inputs", RANK_3),
        ("crf_unary_score", (TAGS, 3, SCORES), "sequence_lengths", "have shape (2,)"),
        ("viterbi_decode", (SCORES, MATRIX), "score", "have shape (steps, tags)"),
        ("viterbi_decode", (SCORES[0], MATRIX[:2, :2]), "transition_params", SQUARE),
    ],
)
def test_wrong_arguments(function, arguments, name, expected):
    with raises_argument_error(name, expected=expected):
        getattr(text, function)(*arguments)


WRONG = np.full((2, 3), 4)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("crf_binary_score", (WRONG, LENGTHS, MATRIX)),
        ("crf_decode", (SCORES, MATRIX, LENGTHS + 1)),
        ("crf_log_likelihood", (SCORES, WRONG, LENGTHS, MATRIX)),
        ("crf_log_norm", (SCORES, LENGTHS + 1, MATRIX)),
        ("crf_unary_score", (WRONG, LENGTHS, SCORES)),
    ],
)
def test_values_out_of_range(function, arguments):
    with pytest.raises(tf.errors.InvalidArgumentError):
        getattr(text, function)(*arguments)
