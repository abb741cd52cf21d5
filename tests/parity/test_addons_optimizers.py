"""Comparison of optimizers with TensorFlow Addons: the weights after each of fifty steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import optimizers

pytestmark = pytest.mark.pairwise

STEPS, ROWS, COLUMNS = 50, 7, 3
MOMENTS = {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95}
PENALTIES = {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.1}
PLAIN_SGDW = {"learning_rate": 0.05, "weight_decay": 0.01}
WARMUP = {"total_steps": 40, "warmup_proportion": 0.3, "min_lr": 0.001}
RENAMED = {"AdamW": "AddonsAdamW", "LAMB": "AddonsLAMB"}  # `AdamW` and `Lamb` are those of Keras
CASES = [
    *[
        (name, {}, ())
        for name in ("AdaBelief", "LAMB", "LazyAdam", "NovoGrad", "ProximalAdagrad", "RectifiedAdam", "Yogi")
    ],
    ("AdaBelief", {**MOMENTS, "epsilon": 1e-8, "weight_decay": 0.1}, ()),
    ("AdaBelief", {**MOMENTS, "rectify": False, "amsgrad": True, "epsilon": 1e-6}, ()),
    ("AdaBelief", {**MOMENTS, **WARMUP, "sma_threshold": 6.5, "weight_decay": 0.1}, ("learning_rate", "weight_decay")),
    ("RectifiedAdam", {**MOMENTS, "epsilon": 1e-5, "weight_decay": 0.1}, ()),
    ("RectifiedAdam", {**MOMENTS, "amsgrad": True, "sma_threshold": 6.5}, ()),
    ("RectifiedAdam", {**MOMENTS, **WARMUP}, ()),
    ("RectifiedAdam", {**MOMENTS, **WARMUP, "weight_decay": 0.1}, ("learning_rate", "weight_decay")),
    ("LazyAdam", {**MOMENTS, "epsilon": 1e-5}, ()),
    ("LazyAdam", {**MOMENTS, "global_clipnorm": 1.0}, ("learning_rate",)),
    ("Yogi", {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95}, ("learning_rate",)),
    ("Yogi", {"beta1": 0.0, "l2_regularization_strength": 0.1}, ()),
    ("Yogi", {"activation": "tanh", "initial_accumulator_value": 0.1, "clipvalue": 0.7}, ()),
    ("Yogi", {**PENALTIES, "epsilon": 0.01}, ()),
    ("NovoGrad", {**MOMENTS, "weight_decay": 0.1, "grad_averaging": True}, ("learning_rate",)),
    ("NovoGrad", {**MOMENTS, "amsgrad": True, "epsilon": 1e-3}, ()),
    ("ProximalAdagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.5, **PENALTIES}, ("learning_rate",)),
    ("ProximalAdagrad", {"learning_rate": 0.1, "l2_regularization_strength": 0.2, "clipnorm": 1.0}, ()),
    ("ConditionalGradient", {"learning_rate": 0.95, "lambda_": 2.0}, ()),
    ("ConditionalGradient", {"learning_rate": 0.95, "lambda_": 2.0, "epsilon": 0.1}, ()),
    ("ConditionalGradient", {"learning_rate": 0.95, "lambda_": 2.0, "ord": "nuclear"}, ()),
    ("LAMB", {**MOMENTS, "weight_decay": 0.1}, ("learning_rate",)),
    ("LAMB", {**MOMENTS, "weight_decay": 0.1, "exclude_from_weight_decay": ["bias", "^kern"]}, ()),
    ("LAMB", {**MOMENTS, "weight_decay": 0.1, "exclude_from_layer_adaptation": ["kernel"]}, ()),
    ("SGDW", PLAIN_SGDW, ()),
    ("SGDW", {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01}, ("weight_decay",)),
    ("SGDW", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}, ("learning_rate",)),
    ("SGDW", {"learning_rate": 0.05, "weight_decay": 0.01, "exclude_from_weight_decay": ["kern"]}, ()),
    ("AdamW", {"weight_decay": 0.01}, ()),
    ("AdamW", {**MOMENTS, "weight_decay": 0.01}, ("learning_rate",)),
    ("AdamW", {**MOMENTS, "weight_decay": 0.01, "epsilon": 1e-4, "amsgrad": True}, ("learning_rate", "weight_decay")),
    ("AdamW", {**MOMENTS, "weight_decay": 0.01, "exclude_from_weight_decay": ["kern"]}, ()),
    ("Adam", {**MOMENTS, "weight_decay": 0.01}, ("learning_rate", "weight_decay")),
    ("Adam", {**MOMENTS, "weight_decay": 0.01, "global_clipnorm": 1.0, "amsgrad": True}, ()),
    ("Adam", {"weight_decay": 0.01, "exclude_from_weight_decay": ["kernel"]}, ()),
]


def arrays(sparse, twice=True, dtype="float32"):
    """Return initial weights, gradients and, if sparse, row indices: some duplicate, some late, one never used."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(ROWS, COLUMNS))
    gradients = rng.normal(size=(STEPS, 5 if sparse else ROWS, COLUMNS)) + 0.5
    rows = rng.integers(0, np.where(np.arange(STEPS) < 10, 3, ROWS - 1)[:, None], (STEPS, 5))
    if not twice:
        rows = rng.permuted(np.tile(np.arange(ROWS - 1), (STEPS, 1)), axis=1)[:, :5]
    return [weights.astype(dtype), gradients.astype(dtype), *([rows] if sparse else [])]


