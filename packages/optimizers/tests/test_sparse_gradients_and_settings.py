"""Tests of the optimizers without kernels: sparse gradients, half precision, and general Keras settings."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from stepping import COLUMNS, ROWS, expect_same, losses, model_with, slices, sparse_gradients, table, train

from tensorsmith import optimizers

pytestmark = pytest.mark.pairwise

KINDS = {
    "AdaBelief": {"learning_rate": 0.02, "weight_decay": 0.1},
    "COCOB": {},
    "ConditionalGradient": {"learning_rate": 0.95, "lambda_": 2.0},
    "AddonsLAMB": {"learning_rate": 0.02, "weight_decay": 0.1},
    "LazyAdam": {"learning_rate": 0.02},
    "NovoGrad": {"learning_rate": 0.02, "weight_decay": 0.1},
    "ProximalAdagrad": {"learning_rate": 0.02, "l1_regularization_strength": 0.1},
    "RectifiedAdam": {"learning_rate": 0.02, "weight_decay": 0.1},
    "SGDW": {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.01},
    "Yogi": {"learning_rate": 0.02},
}
LEAVES_OTHER_ROWS = sorted(KINDS.keys() - {"AddonsLAMB"})
every_kind = pytest.mark.parametrize("kind", KINDS)
few_kinds = pytest.mark.parametrize(  # sparse steps with and without decay and a norm, and the others in the slow tests
    "kind",
    [
        pytest.param(kind, marks=[] if kind in ("AddonsLAMB", "LazyAdam", "SGDW") else pytest.mark.slow)
        for kind in KINDS
    ],
)
trained_kinds = pytest.mark.parametrize("kind", ["AddonsLAMB", "LazyAdam", "NovoGrad", "SGDW"])


def make(kind, **settings):
    return getattr(optimizers, kind)(**KINDS[kind], **settings)


def gradients_of_changing_rows():
    """Return sparse gradients with equal numbers of slices for different rows and duplicates, without row 0."""
    rng = np.random.default_rng(4)
    return [slices(rng, rows) for rows in ((1, 1, 4), (1, 4, 5), (5, 4, 4), (1, 4, 5))]


@pytest.mark.parametrize("kind", LEAVES_OTHER_ROWS)
def test_other_rows_are_unchanged(kind):
    variable = table()
    before = np.array(variable)
    train(make(kind), variable, sparse_gradients())
    changed = (np.array(variable) != before).any(axis=1)
    np.testing.assert_array_equal(changed, [False, True, False, False, True, False])


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1, "amsgrad": True}, {"global_clipnorm": 0.5}])
def test_lazy_adam_updates_only_given_rows(settings):
    """Intermediate results are smaller than the table, and the moments of other rows are unchanged."""
    rng, rows = np.random.default_rng(4), 1009
    variable = keras.Variable(rng.normal(size=(rows, COLUMNS)), dtype="float32")
    optimizer = make("LazyAdam", **settings)
    optimizer.build([variable])

    @tf.function
    def step(values, indices):
        optimizer.apply([tf.IndexedSlices(values, indices, tf.constant([rows, COLUMNS]))])

    given = (tf.ones((3, COLUMNS)), tf.constant([7, 1, 7]))
    graph = step.get_concrete_function(*given).graph
    shapes = [output.shape for operation in graph.get_operations() for output in operation.outputs]
    assert not [shape for shape in shapes if shape.rank and shape[0] == rows]
    step(*given)
    for slot in optimizer.variables[2:]:
        np.testing.assert_array_equal(np.flatnonzero(np.array(slot).any(axis=1)), [1, 7])


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@few_kinds
def test_under_xla(kind, sparse):
    rng = np.random.default_rng(4)
    dense = [tf.constant(rng.normal(size=(ROWS, COLUMNS)), tf.float32) for _ in range(5)]
    gradients = gradients_of_changing_rows() if sparse else dense
    results = [train(make(kind, global_clipnorm=1.0), table(), gradients, jit) for jit in (False, True)]
    expect_same(*results)


@pytest.mark.parametrize(
    "setting",
    [{}, {"clipnorm": 0.5}, {"clipvalue": 0.5}, {"loss_scale_factor": 4.0}, {"gradient_accumulation_steps": 2}],
    ids=lambda setting: next(iter(setting), "none"),
)
@pytest.mark.parametrize(
    "kind", ["LazyAdam", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("SGDW", "Yogi"))]
)
def test_settings_with_sparse_gradients_under_xla(kind, setting):
    results = [train(make(kind, **setting), table(), gradients_of_changing_rows(), jit) for jit in (False, True)]
    expect_same(*results)


REPLICAS = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
import numpy as np
from tensorsmith import optimizers

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
rows = [[4, 1, 4], [1, 1, 3]]
values = np.random.default_rng(4).normal(size=(3, 2, 3, 4)).astype("float32")

def slices(values, rows):
    return tf.IndexedSlices(values, rows, tf.constant([6, 4]))

for name, options in KINDS.items():
    alone, optimizer = tf.Variable(tf.ones((6, 4))), getattr(optimizers, name)(**options)
    optimizer.build([alone])
    for step in values:
        optimizer.apply([slices(tf.reshape(tf.constant(step), (6, 4)), tf.reshape(tf.constant(rows), (6,)))])
    with strategy.scope():
        mirrored, optimizer = tf.Variable(tf.ones((6, 4))), getattr(optimizers, name)(**options)
        optimizer.build([mirrored])
    run = tf.function(lambda step: strategy.run(lambda v, r: optimizer.apply([slices(v, r)]), step))
    for step in values:
        given = [
            strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(shares[context.replica_id_in_sync_group])
            )
            for shares in (step, rows)
        ]
        run(given)
    for each in strategy.experimental_local_results(mirrored):
        np.testing.assert_allclose(each, alone, rtol=1e-5, atol=1e-5, err_msg=name)
    print(name)
"""


