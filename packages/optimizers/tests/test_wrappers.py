"""Tests of optimizer wrappers against NumPy implementations in float64, with all settings of Keras optimizers."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from stepping import COLUMNS, ROWS, WRAPPERS, expect_same, losses, model_with, slices, sparse_gradients, table, train

from tensorsmith import optimizers
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

RATE = 0.05
KEEPING = ["Lookahead", "MovingAverage", "SWA"]
every_kind = pytest.mark.parametrize("kind", WRAPPERS)
few_kinds = pytest.mark.parametrize(  # a wrapper of gradients and one of weights, and the others in the slow tests
    "kind",
    [pytest.param(kind, marks=[] if kind in ("GradientNoise", "SWA") else pytest.mark.slow) for kind in WRAPPERS],
)


def around(kind, inner=None, **more):
    return getattr(optimizers, kind)(inner or keras.optimizers.SGD(RATE), **{**WRAPPERS[kind], **more})


def dense_gradients(count=12, shape=(ROWS, COLUMNS), dtype="float32"):
    rng = np.random.default_rng(7)
    return [tf.constant(rng.normal(size=shape) + 0.2, dtype) for _ in range(count)]


def descent(w, gradients):
    """Return the weights before each step and after the last."""
    yield w
    for gradient in gradients:
        w = w - RATE * gradient
        yield w


def centralized(w, gradients):
    project = np.eye(ROWS) - np.full((ROWS, ROWS), 1 / ROWS)
    *_, last = descent(w, [project @ gradient for gradient in gradients])
    return last, []


def ahead(w, gradients, sync_period, slow_step_size):
    fast = slow = w
    for number, gradient in enumerate(gradients, 1):
        fast = fast - RATE * gradient
        if number % sync_period == 0:
            fast = slow = (1 - slow_step_size) * slow + slow_step_size * fast
    return fast, [slow]


def moving(w, gradients, average_decay, start_step, num_updates=None, dynamic_decay=False):
    first, *trajectory = descent(w, gradients)
    average = first
    if num_updates is not None:
        average_decay = min(average_decay, (1 + num_updates) / (10 + num_updates))
    for number, weights in enumerate(trajectory):
        decay = average_decay
        if dynamic_decay:
            decay = min(decay, (1 + number - start_step) / (10 + number - start_step))
        decay = 0 if number < start_step else decay
        average = decay * average + (1 - decay) * weights
    return trajectory[-1], [average]


def averaged(w, gradients, start_averaging, average_period):
    first, *trajectory = descent(w, gradients)
    taken = trajectory[start_averaging::average_period]
    return trajectory[-1], [np.mean(taken, axis=0) if taken else first]


def scaled(w, gradients, scales):
    (scale,) = scales.values()
    *_, last = descent(w, [scale * gradient for gradient in gradients])
    return last, []


REFERENCES = [
    ("GradientCentralization", centralized, {}),
    ("Lookahead", ahead, {"sync_period": 6, "slow_step_size": 0.5}),
    ("Lookahead", ahead, {"sync_period": 1, "slow_step_size": 0.3}),
    ("Lookahead", ahead, {"sync_period": 5, "slow_step_size": 1.0}),
    ("MovingAverage", moving, {"average_decay": 0.99, "start_step": 0}),
    ("MovingAverage", moving, {"average_decay": 0.7, "start_step": 5}),
    ("MovingAverage", moving, {"average_decay": 0.9, "start_step": 3, "dynamic_decay": True}),
    ("MovingAverage", moving, {"average_decay": 0.9, "start_step": 0, "num_updates": 5}),
    ("SWA", averaged, {"start_averaging": 0, "average_period": 10}),
    ("SWA", averaged, {"start_averaging": 3, "average_period": 4}),
    ("SWA", averaged, {"start_averaging": 50, "average_period": 1}),
    ("ScaledUpdates", scaled, {"scales": {"table": 0.3}}),
]


@pytest.mark.parametrize("way", ["eager", "function", "xla"])
@pytest.mark.parametrize(("kind", "reference", "options"), REFERENCES)
def test_formulas(kind, reference, options, way):
    """Compare the weights, and the slow weights or averages."""
    variable, gradients = table(), dense_gradients()
    start = np.array(variable, "float64")
    optimizer = around(kind, **options)
    optimizer.build([variable])
    step = optimizer.apply if way == "eager" else tf.function(optimizer.apply, jit_compile=way == "xla")
    for gradient in gradients:
        step([gradient])
    expected, kept = reference(start, np.array(gradients, "float64"), **options)
    np.testing.assert_allclose(variable, expected, rtol=1e-5, atol=1e-6)
    found = [np.array(v) for v in optimizer.variables if v.path.endswith(("slow", "average"))]
    expect_same(found, kept)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_noise_variance(jit):
    """Samples differ unless the seed is the same."""
    size, eta, gamma = 20_000, 0.3, 0.55
    noise = []
    for seed in (5, 6, 5):
        optimizer = optimizers.GradientNoise(keras.optimizers.SGD(1.0), eta, gamma, seed)
        variables = [keras.Variable(np.zeros(size), dtype="float32") for _ in range(2)]
        optimizer.build(variables)
        step = tf.function(optimizer.apply, jit_compile=jit)
        for _ in range(3):
            step([tf.zeros(size), tf.zeros(size)])
            noise.append(np.array(variables))
            for variable in variables:
                variable.assign(tf.zeros(size))
    noise = np.reshape(noise, (3, 3, 2, size))
    for number in range(3):
        np.testing.assert_allclose(noise[:, number].std(axis=-1), np.sqrt(eta / (1 + number) ** gamma), rtol=0.03)
    np.testing.assert_allclose(noise.mean(axis=-1), 0, atol=0.02)
    np.testing.assert_array_equal(noise[0], noise[2])
    assert np.abs(np.corrcoef(noise[:2].reshape(12, size)) - np.eye(12)).max() < 0.04


def test_excluded_from_centralization():
    """Vectors and sparse gradients are not centralized. Means are over all axes except the last."""
    shapes = {"bias": (4,), "kernel": (3, 3, 2, 5)}
    variables = [keras.Variable(np.zeros(shape), dtype="float32") for shape in shapes.values()]
    rows = keras.Variable(np.zeros((ROWS, COLUMNS)), dtype="float32")
    gradients = [tf.constant(np.random.default_rng(1).normal(size=shape), tf.float32) for shape in shapes.values()]
    sparse = slices(np.random.default_rng(2))
    optimizer = optimizers.GradientCentralization(keras.optimizers.SGD(1.0))
    optimizer.apply([*gradients, sparse], [*variables, rows])
    np.testing.assert_allclose(variables[0], -gradients[0], rtol=1e-6)
    np.testing.assert_allclose(variables[1].numpy().reshape(-1, 5).sum(axis=0), 0, atol=1e-5)
    assert np.abs(np.array(variables[1]) + gradients[1]).max() > 0.01
    np.testing.assert_allclose(rows, -tf.convert_to_tensor(sparse), rtol=1e-6)


@pytest.mark.parametrize("inner", ["LazyAdam", "AdamW"])
@every_kind
def test_sparse_gradients(kind, inner):
    """Sparse gradients of all rows equal dense ones; an inner optimizer may leave the other rows unchanged."""
    gradients = dense_gradients(5)
    whole = [tf.IndexedSlices(g, tf.range(ROWS), tf.constant([ROWS, COLUMNS])) for g in gradients]
    if kind != "GradientCentralization":
        results = [
            train(around(kind, getattr(optimizers, inner)(learning_rate=RATE)), table(), given)
            for given in (gradients, whole)
        ]
        expect_same(*results, tolerance=1e-4)
    if inner == "LazyAdam":
        variable = table()
        before = np.array(variable)
        train(around(kind, optimizers.LazyAdam(RATE)), variable, sparse_gradients())
        np.testing.assert_allclose(np.array(variable)[[0, 2, 3, 5]], before[[0, 2, 3, 5]], rtol=1e-6)


@every_kind
def test_accumulated_gradients(kind):
    """Three steps make one update, and periods count updates."""
    gradients = dense_gradients(12)
    means = [tf.add_n(gradients[i : i + 3]) / 3 for i in range(0, 12, 3)]
    one, other = table(), table()
    accumulating = around(kind, keras.optimizers.SGD(RATE, gradient_accumulation_steps=3))
    train(accumulating, one, gradients)
    plain = around(kind)
    train(plain, other, means)
    expect_same([one], [other])
    assert int(accumulating.iterations) == int(plain.iterations) == 4
    kept = [[np.array(v) for v in o.variables if v.path.endswith(("slow", "average"))] for o in (accumulating, plain)]
    expect_same(*kept)


@few_kinds
def test_loss_scaling(kind):
    """Loss scaling by the inner optimizer, and by the outermost Keras wrapper, which skips non-finite gradients."""
    gradients = dense_gradients(6)
    expected = train(around(kind), table(), gradients)
    larger = [8 * gradient for gradient in gradients]
    by_factor = around(kind, keras.optimizers.SGD(RATE, loss_scale_factor=8.0))
    assert float(by_factor.scale_loss(tf.constant(2.0))) == 16
    expect_same(expected, train(by_factor, table(), larger))

    inner = around(kind, keras.optimizers.SGD(RATE, loss_scale_factor=8.0))
    whole, variable = keras.optimizers.LossScaleOptimizer(inner, initial_scale=16.0), table()
    train(whole, variable, [gradients[0] * np.inf, *larger])  # infinite gradients halve the scale
    expect_same(expected, [np.array(each) for each in (variable, *inner.variables)])


@pytest.mark.parametrize("policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def test_mixed_precision(policy):
    """Lookahead of TensorFlow Addons divided the weights in this case."""
    expected = losses(model_with(around("Lookahead")))
    np.testing.assert_allclose(losses(model_with(around("Lookahead"), policy)), expected, rtol=3e-2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@every_kind
def test_half_precision_variables(kind, dtype):
    """The state is float32, because averages change by less than the resolution of half precision."""
    optimizer, variable = around(kind), keras.Variable(np.ones((ROWS, COLUMNS)), dtype=dtype, name="table")
    train(optimizer, variable, dense_gradients(6, dtype=dtype))
    exact = keras.Variable(np.ones((ROWS, COLUMNS)), dtype="float32", name="table")
    train(around(kind), exact, dense_gradients(6))
    np.testing.assert_allclose(np.array(variable, "float64"), exact, atol=5e-3 if dtype == "float16" else 4e-2)
    kept = [v.dtype for v in optimizer.variables if v.path.endswith(("slow", "average"))]
    assert kept == ["float32"] * (kind in KEEPING)


def test_resume_from_file(tmp_path):
    """The state of the inner optimizer, its schedule, and one set of averages are restored."""

    def make():
        decay = keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.8)
        return around("SWA", optimizers.AdamW(decay, weight_decay=0.1), name="around")

    model = model_with(make())
    losses(model)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    path = tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(tmp_path / "checkpoint")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    other, restored = model_with(make()), model_with(make())
    for each in (other, restored):
        losses(each, epochs=1)
    other.load_weights(tmp_path / "model.weights.h5")
    tf.train.Checkpoint(model=restored, optimizer=restored.optimizer).restore(path).assert_existing_objects_matched()
    trainable = len(model.trainable_variables)
    assert len(model.optimizer.variables) == 2 + 3 * trainable
    goes_on = losses(model)
    for each in (loaded, other, restored):
        np.testing.assert_allclose(losses(each), goes_on, rtol=1e-5)


@pytest.mark.parametrize("scaled", [False, True])
def test_learning_rate_callbacks(scaled):
    """Test ReduceLROnPlateau and LearningRateScheduler of Keras, also with outer loss scaling."""
    optimizer = around("Lookahead")
    model = model_with(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    x = np.random.default_rng(6).integers(0, 20, (64, 4))
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * (2 if epoch == 0 else 1)),
        keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=100.0),
    ]
    history = model.fit(x, x[:, 0] % 3, batch_size=32, epochs=3, verbose=0, callbacks=callbacks).history
    np.testing.assert_allclose(history["learning_rate"], [2 * RATE, 2 * RATE, 0.2 * RATE], rtol=1e-5)
    assert int(model.optimizer.iterations) == 6
    np.testing.assert_allclose(optimizer.inner_optimizer.learning_rate, 0.02 * RATE, rtol=1e-5)


REPLICAS = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
import numpy as np
from tensorsmith import optimizers

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
gradients = np.random.default_rng(4).normal(size=(12, 2, 6, 4)).astype("float32")

def make(kind, options, scaled):
    optimizer = getattr(optimizers, kind)(keras.optimizers.SGD(0.1, momentum=0.5), **options)
    whole = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=4.0) if scaled else optimizer
    variable = keras.Variable(np.ones((6, 4)), dtype="float32", name="table")
    whole.build([variable])
    return optimizer, whole, variable

for kind, options in WRAPPERS.items():
    for scaled in (False, True):
        one, whole, alone = make(kind, options, scaled)
        for pair in gradients:
            whole.apply([tf.constant(pair.sum(axis=0)) * (4.0 if scaled else 1.0)])
        with strategy.scope():
            other, whole, mirrored = make(kind, options, scaled)
        step = tf.function(lambda g: strategy.run(lambda g: whole.apply([g * (4.0 if scaled else 1.0)]), [g]))
        for pair in gradients:
            step(strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(pair[context.replica_id_in_sync_group])
            ))
        for ours, theirs in zip([mirrored, *other.variables], [alone, *one.variables], strict=True):
            for local in strategy.experimental_local_results(ours.value):
                np.testing.assert_allclose(local, theirs, rtol=1e-5, atol=1e-6, err_msg=f"{kind} {ours.path}")
        if hasattr(one, "swap_weights"):
            one.swap_weights()
            other.swap_weights()
            for local in strategy.experimental_local_results(mirrored.value):
                np.testing.assert_allclose(local, alone, rtol=1e-5)
    print(kind)
"""