def make(name, options, decayed=()):
    options = dict(options)
    for each in decayed:
        options[each] = keras.optimizers.schedules.ExponentialDecay(options[each], 10, 0.5)
    if hasattr(optimizers, ours := RENAMED.get(name, name)):
        return getattr(optimizers, ours)(**options)
    return optimizers.extend_with_decoupled_weight_decay(getattr(keras.optimizers, name))(**options)


def trajectory(optimizer, weights, gradients, *indices):
    variable = keras.Variable(weights, dtype=weights.dtype.name, name="kernel")
    optimizer.build([variable])

    @tf.function
    def step(gradient, *rows):
        gradient = tf.IndexedSlices(gradient, *rows, tf.shape(variable.value)) if rows else gradient
        optimizer.apply([gradient])
        return tf.identity(variable.value)

    return np.stack([step(*map(tf.constant, given)) for given in zip(gradients, *indices, strict=True)])


def unlike(name, options):
    """Return `True` for cases in which Addons handles sparse gradients incorrectly.

    NovoGrad with `amsgrad` divides selected rows by values for all rows, whose shape differs. SGDW without momentum
    ignores the weight decay, as a test below shows.
    """
    return ("amsgrad" in options and name == "NovoGrad") or (name == "SGDW" and options == PLAIN_SGDW)


@pytest.mark.parametrize(
    ("name", "options", "decayed", "sparse"),
    [(*case, sparse) for case in CASES for sparse in (False, True) if not (sparse and unlike(*case[:2]))],
)
def test_fifty_steps(addons, name, options, decayed, sparse):
    given = arrays(sparse, twice=not options.keys() & {"clipnorm", "clipvalue", "global_clipnorm"})
    theirs, *_ = addons("optimizer", given, name=name, decayed=decayed, **options)
    ours = trajectory(make(name, options, decayed), *given)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", dict.fromkeys(name for name, *_ in CASES if hasattr(optimizers, name)))
def test_double_precision(addons, name):
    """Keras stores the hyperparameters in float32."""
    name, options, decayed = next(case for case in CASES[::-1] if case[0] == name)
    given = arrays(sparse=False, dtype="float64")
    theirs, *_ = addons("optimizer", given, name=name, decayed=decayed, **options)
    np.testing.assert_allclose(trajectory(make(name, options, decayed), *given), theirs, rtol=2e-6, atol=2e-6)