@pytest.mark.slow  # several seconds
def test_sparse_gradients_of_two_replicas():
    """The slices of the replicas are summed, including duplicates, in a process started with two CPUs."""
    script = f"KINDS = {KINDS!r}\n{REPLICAS}"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == list(KINDS)


@pytest.mark.parametrize("setting", ["clipnorm", "global_clipnorm", "clipvalue"])
@pytest.mark.parametrize("kind", LEAVES_OTHER_ROWS)
def test_clipping_sums_duplicate_indices(kind, setting):
    """A gradient whose duplicate slices nearly cancel has a small norm and is not clipped."""
    limit = 0.5
    values = tf.constant([[3.0, 0.1, 0.0, 0.2], [-2.9, 0.1, 0.1, 0.0]])
    summed = tf.reduce_sum(values, axis=0, keepdims=True)
    assert tf.norm(summed) < limit
    halves = tf.IndexedSlices(values, tf.constant([2, 2]), tf.constant([ROWS, COLUMNS]))
    whole = tf.IndexedSlices(summed, tf.constant([2]), tf.constant([ROWS, COLUMNS]))
    clipped = train(make(kind, **{setting: limit}), table(), [halves])
    expect_same(clipped, train(make(kind), table(), [whole]))


@pytest.mark.parametrize("setting", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipping_dense_and_sparse_gradients(setting):
    """The result is that of dense gradients in Keras. SGDW without decay moves along the gradient."""
    rng = np.random.default_rng(5)
    gradients = [slices(rng, scale=3.0), tf.constant(rng.normal(size=5), tf.float32), slices(rng, scale=0.1)]
    results = []
    for optimizer, sparse in (
        (optimizers.SGDW(0.0, 1.0, **{setting: 0.7}), True),
        (keras.optimizers.SGD(1.0, **{setting: 0.7}), False),
    ):
        variables = [keras.Variable(tf.zeros(gradient.shape)) for gradient in gradients]
        optimizer.build(variables)
        optimizer.apply(gradients if sparse else [tf.convert_to_tensor(gradient) for gradient in gradients])
        results.append(variables)
    expect_same(*results)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@few_kinds
def test_accumulated_gradients(kind, sparse):
    """The gradients of three steps are averaged, and all rows in any of them are updated."""
    rng = np.random.default_rng(4)
    gradients = [[slices(rng, rows) for rows in ((4, 1, 4), (1,), (3, 4))] for _ in range(3)]
    means = [tf.add_n([tf.convert_to_tensor(each) for each in three]) / 3 for three in gradients]
    if sparse:
        rows = [1, 3, 4]
        means = [tf.IndexedSlices(tf.gather(mean, rows), tf.constant(rows), tf.shape(mean)) for mean in means]
    else:
        gradients = [list(map(tf.convert_to_tensor, three)) for three in gradients]
    one, other = table(), table()
    train(make(kind, gradient_accumulation_steps=3), one, [each for three in gradients for each in three])
    train(make(kind), other, means)
    expect_same([one], [other])


@few_kinds
def test_loss_scaling(kind):
    """Loss scaling by a constant factor, and by the Keras wrapper, which skips non-finite gradients."""
    expected = train(make(kind), table(), sparse_gradients())
    factor = train(make(kind, loss_scale_factor=8.0), table(), sparse_gradients(scale=8.0))
    expect_same(expected, factor)

    variable = table()
    infinite = slices(np.random.default_rng(4), scale=np.inf)
    scaled = [infinite, *sparse_gradients(scale=4.0)]
    inner = make(kind)
    train(keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0), variable, scaled)
    expect_same(expected, [np.array(each) for each in (variable, *inner.variables)])


