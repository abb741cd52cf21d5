"""The optimizers without kernels: sparse gradients, half precision, and what Keras adds to every optimizer."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import optimizers
from tensorsmith.optimizers import extend_with_decoupled_weight_decay

KINDS = {
    "AdaBelief": {"learning_rate": 0.02, "weight_decay": 0.1},
    "COCOB": {},
    "ConditionalGradient": {"learning_rate": 0.95, "lambda_": 2.0},
    "LAMB": {"learning_rate": 0.02, "weight_decay": 0.1},
    "LazyAdam": {"learning_rate": 0.02},
    "NovoGrad": {"learning_rate": 0.02, "weight_decay": 0.1},
    "ProximalAdagrad": {"learning_rate": 0.02, "l1_regularization_strength": 0.1},
    "RectifiedAdam": {"learning_rate": 0.02, "weight_decay": 0.1},
    "SGDW": {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.01},
    "Yogi": {"learning_rate": 0.02},
}
LEAVES_OTHER_ROWS = sorted(KINDS.keys() - {"LAMB"})
every_kind = pytest.mark.parametrize("kind", KINDS)
ROWS, COLUMNS = 6, 4


def make(kind, **settings):
    return getattr(optimizers, kind)(**KINDS[kind], **settings)


def slices(rng, rows=(4, 1, 4), dtype="float32", scale=1.0):
    """A sparse gradient; row 4 comes twice."""
    values = scale * rng.normal(size=(len(rows), COLUMNS))
    return tf.IndexedSlices(tf.constant(values, dtype), tf.constant(rows), tf.constant([ROWS, COLUMNS]))


def table(dtype="float32"):
    return keras.Variable(np.random.default_rng(3).normal(size=(ROWS, COLUMNS)), dtype=dtype, name="table")


def train(optimizer, variable, gradients, jit=False):
    """The variable and the optimizer's variables after steps, compiled to one function."""
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply([gradient]), jit_compile=jit)
    for gradient in gradients:
        step(gradient)
    return [np.array(each).astype("float64") for each in (variable, *optimizer.variables)]


def expect_same(ones, others, tolerance=1e-5):
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def sparse_gradients(count=5, **options):
    rng = np.random.default_rng(4)
    return [slices(rng, **options) for _ in range(count)]


@pytest.mark.parametrize("kind", LEAVES_OTHER_ROWS)
def test_weights_of_other_rows_stay(kind):
    variable = table()
    before = np.array(variable)
    train(make(kind), variable, sparse_gradients())
    changed = (np.array(variable) != before).any(axis=1)
    np.testing.assert_array_equal(changed, [False, True, False, False, True, False])


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1, "amsgrad": True}, {"global_clipnorm": 0.5}])
def test_lazy_adam_touches_no_other_rows(settings):
    """Nothing it computes is as large as the table; its moments of other rows stay as well."""
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
@every_kind
def test_under_xla(kind, sparse):
    rng = np.random.default_rng(4)
    dense = [tf.constant(rng.normal(size=(ROWS, COLUMNS)), tf.float32) for _ in range(5)]
    gradients = sparse_gradients() if sparse else dense
    results = [train(make(kind, global_clipnorm=1.0), table(), gradients, jit) for jit in (False, True)]
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


def test_sparse_gradients_of_two_replicas():
    """Their slices are summed, those of one row, too; in a process that starts with two CPUs."""
    script = f"KINDS = {KINDS!r}\n{REPLICAS}"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == list(KINDS)


@pytest.mark.parametrize("setting", ["clipnorm", "global_clipnorm", "clipvalue"])
@pytest.mark.parametrize("kind", LEAVES_OTHER_ROWS)
def test_sparse_gradients_are_clipped_as_sums(kind, setting):
    """A gradient whose slices of one row nearly cancel out is small, and stays as it is."""
    limit = 0.5
    values = tf.constant([[3.0, 0.1, 0.0, 0.2], [-2.9, 0.1, 0.1, 0.0]])
    summed = tf.reduce_sum(values, axis=0, keepdims=True)
    assert tf.norm(summed) < limit
    halves = tf.IndexedSlices(values, tf.constant([2, 2]), tf.constant([ROWS, COLUMNS]))
    whole = tf.IndexedSlices(summed, tf.constant([2]), tf.constant([ROWS, COLUMNS]))
    clipped = train(make(kind, **{setting: limit}), table(), [halves])
    expect_same(clipped, train(make(kind), table(), [whole]))


