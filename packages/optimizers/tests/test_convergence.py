"""Tests that each optimizer reduces the loss of a curved valley, an ill-conditioned quadratic and a small network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import optimizers

pytestmark = pytest.mark.pairwise

STEPS = 600


def rosenbrock():
    """Return the Rosenbrock function, which decreases from 24.2 to 0 along a curved valley."""
    x = tf.Variable([-1.2, 1.0])
    return [x], lambda: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def ravine():
    """Return a quadratic function with a condition number of ten thousand."""
    x = tf.Variable(tf.ones(20))
    steepness = tf.constant(np.logspace(-4, 0, 20), tf.float32)
    return [x], lambda: tf.reduce_sum(steepness * x**2)


def network():
    """Return a network that classifies points by the sign of their product, which is not linearly separable."""
    rng = np.random.default_rng(8)
    x = tf.constant(rng.normal(size=(128, 2)), tf.float32)
    y = tf.sign(x[:, :1] * x[:, 1:])
    shapes = [(2, 16), (16,), (16, 1), (1,)]
    weights = [tf.Variable(rng.normal(size=shape), dtype=tf.float32) for shape in shapes]

    def loss():
        hidden = tf.tanh(x @ weights[0] + weights[1])
        return tf.reduce_mean(tf.nn.softplus(-y * (hidden @ weights[2] + weights[3])))

    return weights, loss


PROBLEMS = {"rosenbrock": (rosenbrock, 0.1), "ravine": (ravine, 0.01), "network": (network, 0.25)}  # maximum fraction

# Initial learning rates for each problem, which decay to a tenth, and other arguments.
CASES = {
    optimizers.AdaBelief: ((0.06, 0.1, 0.1), {"rectify": False}),
    optimizers.AddonsAdamW: ((0.1, 0.1, 0.1), {"weight_decay": 0.0}),
    optimizers.AdamW: ((0.1, 0.1, 0.1), {"weight_decay": 0.0}),
    optimizers.AddonsLAMB: ((0.02, 0.02, 0.02), {}),
    optimizers.Lamb: ((0.02, 0.02, 0.02), {}),
    optimizers.LazyAdam: ((0.1, 0.1, 0.1), {}),
    optimizers.NovoGrad: ((0.04, 0.1, 0.04), {}),
    optimizers.ProximalAdagrad: ((1.0, 1.0, 1.0), {}),
    optimizers.RectifiedAdam: ((0.1, 0.1, 0.1), {"clipnorm": 1.0}),
    optimizers.SGD: ((0.001, 0.5, 0.3), {"momentum": 0.9}),
    optimizers.SGDW: ((0.001, 0.5, 0.3), {"momentum": 0.9, "weight_decay": 0.0}),
    optimizers.Yogi: ((0.1, 0.1, 0.1), {}),
    optimizers.COCOB: (None, {"alpha": 2}),
    optimizers.ConditionalGradient: ((0.05, 0.05, 0.02), {"lambda_": 10.0}),
}
# Wrappers of Adam, with its learning rates.
AROUND_ADAM = {
    optimizers.GradientCentralization: ((0.1, 0.1, 0.1), {}),
    optimizers.GradientNoise: ((0.1, 0.1, 0.1), {"eta": 1e-4, "seed": 1}),
    optimizers.Lookahead: ((0.2, 0.2, 0.2), {}),
    optimizers.MovingAverage: ((0.1, 0.1, 0.1), {}),
    optimizers.MultiOptimizer: ((0.1, 0.1, 0.1), {}),
    optimizers.SWA: ((0.1, 0.1, 0.1), {"start_averaging": STEPS - 100}),
    optimizers.ScaledUpdates: ((0.2, 0.2, 0.2), {"scales": {".": 0.5}}),
}


def optimizer_for(make, problem):
    rates, arguments = (CASES | AROUND_ADAM)[make]
    if rates is None:
        return make(**arguments)
    rate = rates[list(PROBLEMS).index(problem)]
    first, last = rate, rate / 10
    if make is optimizers.ConditionalGradient:  # its learning rate is the retained fraction
        first, last = 1 - first, 1 - last
    decay = keras.optimizers.schedules.PolynomialDecay(first, STEPS, last)
    if make in CASES:
        return make(learning_rate=decay, **arguments)
    adam = keras.optimizers.Adam(decay)
    return make([(adam, ".")] if make is optimizers.MultiOptimizer else adam, **arguments)


def left(make, problem, sign=1):
    """Return the remaining fraction of the loss after training along the gradient, or against it."""
    variables, loss = PROBLEMS[problem][0]()
    optimizer = optimizer_for(make, problem)
    optimizer.build(variables)

    def step(done):
        with tf.GradientTape() as tape:
            value = loss()
        optimizer.apply([sign * gradient for gradient in tape.gradient(value, variables)])
        return done + 1

    @tf.function(autograph=False)  # AutoGraph warns under Python 3.13
    def train():
        tf.while_loop(lambda done: done < STEPS, step, [tf.constant(0)])

    first = loss()
    train()
    if hasattr(optimizer, "assign_average_vars"):
        optimizer.assign_average_vars(variables)
    return float(loss() / first)


@pytest.mark.slow
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("make", CASES | AROUND_ADAM)
def test_loss_decreases(make, problem):
    _, limit = PROBLEMS[problem]
    assert left(make, problem) < limit


@pytest.mark.slow
@pytest.mark.parametrize("problem", PROBLEMS)
def test_limits_are_effective(problem):
    """Steps against the gradient exceed the limit."""
    _, limit = PROBLEMS[problem]
    assert not left(optimizers.SGD, problem, sign=-1) < 10 * limit


def test_all_optimizers_are_covered():
    public = {getattr(optimizers, name) for name in optimizers.__all__}
    kinds = {each for each in public if isinstance(each, type) and issubclass(each, keras.optimizers.Optimizer)}
    assert kinds == (CASES | AROUND_ADAM).keys()