@few_kinds
def test_ema(kind):
    """Exponential averages of the weights, maintained by Keras."""
    optimizer, variable, average = make(kind, use_ema=True, ema_momentum=0.8), table(), 0.0
    weights = []
    optimizer.build([variable])
    for gradient in sparse_gradients():
        optimizer.apply([gradient])
        weights.append(np.array(variable))
    for number, each in enumerate(weights):
        average = each if number == 0 else 0.8 * average + 0.2 * each
    optimizer.finalize_variable_values([variable])
    np.testing.assert_allclose(variable, average, rtol=1e-5)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float16", 2e-3), pytest.param("bfloat16", 2e-2, marks=pytest.mark.slow)]
)
@every_kind
def test_half_precision_variables(kind, dtype, tolerance, sparse):
    """Results equal those in float32 up to rounding of the weights, also if squared gradients underflow."""
    results = []
    for kept in (dtype, "float32"):
        variable = keras.Variable(np.ones((ROWS, COLUMNS)), dtype=kept)
        gradients = sparse_gradients(scale=1e-3, dtype=dtype)
        if not sparse:
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        gradients = [tf.cast(gradient, kept) for gradient in gradients]
        results.append(train(make(kind), variable, gradients)[0])
    assert np.abs(results[1] - 1).max() > 0.003
    np.testing.assert_allclose(*results, atol=5 * tolerance)


def test_clipping_large_half_precision_gradients():
    """The squares of these gradients overflow."""
    variable = keras.Variable(np.zeros(4), dtype="float16")
    optimizer = optimizers.SGDW(0.0, 1.0, clipnorm=1.0)
    optimizer.apply([tf.constant([300.0, 400.0, 0.0, 0.0], tf.float16)], [variable])
    np.testing.assert_allclose(variable, [-0.6, -0.8, 0, 0], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@trained_kinds
def test_mixed_precision(kind, policy):
    """Under mixed_float16, Keras wraps the optimizer in a LossScaleOptimizer."""
    expected = losses(model_with(make(kind)))
    np.testing.assert_allclose(losses(model_with(make(kind), policy)), expected, rtol=3e-2)


@trained_kinds
@pytest.mark.slow  # several seconds
def test_resume_from_file(kind, tmp_path):
    model = model_with(make(kind))
    losses(model)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    other = model_with(make(kind))
    losses(other, epochs=1)
    other.load_weights(tmp_path / "model.weights.h5")
    goes_on = losses(model)
    np.testing.assert_allclose(losses(loaded), goes_on, rtol=1e-5)
    np.testing.assert_allclose(losses(other), goes_on, rtol=1e-5)


@few_kinds
def test_saving_and_checkpoints(kind, tmp_path):
    """Loading the Keras store and a TensorFlow checkpoint restores the entire state of a built optimizer."""
    optimizer, variable = make(kind), table()
    train(optimizer, variable, sparse_gradients())
    store = {}
    optimizer.save_own_variables(store)
    path = tf.train.Checkpoint(optimizer=optimizer).save(tmp_path / "checkpoint")
    for load in (
        lambda other: other.load_own_variables(store),
        lambda other: tf.train.Checkpoint(optimizer=other).restore(path).assert_existing_objects_matched(),
    ):
        other = make(kind)
        train(other, table(), sparse_gradients(1))
        load(other)
        for one, another in zip(optimizer.variables, other.variables, strict=True):
            assert one.path.rpartition("/")[2] == another.path.rpartition("/")[2]
            np.testing.assert_array_equal(one, another)


@every_kind
def test_tensorflow_variables_and_missing_gradients(kind):
    """Keras optimizers accept TensorFlow variables, and a subset of the variables that they were built with."""
    optimizer, variables = make(kind), [tf.Variable(tf.ones(3), name="a"), tf.Variable(tf.ones(3), name="b")]
    optimizer.build(variables)
    optimizer.apply([tf.constant([1.0, -1.0, 2.0])], variables[1:])
    np.testing.assert_array_equal(variables[0], tf.ones(3))
    assert (variables[1].numpy() != 1).all()


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"COCOB"}))
def test_changing_learning_rate(kind):
    """A number may be set between steps, and a callable is evaluated in each step."""
    gradients = sparse_gradients(4)
    one, other = table(), table()
    changed = make(kind)
    train(changed, one, gradients[:2])
    changed.learning_rate = 0.5
    for gradient in gradients[2:]:
        changed.apply([gradient])
    rate = tf.Variable(KINDS[kind]["learning_rate"])
    asked = getattr(optimizers, kind)(**{**KINDS[kind], "learning_rate": lambda: rate})
    train(asked, other, gradients[:2])
    rate.assign(0.5)
    for gradient in gradients[2:]:
        asked.apply([gradient])
    expect_same([one], [other])