@pytest.mark.parametrize("setting", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipping_of_dense_and_sparse_together(setting):
    """As of dense gradients alone, in Keras; SGDW steps along the gradient, without decay."""
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
@every_kind
def test_accumulated_gradients(kind, sparse):
    """Three steps' gradients make one of their mean, of the rows that any of them named."""
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


@every_kind
def test_scaled_losses(kind):
    """A constant factor, and Keras' wrapper with a variable one, which passes over what is not finite."""
    expected = train(make(kind), table(), sparse_gradients())
    factor = train(make(kind, loss_scale_factor=8.0), table(), sparse_gradients(scale=8.0))
    expect_same(expected, factor)

    variable = table()
    infinite = slices(np.random.default_rng(4), scale=np.inf)
    scaled = [infinite, *sparse_gradients(scale=4.0)]
    inner = make(kind)
    train(keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0), variable, scaled)
    expect_same(expected, [np.array(each) for each in (variable, *inner.variables)])


@every_kind
def test_averages(kind):
    """Exponential averages of the weights, that Keras keeps."""
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
@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("bfloat16", 2e-2)])
@every_kind
def test_half_variables(kind, dtype, tolerance, sparse):
    """As in float32, but for the rounding of the weights; gradients whose squares are 0 in half precision count."""
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


def test_large_gradients_of_half_variables_are_clipped():
    """Their squares overflow."""
    variable = keras.Variable(np.zeros(4), dtype="float16")
    optimizer = optimizers.SGDW(0.0, 1.0, clipnorm=1.0)
    optimizer.apply([tf.constant([300.0, 400.0, 0.0, 0.0], tf.float16)], [variable])
    np.testing.assert_allclose(variable, [-0.6, -0.8, 0, 0], rtol=1e-3)


def model_with(optimizer, policy="float32"):
    keras.utils.set_random_seed(5)
    layers = [
        keras.layers.Embedding(20, 8, dtype=policy),
        keras.layers.Flatten(),
        keras.layers.Dense(16, activation="relu", dtype=policy),
        keras.layers.Dense(3, dtype=policy),
    ]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def losses(model, epochs=2):
    rng = np.random.default_rng(6)
    x = rng.integers(0, 20, (256, 4))
    return model.fit(x, x[:, 0] % 3, batch_size=32, epochs=epochs, shuffle=False, verbose=0).history["loss"]


trained_kinds = pytest.mark.parametrize("kind", ["LAMB", "LazyAdam", "NovoGrad", "SGDW"])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@trained_kinds
def test_mixed_precision(kind, policy):
    """Keras wraps the optimizer in scaling of the loss under mixed_float16."""
    expected = losses(model_with(make(kind)))
    np.testing.assert_allclose(losses(model_with(make(kind), policy)), expected, rtol=3e-2)


@trained_kinds
def test_training_goes_on_from_a_file(kind, tmp_path):
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


@every_kind
def test_own_variables_and_checkpoints(kind, tmp_path):
    """Keras' store and TensorFlow's checkpoint, into a built optimizer, bring all of the state back."""
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
    """Keras optimizers take TensorFlow's variables, too, and some of those they were built with."""
    optimizer, variables = make(kind), [tf.Variable(tf.ones(3), name="a"), tf.Variable(tf.ones(3), name="b")]
    optimizer.build(variables)
    optimizer.apply([tf.constant([1.0, -1.0, 2.0])], variables[1:])
    np.testing.assert_array_equal(variables[0], tf.ones(3))
    assert (variables[1].numpy() != 1).all()


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"COCOB"}))
def test_rates_can_change(kind):
    """A number may be set between steps; a function is asked in every step."""
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


def decaying(**options):
    """An optimizer whose steps halve weights and do nothing else, with variables of three paths."""
    with keras.name_scope("norm"):
        norm = keras.Variable([1.0], name="kernel")
    variables = [keras.Variable([1.0], name="kernel"), keras.Variable([1.0], name="bias"), norm]
    make = extend_with_decoupled_weight_decay(keras.optimizers.Adam)
    return make(weight_decay=0.5, learning_rate=1e-9, **options), variables


def after_step(optimizer, variables, **chosen):
    optimizer.apply_gradients([(tf.ones(1), variable) for variable in variables], **chosen)
    return [round(float(variable[0]), 3) for variable in variables]


def test_decay_of_variables_that_are_not_excluded():
    """By patterns of paths, or as in every Keras optimizer."""
    assert after_step(*decaying()) == [0.5, 0.5, 0.5]
    assert after_step(*decaying(exclude_from_weight_decay=["bias", "norm/"])) == [0.5, 1.0, 1.0]
    optimizer, variables = decaying(exclude_from_weight_decay=["norm/"])
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert after_step(optimizer, variables) == [0.5, 1.0, 1.0]


def test_decay_of_chosen_variables():
    """For one step, whatever was excluded."""
    optimizer, variables = decaying(exclude_from_weight_decay=["bias"])
    assert after_step(optimizer, variables, decay_var_list=variables[1:2]) == [1.0, 0.5, 1.0]
    assert after_step(optimizer, variables, decay_var_list=[]) == [1.0, 0.5, 1.0]
    assert after_step(optimizer, variables) == [0.5, 0.5, 0.5]
    optimizer.apply([tf.ones(1)] * 3, variables, decay_var_list=variables[2:])
    np.testing.assert_allclose(variables, [[0.5], [0.5], [0.25]], rtol=1e-5)


