"""Tests of the compiled optimizers against those of Keras: single steps, all settings, and saved weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops, optimizers

pytestmark = pytest.mark.pairwise

SHAPES = [(3, 5), (5,), (), (129, 67), (1,)]
KINDS = {
    "AdamW": {"weight_decay": 0.05},
    "Lamb": {"weight_decay": 0.05},
    "SGD": {},
    "momentum": {"momentum": 0.9, "weight_decay": 0.05},
    "nesterov": {"momentum": 0.9, "nesterov": True},
}
SETTINGS = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.7},
    "ema": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 7},
    "accumulation": {"gradient_accumulation_steps": 3, "global_clipnorm": 0.7},
    "loss_scale": {"loss_scale_factor": 8.0},
}


def pair(kind, **settings):
    """Return the optimizer of this package and the Keras optimizer with the same name."""
    name = kind if hasattr(optimizers, kind) else "SGD"
    arguments = {"learning_rate": 0.01, **KINDS[kind], **settings}
    return [getattr(family, name)(**arguments, name="same") for family in (optimizers, keras.optimizers)]


def variables_of(optimizer, shapes=SHAPES):
    rng = np.random.default_rng(3)
    variables = [
        keras.Variable(rng.normal(size=shape), dtype="float32", name=f"v{i}") for i, shape in enumerate(shapes)
    ]
    optimizer.build(variables)
    return variables


def train(optimizer, variables, steps=50, gradient=None):
    """Return all variables after steps with artificial gradients that depend on the variables."""
    rng = np.random.default_rng(4)

    @tf.function
    def step(noise):
        optimizer.apply([gradient(v) if gradient else 0.3 * v + n for v, n in zip(variables, noise, strict=True)])

    for _ in range(steps):
        step([tf.constant(rng.normal(size=variable.shape), tf.float32) for variable in variables])
    return [*variables, *optimizer.variables]


def expect_same(ours, theirs, tolerance=2e-5):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.array(one), np.array(other), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_matches_keras(kind, settings):
    results = [train(each, variables_of(each)) for each in pair(kind, **SETTINGS[settings])]
    expect_same(*results)


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_kernels_are_used(monkeypatch):
    """Ensures that the comparisons of this module cover the kernels."""
    calls = []
    real = ops.adam_update
    watched = staticmethod(lambda *lists, **more: calls.append(more) or real(*lists, **more))
    monkeypatch.setattr(optimizers.AdamW, "op", watched)
    ours, _ = pair("AdamW", global_clipnorm=1.0)
    ours.exclude_from_weight_decay(var_names=["v1"])
    train(ours, variables_of(ours), steps=2)
    (call,) = calls  # one trace
    assert call["global_clipnorm"] == 1.0
    assert call["weight_decay"] == [0.05, 0.0, 0.05, 0.05, 0.05]


def test_amsgrad_and_schedules():
    decay = keras.optimizers.schedules.ExponentialDecay(0.05, 10, 0.5)
    expect_same(*[train(each, variables_of(each)) for each in pair("AdamW", amsgrad=True)])
    expect_same(*[train(each, variables_of(each)) for each in pair("AdamW", learning_rate=decay)])
    results = []
    for optimizer in pair("Lamb"):
        variables = variables_of(optimizer)
        train(optimizer, variables, 5)
        optimizer.learning_rate = 0.1
        results.append(train(optimizer, variables, 5))
    expect_same(*results)


@pytest.mark.parametrize("kind", KINDS)
def test_excluded_from_weight_decay(kind):
    results = []
    for optimizer in pair(kind, weight_decay=0.5):
        optimizer.exclude_from_weight_decay(var_names=["v1", "v3"])
        results.append(train(optimizer, variables_of(optimizer), 10))
    expect_same(*results)


@pytest.mark.parametrize("settings", [{}, {"global_clipnorm": 0.7}, {"clipnorm": 0.7}])
@pytest.mark.parametrize("kind", KINDS)
def test_sparse_gradients(kind, settings):
    """Some gradients have repeated indices. Keras receives their sums, because it squares duplicates one by one."""

    def gradient(variable):
        rows = tf.gather(variable.value, [1, 1, 2]) if len(variable.shape) == 2 and variable.shape[0] > 2 else None
        if rows is None:
            return 0.3 * variable
        return tf.IndexedSlices(0.3 * rows, tf.constant([1, 1, 2]), tf.shape(variable.value))

    ours, theirs = pair(kind, **settings)
    expected = train(theirs, variables_of(theirs), 20, lambda variable: tf.convert_to_tensor(gradient(variable)))
    expect_same(train(ours, variables_of(ours), 20, gradient), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_variable_dtypes(kind):
    results = []
    for optimizer in pair(kind):
        variables = [keras.Variable(np.ones(5), dtype=dtype) for dtype in ("float32", "float64", "float32")]
        optimizer.build(variables)
        for _ in range(5):
            optimizer.apply([tf.cast(tf.range(5), variable.dtype) for variable in variables])
        results.append([*variables, *optimizer.variables])
    expect_same(*results)


def test_subset_of_variables():
    results = []
    for optimizer in pair("AdamW", use_ema=True):
        variables = variables_of(optimizer)
        optimizer.apply([0.3 * variables[3], 0.1 * variables[1]], [variables[3], variables[1]])
        optimizer.finalize_variable_values(variables)
        results.append([*variables, *optimizer.variables])
    expect_same(*results)


def test_constraints_and_overwriting_gradients():
    results = []
    for optimizer in pair("SGD"):
        variables = [keras.Variable(np.ones(3), dtype="float32"), keras.Variable(np.ones(3), dtype="float32")]
        variables[0].constraint = keras.constraints.UnitNorm(axis=0)
        variables[1].overwrite_with_gradient = True
        optimizer.build(variables)
        optimizer.apply([tf.range(3.0), tf.range(3.0)])
        results.append(variables)
    expect_same(*results)
    np.testing.assert_array_equal(results[0][1], [0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in ("AdamW", "nesterov") else pytest.mark.slow) for kind in KINDS]
)
def test_under_xla(kind):
    results = []
    for optimizer in pair(kind, global_clipnorm=0.5):
        variables = variables_of(optimizer, [(3, 5), (7,)])
        step = tf.function(lambda o=optimizer, v=variables: o.apply([0.3 * value for value in v]), jit_compile=True)
        step()
        results.append([*variables, *optimizer.variables])
    expect_same(*results)


def model_with(optimizer, policy="float32"):
    keras.utils.set_random_seed(5)
    layers = [
        keras.layers.Embedding(1024, 8, dtype=policy),
        keras.layers.Flatten(),
        keras.layers.Dense(16, activation="relu", dtype=policy),
        keras.layers.Dense(3, dtype=policy),
    ]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    return model


def losses(model, epochs=4):
    rng = np.random.default_rng(6)
    x = rng.permutation(1024).reshape(256, 4)  # without duplicates, which Keras treats separately
    return model.fit(x, x.sum(axis=1) % 3, batch_size=32, epochs=epochs, shuffle=False, verbose=0).history["loss"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_same_loss_curve(kind):
    """Train a model with an embedding with the kernels, with the fallback to Keras, and with the Keras optimizer."""
    ours, theirs = pair(kind)
    again, _ = pair(kind)
    curve = losses(model_with(ours))
    with ops.use("reference"):
        np.testing.assert_allclose(losses(model_with(again)), curve, rtol=1e-4)
    np.testing.assert_allclose(losses(model_with(theirs)), curve, rtol=1e-4)
    assert curve[-1] < curve[0]


@pytest.mark.slow
def test_mixed_precision():
    for policy, scaled in (("mixed_float16", True), ("mixed_bfloat16", False)):
        curves = []
        for optimizer in pair("AdamW"):
            whole = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=256.0) if scaled else optimizer
            curves.append(losses(model_with(whole, policy)))
        np.testing.assert_allclose(*curves, rtol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_variable_names_match_keras(kind):
    ours, theirs = pair(kind, use_ema=True)
    paths = []
    for optimizer in (ours, theirs):
        variables_of(optimizer)
        paths.append([(variable.path, variable.shape, variable.dtype) for variable in optimizer.variables])
    assert paths[0] == paths[1]
    assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize("direction", ["to Keras", "from Keras"])
@pytest.mark.parametrize(
    "kind", ["AdamW", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("Lamb", "momentum"))]
)
def test_saved_weights_are_interchangeable(kind, direction, tmp_path):
    """Training saved with one optimizer continues with the other, from weights and from a `.keras` file."""
    ours, theirs = pair(kind)
    first, second = (ours, theirs) if direction == "to Keras" else (theirs, ours)
    model = model_with(first)
    losses(model, epochs=1)
    model.save_weights(tmp_path / "model.weights.h5")
    model.save(tmp_path / "model.keras")
    other = model_with(second)
    losses(other, epochs=1)  # create state to be overwritten
    other.load_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(first)
    assert loaded.optimizer.get_config() == first.get_config()
    goes_on = losses(model, epochs=2)
    np.testing.assert_allclose(losses(other, epochs=2), goes_on, rtol=1e-4)
    np.testing.assert_allclose(losses(loaded, epochs=2), goes_on, rtol=1e-4)


def test_tensorflow_checkpoints(tmp_path):
    ours, theirs = pair("AdamW")
    variables = variables_of(ours)
    wanted = train(ours, variables, 3)
    path = tf.train.Checkpoint(optimizer=ours).save(tmp_path / "checkpoint")
    others = variables_of(theirs)
    tf.train.Checkpoint(optimizer=theirs).restore(path).assert_existing_objects_matched()
    expect_same(theirs.variables, wanted[len(others) :], 0)