@pytest.mark.slow  # several seconds
def test_two_replicas():
    """All replicas have the weights and the state of a single device, with and without loss scaling.

    Keras performs loss scaling outside of the replicas, and does not support accumulation within a compiled step here.
    """
    script = f"WRAPPERS = {WRAPPERS!r}\n{REPLICAS}"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == list(WRAPPERS)


@every_kind
def test_decay_exclusion_and_ema_of_inner_optimizer(kind):
    optimizer = around(kind, keras.optimizers.SGD(1e-9, weight_decay=1e8, use_ema=True, ema_momentum=0.0))
    variable = keras.Variable([1.0, 2.0], name="table")
    optimizer.exclude_from_weight_decay(var_names=["table"])
    optimizer.apply([tf.zeros(2)], [variable])
    np.testing.assert_allclose(variable, [1.0, 2.0], atol=1e-6)
    variable.assign([5.0, 6.0])
    optimizer.finalize_variable_values([variable])
    np.testing.assert_allclose(variable, [1.0, 2.0], atol=1e-6)


@few_kinds
def test_nested_wrappers(kind):
    """Optimizers of this package and of Keras give the same values inside, with nested accumulation periods."""
    results = []
    for inner in (optimizers.SGD(RATE, momentum=0.9), keras.optimizers.SGD(RATE, momentum=0.9)):
        outer = optimizers.Lookahead(around(kind, inner, name="inside"), sync_period=2)
        results.append(train(outer, table(), dense_gradients(5)))
    expect_same(*results)
    deep = optimizers.Lookahead(around(kind, keras.optimizers.SGD(RATE, gradient_accumulation_steps=2)), sync_period=2)
    variable, shallow = table(), table()
    gradients = dense_gradients(8)
    train(deep, variable, gradients)
    means = [(gradients[i] + gradients[i + 1]) / 2 for i in range(0, 8, 2)]
    train(optimizers.Lookahead(around(kind), sync_period=2), shallow, means)
    expect_same([variable], [shallow])