@pytest.mark.parametrize("name", ["LAMB", "NovoGrad", "RectifiedAdam"])
def test_keras_own_exclusion(name):
    """Decay inside the update heeds what every Keras optimizer can be told."""
    results = []
    for decay in (0.0, 0.5):
        optimizer, variable = getattr(optimizers, name)(0.1, weight_decay=decay), table()
        optimizer.exclude_from_weight_decay(var_names=["table"])
        train(optimizer, variable, sparse_gradients(2))
        results.append(np.array(variable))
    np.testing.assert_array_equal(*results)


def test_what_lamb_leaves_out():
    """What does not decay is not adapted, either, unless told otherwise: then it steps as Adam does."""

    def trained(make=optimizers.LAMB, **options):
        variable = table()
        train(make(0.02, epsilon=1e-7, **options), variable, map(tf.convert_to_tensor, sparse_gradients()))
        return np.array(variable)

    adam = trained(keras.optimizers.Adam)
    left_out = trained(weight_decay=0.5, exclude_from_weight_decay=["bias", "^tab"])
    np.testing.assert_allclose(left_out, adam, rtol=1e-4, atol=1e-4)
    adapted = trained(weight_decay=0.5, exclude_from_weight_decay=["table"], exclude_from_layer_adaptation=["bias"])
    np.testing.assert_array_equal(adapted, trained())
    assert np.abs(adapted - adam).max() > 0.01

    zeros = keras.Variable(tf.zeros(3))
    optimizers.LAMB(0.1).apply([tf.constant([0.5, -2.0, 0.0])], [zeros])  # no norm to adapt to
    np.testing.assert_allclose(zeros, [-0.1, 0.1, 0.0], rtol=1e-4)


@pytest.mark.parametrize("base", [optimizers.LazyAdam, optimizers.LAMB, optimizers.Yogi, optimizers.AdamW])
def test_extended_optimizers_decay_once(base):
    """Also those that decay otherwise by themselves; by rows where the gradient is sparse."""
    variable = keras.Variable(tf.ones((ROWS, COLUMNS)))
    optimizer = extend_with_decoupled_weight_decay(base)(weight_decay=0.5, learning_rate=0.1)
    optimizer.apply([slices(np.random.default_rng(4), scale=0.0)], [variable])
    np.testing.assert_array_equal(variable, np.where(np.isin(np.arange(ROWS), [1, 4])[:, None], [[0.5] * COLUMNS], 1.0))
    assert type(optimizer).from_config(optimizer.get_config()).weight_decay == 0.5


def test_extended_adam_sums_rows():
    """Of a row that comes twice Keras' Adam takes the squares one by one, when left alone."""
    adam = extend_with_decoupled_weight_decay(keras.optimizers.Adam)(weight_decay=0.0)
    dense = keras.optimizers.Adam()
    gradients = sparse_gradients()
    expect_same(train(adam, table(), gradients), train(dense, table(), map(tf.convert_to_tensor, gradients)))


def test_extended_classes():
    SGDs = [extend_with_decoupled_weight_decay(base) for base in (optimizers.SGD, optimizers.SGD)]
    assert SGDs[0] is SGDs[1]
    assert SGDs[0].__name__ == "SGDWithDecoupledWeightDecay"
    for base in (keras.layers.Dense, keras.optimizers.Adam(), None):
        with pytest.raises(ValueError, match="`base_optimizer`: received"):
            extend_with_decoupled_weight_decay(base)


@keras.saving.register_keras_serializable("tests")
def slow_decay():
    return tf.constant(0.01)


def test_functions_as_decay():
    """Asked in every step, and kept in the config by their registered name."""
    for name in ("SGDW", "RectifiedAdam"):
        optimizer = getattr(optimizers, name)(learning_rate=0.1, weight_decay=slow_decay)
        twin = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
        assert twin.weight_decay is slow_decay
        constant = getattr(optimizers, name)(learning_rate=0.1, weight_decay=0.01)
        results = [train(each, table(), sparse_gradients()) for each in (optimizer, twin, constant)]
        expect_same(results[0], results[1])
        expect_same(results[0], results[2])
    radius = keras.optimizers.schedules.PolynomialDecay(2.0, 5)
    optimizer = optimizers.ConditionalGradient(0.9, radius)
    twin = optimizers.ConditionalGradient.from_config(optimizer.get_config())
    assert twin.get_config() == optimizer.get_config()
    expect_same(*[train(each, table(), sparse_gradients()) for each in (optimizer, twin)])
