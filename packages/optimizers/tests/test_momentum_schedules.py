"""Tests of momentum that changes during training, against NumPy implementations in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from stepping import losses, model_with

from tensorsmith import optimizers
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

STEPS = 20
RATE, DECAY = 0.05, 0.1
SHAPE = (4, 3)
SCHEDULE = keras.optimizers.schedules.PolynomialDecay(0.95, STEPS, 0.4)
VALUES = np.linspace(0.95, 0.4, STEPS, endpoint=False)
WAYS = {
    "eager": lambda step: step,
    "function": tf.function,
    "xla": lambda step: tf.function(step, jit_compile=True),
}


def momentum(w, gradients, nesterov=False, decay=0.0):
    m = np.zeros_like(w)
    for g, stays in zip(gradients, VALUES, strict=True):
        w = w - decay * w
        m = stays * m - RATE * g
        w = w + (stays * m - RATE * g if nesterov else m)
        yield w


def adam(w, gradients, epsilon=1e-7):
    m, v = np.zeros((2, *w.shape))
    for t, (g, stays) in enumerate(zip(gradients, VALUES, strict=True), 1):
        w = w * (1 - RATE * DECAY)
        m = stays * m + (1 - stays) * g
        v = 0.999 * v + 0.001 * g**2
        w = w - RATE * np.sqrt(1 - 0.999**t) / (1 - stays**t) * m / (np.sqrt(v) + epsilon)
        yield w


KINDS = {
    "SGD": (lambda stays: optimizers.SGD(RATE, momentum=stays), momentum),
    "nesterov": (
        lambda stays: optimizers.SGD(RATE, momentum=stays, nesterov=True),
        lambda w, gradients: momentum(w, gradients, nesterov=True),
    ),
    "SGDW": (
        lambda stays: optimizers.SGDW(0.01, RATE, momentum=stays),
        lambda w, gradients: momentum(w, gradients, decay=0.01),
    ),
    "AdamW": (lambda stays: optimizers.AdamW(RATE, DECAY, beta_1=stays), adam),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def given():
    rng = np.random.default_rng(3)
    return rng.normal(size=SHAPE), rng.normal(size=(STEPS, *SHAPE)) + 0.3


def trajectory(optimizer, through, before=lambda step: None, first=0, last=STEPS, dtype="float32", start=None):
    """Return the weights after each step of a function compiled once."""
    weights, gradients = given()
    variable = keras.Variable(weights if start is None else start, dtype=dtype)
    optimizer.build([variable])
    step = through(lambda gradient: optimizer.apply([gradient]))
    found = []
    for number in range(first, last):
        before(number)
        step(tf.constant(gradients[number], dtype))
        found.append(np.array(variable))
    return found


@pytest.mark.parametrize("way", WAYS)
@every_kind
def test_schedules(kind, way):
    make, reference = KINDS[kind]
    found = trajectory(make(SCHEDULE), WAYS[way])
    np.testing.assert_allclose(found, list(reference(*given())), rtol=1e-4, atol=1e-5)
    constant = trajectory(make(0.95), WAYS[way])
    assert np.abs(np.subtract(found, constant)[-1]).max() > 0.03  # the schedule has an effect


@pytest.mark.parametrize("way", WAYS)
@every_kind
def test_variables_are_read_in_every_step(kind, way):
    """Changes take effect even after the step was traced."""
    make, reference = KINDS[kind]
    stays = keras.Variable(0.0, trainable=False)  # momentum variables are created for 0 as well
    found = trajectory(make(stays), WAYS[way], before=lambda number: stays.assign(VALUES[number]))
    np.testing.assert_allclose(found, list(reference(*given())), rtol=1e-4, atol=1e-5)


@every_kind
def test_double_precision(kind):
    """Double precision has no kernel, and schedules are float32."""
    make, reference = KINDS[kind]
    found = trajectory(make(SCHEDULE), tf.function, dtype="float64")
    np.testing.assert_allclose(found, list(reference(*given())), rtol=1e-4, atol=1e-5)


@every_kind
def test_state_and_config(kind):
    """An optimizer with the config and the variables of another continues in the same way."""
    make, reference = KINDS[kind]
    expected = list(reference(*given()))
    stays = keras.Variable(0.3, trainable=False)
    drivers = {
        "schedule": (make(SCHEDULE), lambda optimizer: lambda number: None),
        "variable": (make(stays), lambda optimizer: lambda number: variable_of(optimizer).assign(VALUES[number])),
    }
    for optimizer, driven in drivers.values():
        half = trajectory(optimizer, tf.function, driven(optimizer), last=STEPS // 2)
        counterpart = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
        counterpart.build([keras.Variable(half[-1])])
        store = {}
        optimizer.save_own_variables(store)
        counterpart.load_own_variables(store)
        assert float(variable_of(counterpart)) == pytest.approx(VALUES[STEPS // 2 - 1])
        again = type(counterpart).from_config(counterpart.get_config())
        weights = keras.Variable(half[-1])
        again.build([weights])
        again.load_own_variables(store)
        step = tf.function(lambda gradient, o=again: o.apply([gradient]))
        for number in range(STEPS // 2, STEPS):
            driven(again)(number)
            step(tf.constant(given()[1][number], "float32"))
        np.testing.assert_allclose(weights, expected[-1], rtol=1e-4, atol=1e-5)


def variable_of(optimizer):
    return getattr(optimizer, optimizer.live)


@pytest.mark.parametrize("kind", [pytest.param("SGD", marks=pytest.mark.slow), "AdamW"])
def test_saving_model(kind, tmp_path):
    """Save models with an embedding, whose gradient is sparse, and with half precision and loss scaling."""
    for policy in ("float32", "mixed_float16"):
        model = model_with(KINDS[kind][0](SCHEDULE), policy)
        losses(model, epochs=1)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        goes_on = losses(model, epochs=1)
        np.testing.assert_allclose(losses(loaded, epochs=1), goes_on, rtol=1e-5)


@every_kind
def test_sparse_gradients_match_dense(kind):
    """Sparse gradients with all rows give the result of dense gradients."""
    make, _ = KINDS[kind]
    results = []
    for sparse in (False, True):
        optimizer, variable = make(SCHEDULE), keras.Variable(given()[0], dtype="float32")
        for gradient in given()[1]:
            gradient = tf.constant(gradient, "float32")
            slices = tf.IndexedSlices(gradient, tf.range(SHAPE[0]), tf.constant(SHAPE))
            optimizer.apply([slices if sparse else gradient], [variable])
        results.append(np.array(variable))
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-5)


@every_kind
def test_schedule_in_trainer(kind):
    """`Trainer(schedules=...)` sets the momentum, and the weights equal those of the reference implementation."""
    training = pytest.importorskip("tensorsmith.training", reason="the trainer is another package")
    make, reference = KINDS[kind]
    weights, gradients = given()
    model = keras.Sequential([keras.Input(SHAPE), Product(weights)])
    stays = keras.Variable(0.0, trainable=False)
    optimizer = make(stays)
    trainer = training.Trainer(
        model,
        optimizer,
        lambda y, product: keras.ops.sum(product),
        schedules={"momentum": (variable_of(optimizer), SCHEDULE)},
        jit=False,
    )
    history = trainer.fit(gradients, gradients[:, 0, 0], batch_size=1, shuffle=False, verbose=False)
    np.testing.assert_allclose(model.layers[0].factor, list(reference(weights, gradients))[-1], rtol=1e-4, atol=1e-5)
    assert history.history["momentum"][-1] == pytest.approx(VALUES[-1])


class Product(keras.layers.Layer):
    """Layer whose gradient is its input."""

    def __init__(self, start):
        super().__init__()
        self.start = start

    def build(self, input_shape):
        self.factor = self.add_weight(shape=SHAPE, initializer=lambda shape, dtype: tf.constant(self.start, dtype))

    def call(self, inputs):
        return keras.ops.sum(inputs * self.factor, axis=(1, 2))


RATES = [
    *((name, rate) for name in ("AdaBelief", "AdamW", "AddonsAdamW", "AddonsLAMB") for rate in ("beta_1", "beta_2")),
    *((name, rate) for name in ("Lamb", "LazyAdam", "NovoGrad", "RectifiedAdam") for rate in ("beta_1", "beta_2")),
    ("SGDW", "momentum"),
    ("Yogi", "beta1"),
    ("Yogi", "beta2"),
]
every_rate = pytest.mark.parametrize(("name", "rate"), RATES)


def with_rate(name, rate, value):
    needed = {"weight_decay": 0.1} if name in ("AddonsAdamW", "SGDW") else {}
    return getattr(optimizers, name)(**{rate: value}, **needed)


@pytest.mark.parametrize(
    "dtype",
    ["float32", pytest.param("float16", marks=pytest.mark.slow), pytest.param("float64", marks=pytest.mark.slow)],
)
@every_rate
def test_remedy_for_functions(name, rate, dtype):
    """The error for a function recommends a variable, which is read in each step, also after it was traced."""
    with raises_argument_error(rate, received="<lambda>", remedy="pass a `keras.Variable`"):
        with_rate(name, rate, lambda: 0.5)
    trajectories = []
    for values in ([0.5] * STEPS, VALUES):
        variable = keras.Variable(0.5, trainable=False, dtype="float64" if dtype == "float64" else "float32")
        change = lambda number, variable=variable, values=values: variable.assign(values[number])  # noqa: E731
        trajectories.append(trajectory(with_rate(name, rate, variable), tf.function, before=change, dtype=dtype))
    expected = trajectory(with_rate(name, rate, 0.5), tf.function, dtype=dtype)
    tolerance = 2e-3 if dtype == "float16" else 1e-5
    np.testing.assert_allclose(trajectories[0], expected, rtol=tolerance, atol=tolerance)
    assert np.abs(np.subtract(trajectories[1], expected)[-1].astype("float64")).max() > 1e-4


@pytest.mark.parametrize(
    ("name", "rate"),
    [pytest.param(*each, marks=[] if each == ("LazyAdam", "beta_1") else pytest.mark.slow) for each in RATES],
)
def test_saving_variables_as_rates(name, rate, tmp_path):
    """A loaded model has a variable with the last value."""
    model = model_with(with_rate(name, rate, keras.Variable(0.5, trainable=False)))
    losses(model, epochs=1)
    getattr(model.optimizer, rate).assign(0.75)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(getattr(loaded.optimizer, rate)) == 0.75
    assert isinstance(getattr(loaded.optimizer, rate), keras.Variable)
    np.testing.assert_allclose(losses(loaded, epochs=1), losses(model, epochs=1), rtol=1e-5)