@pytest.mark.parametrize("kind", KEEPING)
def test_weights_loaded_before_first_update(kind):
    """The state is initialized with weights loaded into a built model."""
    optimizer, variable = around(kind), keras.Variable(np.full((ROWS, COLUMNS), 100.0), dtype="float32")
    optimizer.build([variable])
    variable.assign(np.ones((ROWS, COLUMNS)))
    other, expected = around(kind), keras.Variable(np.ones((ROWS, COLUMNS)), dtype="float32")
    expect_same(train(optimizer, variable, dense_gradients(4)), train(other, expected, dense_gradients(4)))

    used = keras.optimizers.SGD(RATE)  # an inner optimizer that was used before
    again = keras.Variable(np.ones((ROWS, COLUMNS)), dtype="float32")
    used.apply([tf.zeros((ROWS, COLUMNS))], [again])
    train(around(kind, used), again, dense_gradients(4))
    expect_same([again], [expected])


@pytest.mark.parametrize("kind", ["MovingAverage", "SWA"])
def test_swap_and_assign_averages(kind):
    optimizer, variable, other = around(kind), table(), keras.Variable([1.0])
    assert not optimizer.has_shadow_copy
    with raises_argument_error("var_list", expected="at least one of the variables that the optimizer was built with"):
        optimizer.assign_average_vars([variable])
    start = np.array(variable)
    optimizer.shadow_copy([variable])
    assert optimizer.has_shadow_copy
    optimizer.swap_weights()
    np.testing.assert_array_equal(variable, start)
    optimizer.swap_weights()
    train(optimizer, variable, dense_gradients(4))
    weights = np.array(variable)
    optimizer.swap_weights()
    average = np.array(variable)
    assert np.abs(average - weights).max() > 0.01
    optimizer.swap_weights()
    np.testing.assert_array_equal(variable, weights)
    optimizer.assign_average_vars([other, variable])
    np.testing.assert_array_equal(variable, average)
    np.testing.assert_array_equal(other, [1.0])
    with raises_argument_error("var_list", expected="at least one of the variables that the optimizer was built with"):
        optimizer.assign_average_vars([other])


