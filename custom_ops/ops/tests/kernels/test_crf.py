"""Tests of the CRF ops against sums over all sequences, their reference implementation, float64, and invalid input."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tag_sequences import all_scores, score

from tensorsmith import ops
from tensorsmith.ops.arguments import as_int32
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

SIZES = [(2, 5, 3), (1, 1, 1), (3, 1, 4), (4, 7, 17), (2, 3, 16), (3, 4, 33), (0, 3, 2), (2, 0, 2)]


def draw(rng, batch, steps, tags):
    return (
        rng.normal(size=(batch, steps, tags)),
        rng.integers(0, tags, (batch, steps)),
        rng.normal(size=(tags, tags)),
        rng.integers(0, steps + 1, batch),
    )


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_likelihood(sizes, agree, rng):
    unaries, tags, transitions, lengths = draw(rng, *sizes)
    agree(lambda u, y, a, n: ops.crf_log_likelihood(u, y, a, lengths=n), unaries, tags, transitions, lengths)
    agree(ops.crf_log_likelihood, unaries, tags, transitions)


def test_likelihood_by_enumeration(rng):
    unaries, tags, transitions, _ = draw(rng, 4, 5, 3)
    lengths = [5, 3, 1, 0]
    got = ops.crf_log_likelihood(unaries.astype("float32"), tags, transitions, lengths=lengths)
    for b, length in enumerate(lengths[:3]):
        scores = all_scores(unaries[b, :length], transitions)
        wanted = scores[tuple(tags[b, :length])] - np.log(sum(map(np.exp, scores.values())))
        np.testing.assert_allclose(got[b], wanted, rtol=1e-5)
    assert got[3] == 0


def test_gradient_matches_marginals(rng):
    unaries, tags, transitions, _ = draw(rng, 1, 4, 3)
    u, a = tf.constant(unaries, tf.float32), tf.constant(transitions, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([u, a])
        likelihood = ops.crf_log_likelihood(u, tags, a)
    du, da = tape.gradient(likelihood, [u, a])
    scores = all_scores(unaries[0], transitions)
    total = sum(map(np.exp, scores.values()))
    wanted_u, wanted_a = np.zeros((4, 3)), np.zeros((3, 3))
    for path, value in scores.items():
        weight = float(path == tuple(tags[0])) - np.exp(value) / total
        for t, tag in enumerate(path):
            wanted_u[t, tag] += weight
        for one, other in itertools.pairwise(path):
            wanted_a[one, other] += weight
    np.testing.assert_allclose(du[0], wanted_u, atol=1e-5)
    np.testing.assert_allclose(da, wanted_a, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_decode_matches_reference(sizes, rng):
    unaries, _, transitions, lengths = draw(rng, *sizes)
    unaries, transitions = unaries.astype("float32"), transitions.astype("float32")
    tags, scores = ops.crf_decode(unaries, transitions, lengths=lengths)
    with ops.use("reference"):
        reference_tags, reference_scores = ops.crf_decode(unaries, transitions, lengths=lengths)
        graph_tags, _ = tf.function(ops.crf_decode)(unaries, transitions, lengths=lengths)
    np.testing.assert_array_equal(tags, reference_tags)
    np.testing.assert_array_equal(tags, graph_tags)
    np.testing.assert_allclose(scores, reference_scores, rtol=1e-5)
    for b, length in enumerate(lengths):
        assert not tags[b, length:].numpy().any()
        np.testing.assert_allclose(scores[b], score(unaries[b], transitions, tags[b, :length].numpy()), rtol=1e-4)


def test_decode_finds_best_sequence(rng):
    for _ in range(10):
        unaries, _, transitions, _ = draw(rng, 1, 4, 3)
        (tags,), _ = ops.crf_decode(unaries.astype("float32"), transitions)
        scores = all_scores(unaries[0], transitions)
        assert tuple(tags.numpy()) == max(scores, key=scores.get)


def test_decode_tie_breaking():
    tags, _ = ops.crf_decode(tf.zeros((1, 4, 3)), tf.zeros((3, 3)))
    np.testing.assert_array_equal(tags, [[0, 0, 0, 0]])


def test_forbidden_transitions_and_large_scores(rng):
    """Scores whose probabilities are out of range of float32."""
    forbidden = np.where(np.eye(3, k=1) + np.eye(3, k=-2) > 0, 0.0, -np.inf)  # 0, 1, 2, 0, ...
    unaries = (300 * rng.normal(size=(1, 30, 3))).astype("float32")
    tags, _ = ops.crf_decode(unaries, forbidden)
    np.testing.assert_array_equal(np.diff(tags[0]) % 3, np.ones(29))
    u = tf.constant(unaries)
    with tf.GradientTape() as tape:
        tape.watch(u)
        likelihood = ops.crf_log_likelihood(u, tags, forbidden)
    three = [unaries[0, np.arange(30), (np.arange(30) + start) % 3].sum() for start in range(3)]
    np.testing.assert_allclose(likelihood, [max(three) - np.logaddexp.reduce(three)], atol=1e-2)
    assert np.isfinite(tape.gradient(likelihood, u)).all()


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 200.0], ids=["moderate", "far"])
def test_long_sequences_of_large_scores(scale, rng):
    """With `far` transitions, probabilities are out of range of float32."""
    unaries, tags, transitions, lengths = draw(rng, 4, 1000, 20)
    inputs = [(10 * unaries).astype("float32"), (scale * transitions).astype("float32")]

    def gradients(unaries, transitions):
        with tf.GradientTape() as tape:
            tape.watch([unaries, transitions])
            likelihood = ops.crf_log_likelihood(unaries, tags, transitions, lengths=lengths)
        return likelihood, *tape.gradient(likelihood, [unaries, transitions])

    likelihood, du, da = gradients(*map(tf.constant, inputs))
    with ops.use("reference"):
        wanted, wanted_du, wanted_da = gradients(*(tf.constant(x, tf.float64) for x in inputs))
    np.testing.assert_allclose(likelihood, wanted, rtol=1e-6)
    np.testing.assert_allclose(du, wanted_du, atol=2e-5 * scale)
    np.testing.assert_allclose(da, wanted_da, atol=2e-4 * scale)


def test_invariant_to_constant_offset(rng):
    unaries, tags, transitions, _ = draw(rng, 2, 9, 5)
    near = np.round(unaries * 64) / 64  # exact in float32, also with the offset
    transitions = transitions.astype("float32")
    results = []
    for offset in (0, 1e5):
        u = tf.constant(near + offset, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(u)
            likelihood = ops.crf_log_likelihood(u, tags, transitions)
        results.append((likelihood, tape.gradient(likelihood, u)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("tags", [1, 3, 20])
def test_nan_propagates(tags, choice, rng):
    unaries, labels, transitions, _ = (
        np.array(x, x.dtype if x.dtype == int else "float32") for x in draw(rng, 2, 6, tags)
    )
    for step in (0, 2, 5):
        for tag in {0, tags // 2, tags - 1}:
            wrong = unaries.copy()
            wrong[0, step, tag] = np.nan
            with ops.use(choice):
                likelihood = ops.crf_log_likelihood(wrong, labels, transitions)
                best, scores = ops.crf_decode(wrong, transitions)
            np.testing.assert_array_equal(np.isnan(likelihood), [True, False])
            np.testing.assert_array_equal(np.isnan(scores), [True, False])
            assert np.logical_and(best >= 0, best < tags).all()
    if tags > 1:
        transitions[0, 1] = np.nan
        with ops.use(choice):
            assert np.isnan(ops.crf_log_likelihood(unaries, labels, transitions)).all()
            assert np.isnan(ops.crf_decode(unaries, transitions)[1]).all()


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    unaries, tags, transitions, lengths = draw(rng, 37, 9, 11)
    unaries, transitions = unaries.astype("float32"), transitions.astype("float32")
    same_for_any_thread_count(lambda u, a: ops.crf_log_likelihood(u, tags, a, lengths=lengths), unaries, transitions)
    same_for_any_thread_count(lambda u, a: ops.crf_decode(u, a, lengths=lengths)[0], unaries, transitions)


@pytest.mark.parametrize("steps", [0, 1])
def test_short_sequences_with_xla(steps, rng):
    """XLA cannot compile loops over tensors without steps."""
    unaries, tags, transitions, lengths = draw(rng, 3, steps, 4)

    def results(unaries, transitions):
        with tf.GradientTape() as tape:
            tape.watch([unaries, transitions])
            likelihood = ops.crf_log_likelihood(unaries, tags, transitions, lengths=lengths)
        gradients = tape.gradient(likelihood, [unaries, transitions])
        return likelihood, *gradients, *ops.crf_decode(unaries, transitions, lengths=lengths)

    inputs = [tf.constant(x, tf.float32) for x in (unaries, transitions)]
    for one, other in zip(tf.function(results, jit_compile=True)(*inputs), results(*inputs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_numerical_gradients(rng):
    unaries, tags, transitions, _ = draw(rng, 2, 3, 4)
    inputs = [unaries.astype("float32"), transitions.astype("float32")]
    theory, numeric = tf.test.compute_gradient(lambda u, a: ops.crf_log_likelihood(u, tags, a), inputs, delta=1e-2)
    for one, other in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_second_gradients(second_gradients_agree, rng):
    unaries, tags, transitions, lengths = draw(rng, 3, 4, 5)

    def loss(unaries, transitions):
        return tf.reduce_sum(ops.crf_log_likelihood(unaries, tags, transitions, lengths=lengths) ** 2)

    second_gradients_agree(loss, [unaries, transitions])


def test_unknown_shapes(rng):
    unknown = tf.TensorSpec([None, None, None])

    @tf.function(input_signature=[unknown, tf.TensorSpec([None, None], tf.int64), tf.TensorSpec(None)])
    def partly(unaries, tags, transitions):
        best, _ = ops.crf_decode(unaries, transitions)
        assert best.shape.as_list() == [None, None]
        return ops.crf_log_likelihood(unaries, tags, transitions), best

    unaries, tags, transitions, _ = draw(rng, 3, 4, 5)
    likelihood, best = partly(unaries.astype("float32"), tags, transitions.astype("float32"))
    np.testing.assert_array_equal(likelihood, ops.crf_log_likelihood(unaries.astype("float32"), tags, transitions))
    np.testing.assert_array_equal(best, ops.crf_decode(unaries.astype("float32"), transitions)[0])


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_unknown_ranks(choice, rng):
    types = [tf.float32, tf.int64, tf.float32, tf.int64]

    @tf.function(input_signature=[tf.TensorSpec(None, kind) for kind in types])
    def blind(unaries, tags, transitions, lengths):
        likelihood = ops.crf_log_likelihood(unaries, tags, transitions, lengths=lengths)
        return likelihood, *ops.crf_decode(unaries, transitions, lengths=lengths)

    unaries, tags, transitions, lengths = draw(rng, 3, 4, 5)
    with ops.use(choice):
        got = blind(unaries.astype("float32"), tags, transitions.astype("float32"), lengths)
    with ops.use("reference"):
        wanted = ops.crf_decode(unaries, transitions, lengths=lengths)
        wanted = ops.crf_log_likelihood(unaries, tags, transitions, lengths=lengths), *wanted
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("width", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
def test_integer_dtypes_are_clipped_to_int32(width):
    kind = tf.as_dtype(width)
    got = as_int32(tf.constant([kind.min, 3, kind.max], kind), "lengths")
    assert got.dtype == tf.int32
    np.testing.assert_array_equal(got, [max(kind.min, -(2**31)), 3, min(kind.max, 2**31 - 1)])


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated", "ignore:.*Please use the LiteRT interpreter")
def test_lite_model_with_int64_inputs(rng):
    @tf.function(
        input_signature=[tf.TensorSpec([2, 4, 3]), tf.TensorSpec([2, 4], tf.int64), tf.TensorSpec([2], tf.int64)]
    )
    def likelihood(unaries, tags, lengths):
        with ops.use("reference"):
            return ops.crf_log_likelihood(unaries, tags, transitions, lengths=lengths)

    unaries, tags, transitions, lengths = draw(rng, 2, 4, 3)
    unaries = unaries.astype("float32")
    model = tf.lite.TFLiteConverter.from_concrete_functions([likelihood.get_concrete_function()], likelihood).convert()
    interpreter = tf.lite.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    given = {"unaries": unaries, "tags": tags, "lengths": lengths}
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], given[detail["name"].removesuffix(":0")])
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(got, ops.crf_log_likelihood(unaries, tags, transitions, lengths=lengths), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"unaries": np.ones((2, 3), "float32")}, "unaries", "shape (batch, steps, tags"),
        ({"unaries": np.ones((2, 3, 4), "int32")}, "unaries", "have dtype float32 or float64"),
        ({"unaries": np.ones((2, 3, 0), "float32")}, "unaries", "have at least one tag"),
        ({"transitions": np.ones((4, 5))}, "transitions", "shape (4, 4"),
        ({"lengths": [1, 2, 3]}, "lengths", "shape (2,"),
        ({"lengths": [1.0, 2.0]}, "lengths", "an integer dtype"),
        ({"tags": np.zeros((2, 3))}, "tags", "an integer dtype"),
        ({"tags": np.ones((3, 2), int)}, "tags", "shape (batch, steps"),
    ],
)
def test_bad_arguments(changes, name, message):
    arguments = {
        "unaries": np.ones((2, 3, 4), "float32"),
        "tags": np.zeros((2, 3), int),
        "transitions": np.ones((4, 4)),
    }
    ops.crf_log_likelihood(**arguments)
    with raises_argument_error(name, expected=message):
        ops.crf_log_likelihood(**{**arguments, **changes})


def test_reference_rejects_invalid_lengths(fails_cleanly):
    arguments = {"unaries": tf.ones((2, 3, 4)), "transitions": tf.ones((4, 4))}
    tags = tf.zeros((2, 3), tf.int32)
    with ops.use("reference"):
        for lengths, works in (([0, 3], True), ([0, 4], False), ([-1, 3], False)):
            assert fails_cleanly(ops.crf_decode, **arguments, lengths=lengths) == works
            assert fails_cleanly(ops.crf_log_likelihood, **arguments, tags=tags, lengths=lengths) == works


def test_tags_and_lengths_out_of_range(fails_cleanly):
    arguments = {"unaries": tf.ones((2, 3, 4)), "tags": tf.zeros((2, 3), tf.int32), "transitions": tf.ones((4, 4))}
    assert fails_cleanly(ops.crf_log_likelihood, **arguments, lengths=[0, 3])
    assert not fails_cleanly(ops.crf_log_likelihood, **arguments, lengths=[0, 4])
    assert not fails_cleanly(ops.crf_log_likelihood, **arguments, lengths=[-1, 3])
    assert not fails_cleanly(ops.crf_log_likelihood, **arguments, lengths=tf.constant([0, 2**32 + 3]))
    for bad in (-1, 4, 2**32):
        tags = tf.constant([[0, 0, 0], [0, 0, bad]])
        assert not fails_cleanly(ops.crf_log_likelihood, **{**arguments, "tags": tags})
        assert fails_cleanly(ops.crf_log_likelihood, **{**arguments, "tags": tags}, lengths=[3, 2])


sizes = st.lists(st.integers(0, 3), max_size=4)
near = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)).map(list)
numbers = st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 3)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    def tensor():
        return tf.ones(data.draw(sizes | near))

    def integers(rank):
        shape = data.draw(st.lists(st.integers(0, 2), min_size=rank, max_size=rank) | sizes)
        count = int(np.prod(shape))
        return tf.reshape(tf.constant(data.draw(st.lists(numbers, min_size=count, max_size=count)), tf.int32), shape)

    library = ops.library().ops
    common = {"unaries": tensor(), "lengths": integers(1), "transitions": tensor()}
    fails_cleanly(library.tensorsmith_crf_decode, **common)
    common["tags"] = integers(2)
    fails_cleanly(library.tensorsmith_crf_log_likelihood, **common)
    fails_cleanly(library.tensorsmith_crf_log_likelihood_grad, dlikelihood=tensor(), alphas=tensor(), **common)
