"""Tests of the optimizers without kernels against NumPy implementations in float64, with masks instead of slices."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import optimizers

pytestmark = pytest.mark.pairwise

STEPS, ROWS, COLUMNS = 50, 7, 3


def unit(step, beta):
    """Return the total weight of a moving average that was initialized with 0."""
    return 1 - beta**step


def proximal(w, rate, l1, l2):
    """Minimize (x - w)² / 2 + rate (l1 |x| + l2 x² / 2) by evaluating the three candidates for the minimum."""
    tries = np.stack([(w - rate * l1) / (1 + rate * l2), (w + rate * l1) / (1 + rate * l2), np.zeros_like(w)])
    costs = (tries - w) ** 2 / 2 + rate * (l1 * np.abs(tries) + l2 * tries**2 / 2)
    return np.take_along_axis(tries, costs.argmin(axis=0)[None], axis=0)[0]


def lazy_adam(w, steps, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    m, v, top = np.zeros((3, *w.shape))
    for t, (g, named, rate, decay) in enumerate(steps, 1):
        m = np.where(named, m + (1 - beta_1) * (g - m), m)
        v = np.where(named, v + (1 - beta_2) * (g**2 - v), v)
        top = np.where(named, np.fmax(top, v), top)
        change = m / unit(t, beta_1) * np.sqrt(unit(t, beta_2)) / (np.sqrt(top if amsgrad else v) + epsilon)
        w = np.where(named, w * (1 - rate * decay) - rate * change, w)
        yield w


def yogi(
    w,
    steps,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-3,
    l1_regularization_strength=0.0,
    l2_regularization_strength=0.0,
    initial_accumulator_value=1e-6,
    activation="sign",
):
    m, v = np.zeros_like(w), np.full_like(w, initial_accumulator_value)
    for t, (g, named, rate, decay) in enumerate(steps, 1):
        w = w * (1 - rate * decay)
        m = beta1 * m + np.where(named, (1 - beta1) * g, 0)
        gap = g**2 - v
        v = v + np.where(named, (1 - beta2) * g**2 * (np.sign(gap) if activation == "sign" else np.tanh(10 * gap)), 0)
        pace = rate * np.sqrt(unit(t, beta2)) / unit(t, beta1) / (np.sqrt(v) + epsilon)
        new = proximal(w - pace * m, pace, l1_regularization_strength, l2_regularization_strength)
        w = np.where(named, new, w)
        yield w


def rectified(w, steps, surprise, beta_1, beta_2, epsilon, amsgrad, rectify, sma_threshold, total_steps, warm, min_lr):
    m, v, top = np.zeros((3, *w.shape))
    longest = 2 / (1 - beta_2) - 1
    for t, (g, named, rate, decay) in enumerate(steps, 1):
        m = beta_1 * m + np.where(named, (1 - beta_1) * g, 0)
        more = (1 - beta_2) * (g - m) ** 2 + epsilon if surprise else (1 - beta_2) * g**2
        v = beta_2 * v + np.where(named, more, 0)
        top = np.fmax(top, v)
        if total_steps:
            rate = np.interp(t, [0, total_steps * warm, total_steps], [0, rate, min_lr])
        length = longest - 2 * t / (beta_2**-t - 1)
        change = m / unit(t, beta_1)
        if not rectify or length >= sma_threshold:
            change = change / (np.sqrt((top if amsgrad else v) / unit(t, beta_2)) + epsilon)
        if rectify and length >= sma_threshold:
            parts = [(n - 4) * (n - 2) / n for n in (length, longest)]
            change = change * np.sqrt(parts[0] / parts[1])
        w = np.where(named, w - rate * (change + decay * w), w)
        yield w


def rectified_adam(
    w,
    steps,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    amsgrad=False,
    sma_threshold=5.0,
    total_steps=0,
    warmup_proportion=0.1,
    min_lr=0.0,
):
    rest = (beta_1, beta_2, epsilon, amsgrad, True, sma_threshold, total_steps, warmup_proportion, min_lr)
    return rectified(w, steps, False, *rest)


def ada_belief(
    w,
    steps,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-14,
    amsgrad=False,
    rectify=True,
    sma_threshold=5.0,
    total_steps=0,
    warmup_proportion=0.1,
    min_lr=0.0,
):
    rest = (beta_1, beta_2, epsilon, amsgrad, rectify, sma_threshold, total_steps, warmup_proportion, min_lr)
    return rectified(w, steps, True, *rest)


def novo_grad(w, steps, beta_1=0.9, beta_2=0.999, epsilon=1e-7, grad_averaging=False, amsgrad=False):
    m, v, top = np.zeros_like(w), None, 0.0
    for t, (g, named, rate, decay) in enumerate(steps, 1):
        square = np.linalg.norm(np.where(named, g, 0)) ** 2
        v = square if v is None else beta_2 * v + (1 - beta_2) * square
        top = max(top, v)
        change = g / (np.sqrt(top if amsgrad else v) + epsilon) + decay * w
        share = 1 - beta_1 if grad_averaging and t > 1 else 1
        m = np.where(named, beta_1 * m - rate * share * change, m)
        w = np.where(named, w + m, w)
        yield w


def proximal_adagrad(
    w, steps, initial_accumulator_value=0.1, l1_regularization_strength=0.0, l2_regularization_strength=0.0
):
    total = np.full_like(w, initial_accumulator_value)
    for g, named, rate, decay in steps:
        w = w * (1 - rate * decay)
        total = total + np.where(named, g**2, 0)
        pace = rate / np.sqrt(total)
        new = proximal(w - pace * g, pace, l1_regularization_strength, l2_regularization_strength)
        w = np.where(named, new, w)
        yield w


def conditional_gradient(w, steps, lambda_=0.01, epsilon=1e-7, ord="fro"):
    for g, named, rate, decay in steps:
        w = w * (1 - rate * decay)
        g = np.where(named, g, 0)  # zero rows do not change the singular values
        if ord == "fro":
            corner = g / (np.sqrt((g**2).sum()) + epsilon)
        else:
            _, vectors = np.linalg.eigh(g.T @ g)
            corner = g @ np.outer(vectors[:, -1], vectors[:, -1])
            corner = corner / np.linalg.norm(corner)
        w = np.where(named, w + (1 - rate) * (-lambda_ * corner - w), w)
        yield w


def cocob(w, steps, alpha=100):
    first, largest = w, np.full_like(w, 1e-8)
    bet, reward, ups, downs = np.zeros((4, *w.shape))
    for g, named, *_ in steps:
        g = np.where(named, g, 0)
        ups, downs = ups + np.clip(g, 0, None), downs + np.clip(-g, 0, None)
        largest = np.fmax(largest, np.abs(g))
        reward = np.clip(reward - bet * g, 0, None)
        bet = (downs - ups) * (largest + reward) / (largest * np.fmax(largest + ups + downs, alpha * largest))
        yield first + bet


def lamb(w, steps, beta_1=0.9, beta_2=0.999, epsilon=1e-6):
    m, v = np.zeros((2, *w.shape))
    for t, (g, named, rate, decay) in enumerate(steps, 1):
        g = np.where(named, g, 0)
        m, v = m + (1 - beta_1) * (g - m), v + (1 - beta_2) * (g**2 - v)
        change = m / unit(t, beta_1) / (np.sqrt(v / unit(t, beta_2)) + epsilon) + decay * w
        w = w - rate * np.sqrt((w**2).sum() / (change**2).sum()) * change
        yield w


def sgdw(w, steps, momentum=0.0, nesterov=False):
    m = np.zeros_like(w)
    for g, named, rate, decay in steps:
        m = np.where(named, momentum * m - rate * g, m)
        w = np.where(named, (1 - decay) * w + (momentum * m - rate * g if nesterov else m), w)
        yield w


MOMENTS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-5}
PENALTIES = {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2}
WARMUP = {"total_steps": 40, "warmup_proportion": 0.3, "min_lr": 0.001}
CASES = [
    ("LazyAdam", lazy_adam, {}),
    ("LazyAdam", lazy_adam, {**MOMENTS, "amsgrad": True}),
    ("Yogi", yogi, {"epsilon": 0.01, **PENALTIES}),
    ("Yogi", yogi, {"beta1": 0.0, "beta2": 0.9, "activation": "tanh", "initial_accumulator_value": 0.5}),
    ("RectifiedAdam", rectified_adam, {}),
    ("RectifiedAdam", rectified_adam, {**MOMENTS, **WARMUP, "amsgrad": True, "sma_threshold": 6.0}),
    ("AdaBelief", ada_belief, {}),
    ("AdaBelief", ada_belief, {**MOMENTS, **WARMUP, "amsgrad": True, "sma_threshold": 6.0}),
    ("AdaBelief", ada_belief, {**MOMENTS, "rectify": False}),
    ("NovoGrad", novo_grad, {}),
    ("NovoGrad", novo_grad, {**MOMENTS, "grad_averaging": True, "amsgrad": True}),
    ("ProximalAdagrad", proximal_adagrad, {"initial_accumulator_value": 0.5, **PENALTIES}),
    ("ConditionalGradient", conditional_gradient, {"lambda_": 2.0, "epsilon": 0.1}),
    ("ConditionalGradient", conditional_gradient, {"lambda_": 2.0, "ord": "nuclear"}),
    ("LAMB", lamb, MOMENTS),
    ("SGDW", sgdw, {}),
    ("SGDW", sgdw, {"momentum": 0.9}),
    ("SGDW", sgdw, {"momentum": 0.9, "nesterov": True}),
]


def problem(sparse):
    """Return initial weights, gradients, and a mask of the rows with a gradient."""
    rng = np.random.default_rng(7)
    gradients = rng.normal(size=(STEPS, ROWS, COLUMNS)) + 0.5
    named = rng.random((STEPS, ROWS, 1)) < 0.4 if sparse else np.ones((STEPS, ROWS, 1), bool)
    named[:, 0] = True  # each step has a row
    return rng.normal(size=(ROWS, COLUMNS)), gradients, named


def trajectory(optimizer, weights, gradients, named, dtype):
    """Return the weights after each step. Rows of sparse gradients are split into two unordered slices each."""
    variable = keras.Variable(weights, dtype=dtype)
    optimizer.build([variable])
    sparse = not named.all()
    step = tf.function(lambda gradient: optimizer.apply([gradient]), reduce_retracing=True)
    for gradient, rows in zip(gradients, named[..., 0], strict=True):
        rows = np.flatnonzero(rows)
        halves = np.concatenate([0.25 * gradient[rows], 0.75 * gradient[rows][::-1]])
        slices = (tf.constant(halves, dtype), tf.constant(np.concatenate([rows, rows[::-1]])), tf.shape(variable.value))
        step(tf.IndexedSlices(*slices) if sparse else tf.constant(gradient, dtype))
        yield np.array(variable)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("scheduled", [False, True], ids=["constant", "scheduled"])
@pytest.mark.parametrize(("name", "reference", "options"), CASES)
def test_matches_numpy(name, reference, options, scheduled, sparse, dtype):
    """Test with weight decay, with constant hyperparameters and, where supported, with schedules."""
    first = 0.9 if name == "ConditionalGradient" else 0.03
    rates, decays = np.full(STEPS, first), np.full(STEPS, 0.02)
    given = {"learning_rate": first, "weight_decay": 0.02}
    if scheduled:
        rates = first * 0.5 ** (np.arange(STEPS) / 10)
        given["learning_rate"] = keras.optimizers.schedules.ExponentialDecay(first, 10, 0.5)
        if name in ("AdaBelief", "LAMB", "LazyAdam", "NovoGrad", "RectifiedAdam", "SGDW"):
            decays = 0.02 / (1 + np.arange(STEPS) / 5)
            given["weight_decay"] = keras.optimizers.schedules.InverseTimeDecay(0.02, 5, 1.0)
    weights, gradients, named = problem(sparse)
    optimizer = getattr(optimizers, name)(**given, **options)
    expected = reference(weights, zip(gradients, named, rates, decays, strict=True), **options)
    found = trajectory(optimizer, weights, gradients, named, dtype)
    # Keras stores rates and steps in float32, and the square roots of small sums in Adam have similar errors.
    tolerance = 2e-5 if dtype == "float32" else 2e-6
    np.testing.assert_allclose(list(found), list(expected), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("alpha", [100, 2])
def test_cocob_matches_numpy(alpha, sparse):
    weights, gradients, named = problem(sparse)
    expected = cocob(weights, zip(gradients, named, [None] * STEPS, [None] * STEPS, strict=True), alpha)
    found = trajectory(optimizers.COCOB(alpha), weights, gradients, named, "float64")
    np.testing.assert_allclose(list(found), list(expected), rtol=1e-7, atol=1e-7)