@every_kind
def test_subset_of_variables(kind):
    """A subset of the variables, and gradients that are `None`, are accepted."""
    optimizer = around(kind, **({"scales": {"a": 0.5}} if kind == "ScaledUpdates" else {}))
    variables = [keras.Variable(np.ones(3), dtype="float32", name=name) for name in "ab"]
    optimizer.build(variables)
    optimizer.apply([tf.constant([1.0, -1.0, 2.0])], variables[1:])
    np.testing.assert_array_equal(variables[0], np.ones(3))
    assert (variables[1].numpy() != 1).all()
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([tf.constant([1.0, -1.0, 2.0]), None], variables)
    assert (variables[0].numpy() != 1).all()


def test_invalid_inner_optimizers():
    with raises_argument_error("optimizer", expected="not use loss scaling"):
        optimizers.Lookahead(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()))
    with raises_argument_error("optimizer", received="'adm'", expected="a Keras 3 optimizer or the name of one"):
        optimizers.SWA("adm")
    with raises_argument_error("trainable_variables", received="None", expected="a list of variables unless"):
        optimizers.SWA("adam").apply([tf.zeros(2)])


def test_from_config_with_learning_rate():
    """The learning rate range test makes such copies. The innermost optimizer receives the value."""
    optimizer = optimizers.Lookahead(
        around("SWA", keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 5)))
    )
    copy = type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 0.3})
    assert float(copy.learning_rate) == pytest.approx(0.3)
    copy.learning_rate = 0.2
    assert float(copy.inner_optimizer.inner_optimizer.learning_rate) == pytest.approx(0.2)


@pytest.mark.parametrize("kind", [optimizers.Lookahead, optimizers.MovingAverage, optimizers.SWA])
def test_variables_added_later(kind):
    """Unfrozen layers are such variables. With a learning rate of 0, neither they nor their averages change."""
    variables = [keras.Variable([1.0, 2.0]), keras.Variable([3.0])]
    arguments = {"sync_period": 2} if kind is optimizers.Lookahead else {}
    optimizer = kind(keras.optimizers.SGD(0.0), **arguments)
    optimizer.build(variables)
    optimizer.apply([keras.ops.ones(2)], variables[:1])
    optimizer.apply([keras.ops.ones(2), keras.ops.ones(1)], variables)
    if hasattr(optimizer, "assign_average_vars"):
        optimizer.assign_average_vars(variables)
    np.testing.assert_array_equal(variables[0], [1.0, 2.0])
    np.testing.assert_array_equal(variables[1], [3.0])


def test_swap_before_training_is_rejected():
    with raises_argument_error("optimizer", expected="have averages of the weights"):
        optimizers.SWA("adam").swap_weights()
