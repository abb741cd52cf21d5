"""Samplers: random choices, seeds, probabilities that change, structures, configs and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.seq2seq import (
    BasicDecoder,
    CustomSampler,
    GreedyEmbeddingSampler,
    InferenceSampler,
    SampleEmbeddingSampler,
    ScheduledEmbeddingTrainingSampler,
    ScheduledOutputTrainingSampler,
    TrainingSampler,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
LOGITS = np.log([0.1, 0.2, 0.7]).astype("float32")
MANY = np.tile(LOGITS, (20_000, 1))
TABLE = RNG.normal(size=(3, 2)).astype("float32")
X = RNG.normal(size=(2, 4, 2)).astype("float32")


def is_close_to(drawn, expected):
    """Return `True` if the frequencies of tokens agree with probabilities."""
    p = np.array(expected)
    errors = abs(np.bincount(drawn, minlength=len(p)) / len(drawn) - p)
    return (errors <= 5 * np.sqrt(p * (1 - p) / len(drawn)) + 1e-9).all()


@pytest.mark.parametrize("temperature", [None, 0.5, 2.0])
def test_tokens_have_the_probabilities_of_the_softmax(temperature):
    sampler = SampleEmbeddingSampler(softmax_temperature=temperature, seed=3)
    sampler.initialize(TABLE, start_tokens=np.zeros(len(MANY), int), end_token=0)
    powers = np.array([0.1, 0.2, 0.7]) ** (1 / (temperature or 1))
    assert is_close_to(sampler.sample(0, tf.constant(MANY), ()), powers / powers.sum())


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_scheduled_sampling_of_tokens(probability):
    """It reads or draws, with the given probability, and the next inputs are those of the tokens."""
    sampler = ScheduledEmbeddingTrainingSampler(probability, seed=1, scheduling_seed=2)
    inputs = tf.repeat(X[:1], len(MANY), 0)
    sampler.initialize(inputs, embedding=TABLE)
    drawn = sampler.sample(1, tf.constant(MANY), ()).numpy()
    expected = [1 - probability, *(probability * np.array([0.1, 0.2, 0.7]))]
    assert is_close_to(drawn + 1, expected)
    finished, following, state = sampler.next_inputs(1, tf.constant(MANY), "state", tf.constant(drawn))
    assert state == "state"
    assert not finished.numpy().any()
    np.testing.assert_array_equal(following, np.where(drawn[:, None] < 0, X[0, 2], TABLE[drawn]))
    finished, following, _ = sampler.next_inputs(3, tf.constant(MANY), (), tf.constant(drawn))
    assert finished.numpy().all()
    assert not following.numpy().any()


def test_scheduled_sampling_of_outputs():
    sampler = ScheduledOutputTrainingSampler([1.0, 0.0], next_inputs_fn=tf.abs, seed=1)
    _, first = sampler.initialize(X, auxiliary_inputs=2 * X)
    np.testing.assert_array_equal(first, np.concatenate([X, 2 * X], -1)[:, 0])
    chosen = sampler.sample(0, -X[:, 0], ())
    np.testing.assert_array_equal(chosen, [1, 0])
    _, following, _ = sampler.next_inputs(0, tf.constant(X[:, 3]), (), chosen)
    expected = [np.concatenate([abs(X[0, 3]), 2 * X[0, 1]]), np.concatenate([X[1, 1], 2 * X[1, 1]])]
    np.testing.assert_array_equal(following, expected)


def decoded(sampler, calls=2, graph=False):
    """Return the tokens of several calls of a decoder, for training or inference."""
    keras.utils.set_random_seed(0)
    decoder = BasicDecoder(keras.layers.GRUCell(3), sampler, maximum_iterations=30)
    infers = isinstance(sampler, GreedyEmbeddingSampler)
    x = tf.repeat(X, 10, 1)

    def call():
        if infers:
            return decoder(TABLE, start_tokens=[0] * 8, end_token=-1)[0].sample_id
        given = {"embedding": TABLE} if isinstance(sampler, ScheduledEmbeddingTrainingSampler) else {}
        return decoder(x, **given)[0].sample_id

    call = tf.function(call) if graph else call
    return [call().numpy().tolist() for _ in range(calls)]


RANDOM = {
    "tokens": lambda seed: SampleEmbeddingSampler(seed=seed),
    "scheduled tokens": lambda seed: ScheduledEmbeddingTrainingSampler(0.5, seed=seed, scheduling_seed=7),
    "schedule": lambda seed: ScheduledEmbeddingTrainingSampler(0.5, seed=7, scheduling_seed=seed),
}
slow = pytest.mark.slow


@pytest.mark.parametrize(
    "name", ["tokens", pytest.param("scheduled tokens", marks=slow), pytest.param("schedule", marks=slow)]
)
def test_seeds(name):
    """Choices depend on the seed and the number of calls, and are equal in graphs."""
    make = RANDOM[name]
    first, second = decoded(make(1))
    assert first != second
    assert decoded(make(1), graph=True) == [first, second]
    assert decoded(make(2), 1) != [first]


def test_sampler_that_is_created_in_a_graph():
    """It has no variable, and draws other tokens in each call."""

    @tf.function
    def sample():
        sampler = SampleEmbeddingSampler(seed=1)
        sampler.initialize(TABLE, start_tokens=[0] * 50, end_token=0)
        return sampler.sample(0, tf.zeros((50, 3)), ())

    assert sample().numpy().tolist() != sample().numpy().tolist()


@pytest.mark.parametrize("kind", [tf.Variable, keras.Variable])
def test_probability_that_changes(kind):
    """A callback may assign a variable during training."""
    probability = kind(0.0)
    sampler = ScheduledOutputTrainingSampler(probability, seed=1)
    decoder = BasicDecoder(keras.layers.GRUCell(2), sampler)
    call = tf.function(lambda: decoder(X)[0].sample_id)
    assert not call().numpy().any()
    probability.assign(1.0)
    assert call().numpy().all()
    assert sampler.get_config()["sampling_probability"] == 1.0


@keras.saving.register_keras_serializable("test")
def doubled(x):
    return 2 * x


@keras.saving.register_keras_serializable("test")
def is_large(samples):
    return tf.reduce_mean(samples, -1) > 1


@keras.saving.register_keras_serializable("test")
def begin(inputs):
    return tf.zeros([inputs.shape[0]], tf.bool), inputs


@keras.saving.register_keras_serializable("test")
def best(time, outputs, state):
    return tf.argmax(outputs, -1)


@keras.saving.register_keras_serializable("test")
def follow(time, outputs, state, sample_ids):
    return sample_ids > time, outputs, state


@pytest.mark.parametrize(
    "sampler",
    [
        TrainingSampler(time_major=True),
        ScheduledEmbeddingTrainingSampler(0.5, keras.layers.Embedding(3, 2), seed=1, scheduling_seed=2),
        ScheduledOutputTrainingSampler([0.5, 0.25], True, 3, doubled),
        GreedyEmbeddingSampler(doubled),
        SampleEmbeddingSampler(softmax_temperature=tf.constant(0.5), seed=1),
        InferenceSampler(doubled, tf.constant([3]), "float32", is_large, doubled),
        CustomSampler(begin, best, follow, [], "int64"),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_config(sampler):
    config = keras.saving.serialize_keras_object(sampler)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(sampler)
    assert keras.saving.serialize_keras_object(copy) == config
    assert (copy.sample_ids_shape, copy.sample_ids_dtype) == (sampler.sample_ids_shape, sampler.sample_ids_dtype)


def test_lambda_in_config():
    with raises_argument_error("embedding_fn", expected="not be a lambda", remedy="register_keras_serializable"):
        GreedyEmbeddingSampler(lambda tokens: tokens).get_config()


def test_another_embedding_matrix():
    """It replaces the one before. TensorFlow Addons keeps the first one."""
    sampler = GreedyEmbeddingSampler()
    for table in (TABLE, 2 * TABLE):
        _, inputs = sampler.initialize(table, start_tokens=[1, 2], end_token=0)
        np.testing.assert_array_equal(inputs, table[[1, 2]])


def test_nested_inputs():
    sampler = TrainingSampler()
    finished, first = sampler.initialize({"a": X, "b": X[..., 0]}, sequence_length=[2, 0])
    np.testing.assert_array_equal(finished, [False, True])
    np.testing.assert_array_equal(first["a"], X[:, 0])
    finished, following, _ = sampler.next_inputs(0, None, (), None)
    np.testing.assert_array_equal(following["b"], X[:, 1, 0])
    finished, following, _ = sampler.next_inputs(1, None, (), None)
    assert finished.numpy().all()
    assert not following["a"].numpy().any()


def test_sequences_without_steps():
    finished, first = TrainingSampler().initialize(np.zeros((2, 0, 3), "float32"))
    assert finished.numpy().all()
    np.testing.assert_array_equal(first, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: TrainingSampler().initialize(X, [4, 4], np.ones((2, 4), bool)), "mask", "None if there is"),
        (lambda: TrainingSampler().initialize(X, [[4, 4]]), "sequence_length", "integers of shape (batch,)"),
        (lambda: TrainingSampler().initialize(X, [4.0, 4.0]), "sequence_length", "integers of shape (batch,)"),
        (lambda: TrainingSampler().initialize(X, mask=[True, True]), "mask", "a boolean tensor of rank 2"),
        (lambda: TrainingSampler().initialize(X, mask=np.ones((2, 4))), "mask", "a boolean tensor of rank 2"),
        (
            lambda: TrainingSampler().initialize(X, mask=[[True, False, True, True]] * 2),
            "mask",
            "True up to the end of a sequence",
        ),
        (lambda: TrainingSampler().batch_size, "sampler", "initialized before"),
        (lambda: ScheduledOutputTrainingSampler(1.5), "sampling_probability", "in [0, 1]"),
        (lambda: ScheduledOutputTrainingSampler("half"), "sampling_probability", "in [0, 1]"),
        (lambda: ScheduledOutputTrainingSampler([[0.5]]), "sampling_probability", "a vector"),
        (lambda: ScheduledOutputTrainingSampler(0.5, next_inputs_fn=3), "next_inputs_fn", "a function or None"),
        (lambda: ScheduledEmbeddingTrainingSampler(0.5).initialize(X), "embedding", "given if there is no"),
        (lambda: ScheduledEmbeddingTrainingSampler(0.5, seed="a"), "seed", "an integer or None"),
        (lambda: ScheduledEmbeddingTrainingSampler(0.5).sample(0, MANY, ()), "sampler", "initialized before"),
        (lambda: GreedyEmbeddingSampler(3), "embedding_fn", "a function or None"),
        (lambda: GreedyEmbeddingSampler().initialize(None, [1], 2), "embedding", "given if there is no"),
        (lambda: GreedyEmbeddingSampler().initialize(TABLE, [[1]], 2), "start_tokens", "have shape (batch,)"),
        (lambda: GreedyEmbeddingSampler().initialize(TABLE, [1], [2]), "end_token", "a scalar"),
        (lambda: GreedyEmbeddingSampler().initialize(TABLE, end_token=2), "start_tokens", "given"),
        (lambda: GreedyEmbeddingSampler().sample(0, [LOGITS], ()), "outputs", "a tensor of logits"),
        (lambda: SampleEmbeddingSampler(softmax_temperature=0.0), "softmax_temperature", "a positive number"),
        (lambda: InferenceSampler(3, [], "int32", is_large), "sample_fn", "a function of the outputs"),
        (lambda: InferenceSampler(doubled, [], "int32", None), "end_fn", "a function of the samples"),
        (lambda: CustomSampler(begin, best, None), "next_inputs_fn", "a function"),
    ],
)
def test_errors(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()


@pytest.mark.slow
def test_mask_that_is_known_at_run_time():
    @tf.function(input_signature=[tf.TensorSpec([2, 4], tf.bool)])
    def lengths(mask):
        sampler = TrainingSampler()
        sampler.initialize(X, mask=mask)
        return sampler.sequence_length

    np.testing.assert_array_equal(lengths(tf.sequence_mask([3, 0], 4)), [3, 0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="True up to the end"):
        lengths(tf.constant([[False, True, True, True]] * 2))
