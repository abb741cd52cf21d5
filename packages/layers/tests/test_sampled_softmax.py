"""Tests of the sampled softmax against NumPy, the loss of TensorFlow, and the full softmax."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp

from tensorsmith.layers import SampledSoftmax
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4))
KERNEL, BIAS = RNG.normal(size=(12, 4)), RNG.normal(size=12)
TARGETS = np.array([0, 3, 3, 7, 11])
DISTRIBUTIONS = ["log_uniform", "uniform"]


def layer_with(num_sampled, distribution="log_uniform", **options):
    layer = SampledSoftmax(12, num_sampled, distribution, dtype="float64", **options)
    layer.build(X.shape)
    layer.set_weights([KERNEL, BIAS])
    return layer


def loss_of(layer, training=True, targets=TARGETS, x=X, **call):
    layer(x, targets=tf.convert_to_tensor(targets), training=training, **call)
    return layer.losses[-1]


def cross_entropies():
    scores = X @ KERNEL.T + BIAS
    return logsumexp(scores, axis=1) - scores[np.arange(5), TARGETS]


def test_scores():
    np.testing.assert_allclose(layer_with(3)(X), X @ KERNEL.T + BIAS)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_sampling_all_classes_matches_full_softmax(distribution):
    np.testing.assert_allclose(loss_of(layer_with(12, distribution)), cross_entropies().mean(), rtol=1e-12)


def test_evaluation_uses_full_softmax():
    np.testing.assert_allclose(loss_of(layer_with(2), training=False), cross_entropies().mean(), rtol=1e-12)


def test_loss_of_given_samples():
    """Compares with NumPy. The sampled class 3 is the target of two examples."""
    drawn, chances = np.array([3, 1, 8]), np.log(RNG.uniform(0.1, 1, 12))
    layer = layer_with(3)
    layer.sample = lambda: (tf.constant(drawn, tf.int32), tf.constant(chances))
    expected = []
    for x, target in zip(X, TARGETS, strict=True):
        among = [target, *(each for each in drawn if each != target)]
        corrected = KERNEL[among] @ x + BIAS[among] - chances[among]
        expected.append(logsumexp(corrected) - corrected[0])
    np.testing.assert_allclose(loss_of(layer), np.mean(expected), rtol=1e-12)


def test_matches_tensorflow():
    """Uses the classes and the estimated probabilities of TensorFlow, which only supports float32."""
    labels = tf.constant(TARGETS[:, None])
    sampled = tf.random.log_uniform_candidate_sampler(labels, 1, 6, True, 12, seed=1)
    drawn, true_count, counts = sampled
    chances = np.ones(12, "float32")
    chances[TARGETS], chances[drawn.numpy()] = true_count.numpy()[:, 0], counts.numpy()
    layer = SampledSoftmax(12, 6)
    layer.build(X.shape)
    layer.set_weights([KERNEL, BIAS])
    layer.sample = lambda: (drawn, tf.math.log(chances))
    x = tf.constant(X, tf.float32)
    weights = [layer.kernel.value, layer.bias.value]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = loss_of(layer, x=x)
        theirs = tf.reduce_mean(
            tf.nn.sampled_softmax_loss(*weights, labels, x, 6, 12, sampled_values=sampled, remove_accidental_hits=True)
        )
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    for our, their in zip(tape.gradient(ours, [x, *weights]), tape.gradient(theirs, [x, *weights]), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(our), tf.convert_to_tensor(their), rtol=1e-5, atol=1e-6)


@pytest.mark.slow  # takes seconds
def test_gradients_are_sparse():
    layer = SampledSoftmax(1000, 3, seed=1)
    layer.build(X.shape)

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = loss_of(layer, x=tf.constant(X, tf.float32))
        return tape.gradient(loss, [layer.kernel.value, layer.bias.value])

    kernel, bias = gradients()
    assert isinstance(kernel, tf.IndexedSlices)
    assert isinstance(bias, tf.IndexedSlices)
    assert set(TARGETS) <= set(kernel.indices.numpy())
    assert len(set(kernel.indices.numpy()) - set(TARGETS)) <= 3


@pytest.mark.slow  # takes seconds
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_inclusion_probabilities(distribution):
    """Over many seeds, the mean of inverse-probability-weighted sums over the sample is the sum over all classes."""
    layer = SampledSoftmax(12, 4, distribution, seed=1)
    values = np.exp(BIAS)

    @tf.function
    def draws():
        drawn, chances = layer.sample()
        return drawn, tf.gather(chances, drawn)

    sums, counts = [], np.zeros(12)
    for _ in range(4000):
        drawn, chances = draws()
        assert len(set(drawn.numpy())) == 4
        counts[drawn.numpy()] += 1
        sums.append((values[drawn.numpy()] / np.exp(chances)).sum())
    error = np.std(sums) / np.sqrt(len(sums))
    assert abs(np.mean(sums) - values.sum()) < 4 * error
    assert error < 0.05 * values.sum()
    if distribution == "uniform":
        np.testing.assert_allclose(counts / 4000, 4 / 12, atol=0.04)
    else:
        assert (np.diff(counts[[0, 1, 3, 7, 11]]) < 0).all()


def test_more_samples_reduce_bias():
    full = cross_entropies().mean()
    off = []
    for num_sampled in (2, 6, 11):
        compiled = tf.function(partial(loss_of, layer_with(num_sampled, "uniform", seed=1)))
        off.append(abs(np.mean([compiled() for _ in range(300)]) - full))
    assert off[0] > off[1] > off[2]


def test_seed():
    one, other, third = (SampledSoftmax(100, 5, seed=seed) for seed in (3, 3, 4))
    draws = [[layer.sample()[0].numpy().tolist() for _ in range(3)] for layer in (one, other, third)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0][0] != draws[0][1]


def test_masked_steps_are_ignored():
    layer = layer_with(12)
    x = np.stack([X, X[::-1]])
    targets, mask = np.stack([TARGETS, TARGETS[::-1]]), np.array([[1, 1, 0, 1, 0], [0] * 5], bool)
    expected = cross_entropies()[mask[0]].mean()
    np.testing.assert_allclose(loss_of(layer, targets=targets, x=x, mask=tf.constant(mask)), expected, rtol=1e-12)
    nothing = loss_of(layer, targets=targets, x=x, mask=tf.zeros((2, 5), "bool"))
    assert float(nothing) == 0


def test_invalid_target_shape():
    with raises_argument_error("targets", received="(5, 1)", expected="to match the inputs without"):
        loss_of(layer_with(3), targets=TARGETS[:, None])


def test_embedding_masks_and_saving(tmp_path):
    words, following = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    states = keras.layers.Embedding(50, 6, mask_zero=True)(words)
    output = SampledSoftmax(50, 50)
    trained = keras.Model([words, following], output(states, targets=following))
    trained.compile("adam", jit_compile=False)
    x, y = np.array([[7, 3, 0], [4, 0, 0]]), np.array([[3, 9, 0], [2, 0, 0]])
    trained.fit([x, y], verbose=0)
    logits = trained.predict([x, y], verbose=0)
    steps = (x != 0).nonzero()
    scores = logits[steps]
    expected = (logsumexp(scores, axis=1) - scores[np.arange(3), y[steps]]).mean()
    np.testing.assert_allclose(trained.evaluate([x, y], verbose=0), expected, rtol=1e-5)
    trained.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict([x, y], verbose=0), logits)
    np.testing.assert_allclose(loaded.evaluate([x, y], verbose=0), expected, rtol=1e-5)


@pytest.mark.slow  # takes seconds
def test_training_recovers_probabilities():
    """Trains on 30 classes of known frequencies with 5 sampled classes, and compares the probabilities."""
    frequencies = RNG.dirichlet(np.ones(30))
    targets = RNG.choice(30, 4000, p=frequencies)
    inputs, classes = keras.Input((1,)), keras.Input((), dtype="int32")
    model = keras.Model([inputs, classes], SampledSoftmax(30, 5, "uniform", seed=1)(inputs, targets=classes))
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    data = [np.ones((4000, 1), "float32"), targets]
    before = model.evaluate(data, verbose=0)
    model.fit(data, epochs=12, batch_size=100, verbose=0)
    counts = np.bincount(targets, minlength=30) / 4000
    entropy = -(counts[counts > 0] * np.log(counts[counts > 0])).sum()  # the minimum of the loss
    after = model.evaluate(data, verbose=0)
    assert before > entropy + 0.3
    assert after < entropy + 0.03


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("masked", [-1, -100, 12])
def test_masked_targets_may_be_invalid(training, jit_compile, masked):
    layer, targets, mask = layer_with(12), np.where([1, 0, 1, 1, 0], TARGETS, masked), [True, False, True, True, False]
    compiled = tf.function(partial(loss_of, layer, training, x=X, mask=tf.constant(mask)), jit_compile=jit_compile)
    np.testing.assert_allclose(compiled(targets=tf.constant(targets)), cross_entropies()[mask].mean(), rtol=1e-12)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("wrong", [-1, 12])
def test_invalid_targets(training, wrong):
    layer, targets = layer_with(12), tf.constant([0, 3, 3, 7, wrong])
    compiled = tf.function(partial(loss_of, layer, training))
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"targets must contain class indices from 0 to 11",
    ):
        loss_of(layer, training, targets)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"targets must contain class indices from 0 to 11",
    ):
        compiled(targets=targets)
    assert np.isnan(tf.function(partial(loss_of, layer, training), jit_compile=True)(targets=targets))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_losses(dtype):
    """Compares with float32 for the same weights, inputs and draws."""
    losses, kernel = [], RNG.choice([-0.5, 0.25, 1], (100_000, 4))
    for kind in ("float32", dtype):
        layer = SampledSoftmax(100_000, 40, dtype=kind, seed=1)
        layer.build((None, 4))
        layer.set_weights([kernel, np.zeros(100_000)])
        for training in (True, False):
            loss = loss_of(layer, training, tf.constant([7, 70_001]), tf.constant(np.eye(2, 4), kind))
            assert loss.dtype == "float32"
            losses.append(float(loss))
    np.testing.assert_allclose(losses[2:], losses[:2], rtol=1e-5)