def test_weight_decay_of_sparse_gradients(addons):
    """SGDW of Addons ignores weight decay for sparse gradients without momentum; here it is applied as with momentum.

    The decay is not multiplied by the learning rate in either (Addons #844).
    """
    given = arrays(sparse=True)
    plain = {**PLAIN_SGDW, "weight_decay": 0.0}
    forgotten, exclude = (addons("optimizer", given, name="SGDW", **options)[0] for options in (PLAIN_SGDW, plain))
    np.testing.assert_array_equal(forgotten, exclude)
    np.testing.assert_allclose(trajectory(make("SGDW", plain), *given), exclude, rtol=1e-5, atol=1e-5)
    hardly_any = {**PLAIN_SGDW, "momentum": 1e-9}
    theirs, *_ = addons("optimizer", given, name="SGDW", **hardly_any)
    np.testing.assert_allclose(trajectory(make("SGDW", PLAIN_SGDW), *given), theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm"])
def test_clipping_with_duplicate_indices(addons, option):
    """Clipping uses the norm of the gradient with duplicate rows summed; Addons uses the norm of the slices."""
    weights, gradients, rows = arrays(sparse=True)
    dense = np.zeros((STEPS, ROWS, COLUMNS), "float32")
    for step, (gradient, named) in enumerate(zip(gradients, rows, strict=True)):
        np.add.at(dense[step], named, gradient)
    options = {"learning_rate": 0.1, "initial_accumulator_value": 0.5, option: 1.0}
    theirs, *_ = addons("optimizer", [weights, dense], name="ProximalAdagrad", **options)
    ours = trajectory(make("ProximalAdagrad", options), weights, gradients, rows)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("alpha", [100.0, 2.0])
def test_coin_betting(addons, alpha):
    """COCOB with dense gradients agrees with Addons, which rejects sparse gradients."""
    given = arrays(sparse=False)
    theirs, *_ = addons("optimizer", given, name="COCOB", alpha=alpha)
    np.testing.assert_allclose(trajectory(make("COCOB", {"alpha": alpha}), *given), theirs, rtol=1e-5, atol=1e-5)


SUMMING_ADAM = optimizers.extend_with_decoupled_weight_decay(keras.optimizers.Adam)  # sums duplicate rows first
WRAPPERS = [
    ("Lookahead", {}),
    ("Lookahead", {"sync_period": 4, "slow_step_size": 0.3}),
    ("MovingAverage", {}),
    ("MovingAverage", {"average_decay": 0.9, "start_step": 7}),
    ("MovingAverage", {"average_decay": 0.9, "start_step": 7, "dynamic_decay": True}),
    ("MovingAverage", {"average_decay": 0.9, "num_updates": 12}),
    ("SWA", {}),
    ("SWA", {"start_averaging": 5, "average_period": 3}),
]


@pytest.mark.parametrize(
    "inner",
    [
        ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
        pytest.param(("Adam", {"learning_rate": 0.02}), marks=pytest.mark.slow),  # the wrappers are the same
    ],
)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("name", "options"), WRAPPERS)
def test_fifty_steps_of_wrappers(addons, name, options, inner, sparse):
    """Weights and their copies agree after each step. With sparse gradients, SGD keeps the momentum of other rows."""
    given = arrays(sparse)
    weights, gradients, *indices = given
    theirs, *_ = addons("wrapper", given, name=name, inner=inner, **options)
    kind, arguments = inner
    base = (optimizers.SGDW if kind == "SGD" else SUMMING_ADAM)(0.0, **arguments)
    optimizer, variable = getattr(optimizers, name)(base, **options), keras.Variable(weights, name="kernel")
    optimizer.build([variable])
    kept = next(v for v in optimizer.variables if v.path.endswith(("slow", "average")))

    @tf.function
    def step(gradient, *rows):
        gradient = tf.IndexedSlices(gradient, *rows, tf.shape(variable.value)) if rows else gradient
        optimizer.apply([gradient])
        return tf.stack([variable.value, kept.value])

    ours = np.stack([step(*map(tf.constant, each)) for each in zip(gradients, *indices, strict=True)])
    theirs, begun = np.array(theirs), options.get("start_averaging", 0)
    if name == "SWA":  # before averaging starts, averages are 0 in Addons and the initial weights here
        np.testing.assert_array_equal(theirs[:begun, 1], 0)
        np.testing.assert_allclose(ours[:begun, 1], np.broadcast_to(weights, (begun, ROWS, COLUMNS)), rtol=1e-6)
    np.testing.assert_allclose(ours[:, 0], theirs[:, 0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours[begun:, 1], theirs[begun:, 1], rtol=1e-5, atol=1e-5)


def test_fifty_steps_of_multi_optimizer(addons):
    """Test optimizers for an embedding, whose gradient is sparse, and a dense layer."""
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 9, (16, 2)), rng.normal(size=(16, 1)).astype("float32")
    weights = [rng.normal(size=shape).astype("float32") for shape in ((9, 3), (6, 1), (1,))]
    rates = [0.01, 0.05]
    theirs, *_ = addons("optimizers_by_layers", [x, y, *weights], rates=rates)
    embedding, dense = keras.layers.Embedding(9, 3), keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((2,), dtype="int32"), embedding, keras.layers.Flatten(), dense])
    model.set_weights(weights)
    adam, sgd = SUMMING_ADAM(0.0, learning_rate=rates[0]), keras.optimizers.SGD(rates[1], momentum=0.9)
    model.compile(optimizers.MultiOptimizer([(adam, embedding), (sgd, [dense])]), "mse")
    ours = [model.train_on_batch(x, y) for _ in range(50)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert ours[-1] < ours[0] / 2
