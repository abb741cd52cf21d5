"""Tests of the optimizers without kernels against equivalents in Keras and PyTorch."""

import importlib.util
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import optimizers
from tensorsmith.optimizers import extend_with_decoupled_weight_decay

STEPS = 50
SHAPES = {"kernel": (5, 3), "bias": (4,)}
MOMENTS = {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-5}
CLIPPED = {"global_clipnorm": 1.0}


def variables_for(optimizer):
    rng = np.random.default_rng(5)
    variables = [keras.Variable(rng.normal(size=shape), dtype="float32", name=name) for name, shape in SHAPES.items()]
    optimizer.build(variables)
    return variables


def train(optimizer, variables, steps=STEPS):
    """Return all variables after several steps."""
    rng = np.random.default_rng(6)
    step = tf.function(optimizer.apply)
    for _ in range(steps):
        step([tf.constant(rng.normal(size=variable.shape) + 0.5, tf.float32) for variable in variables])
    return [np.array(each) for each in (*variables, *optimizer.variables)]


def expect_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def decoupled(base, weight_decay, learning_rate, **options):
    """Return the extended optimizer and the Keras optimizer, whose decay is multiplied by the learning rate."""
    make = optimizers.SGDW if base is keras.optimizers.SGD else extend_with_decoupled_weight_decay(base)
    ours = make(weight_decay=weight_decay, learning_rate=learning_rate, **options)
    return ours, base(weight_decay=weight_decay / learning_rate, learning_rate=learning_rate, **options)


@pytest.mark.parametrize(
    "pair",
    [
        lambda: (optimizers.LazyAdam(**MOMENTS), keras.optimizers.Adam(**MOMENTS)),
        lambda: (optimizers.LazyAdam(amsgrad=True, **CLIPPED), keras.optimizers.Adam(amsgrad=True, **CLIPPED)),
        lambda: (optimizers.LazyAdam(weight_decay=0.1), keras.optimizers.AdamW(weight_decay=0.1)),
        lambda: (optimizers.LAMB(**MOMENTS), keras.optimizers.Lamb(**MOMENTS)),
        lambda: decoupled(keras.optimizers.SGD, 0.01, 0.05),
        lambda: decoupled(keras.optimizers.SGD, 0.01, 0.05, momentum=0.9, **CLIPPED),
        lambda: decoupled(keras.optimizers.SGD, 0.01, 0.05, momentum=0.9, nesterov=True),
        lambda: decoupled(keras.optimizers.Adam, 0.01, 0.05, amsgrad=True),
        lambda: decoupled(keras.optimizers.RMSprop, 0.01, 0.05, momentum=0.5),
        lambda: decoupled(keras.optimizers.Nadam, 0.01, 0.05, clipnorm=1.0),
        lambda: decoupled(optimizers.SGD, 0.01, 0.05, momentum=0.9),
    ],
)
def test_matches_keras(pair):
    """The state variables are the same, too."""
    expect_same(*[train(each, variables_for(each)) for each in pair()])


@pytest.mark.parametrize("amsgrad", [False, True])
def test_lazy_adam_state_is_compatible_with_adam(amsgrad):
    kinds = [optimizers.LazyAdam, keras.optimizers.Adam]
    for first, second in (kinds, kinds[::-1]):
        one, other = first(amsgrad=amsgrad, name="same"), second(amsgrad=amsgrad, name="same")
        ones, others = variables_for(one), variables_for(other)
        assert [variable.path for variable in one.variables] == [variable.path for variable in other.variables]
        train(one, ones, 3)
        store = {}
        one.save_own_variables(store)
        other.load_own_variables(store)
        for variable, value in zip(others, ones, strict=True):
            variable.assign(value)
        expect_same(train(one, ones, 3), train(other, others, 3))


PYTORCH = """
import sys
import numpy as np, torch
given = np.load(sys.argv[1])
options = dict(lr=0.05, betas=(0.8, 0.95), eps=1e-12, weight_decay=float(given["decay"]), decoupled_weight_decay=True)
weights = torch.nn.Parameter(torch.from_numpy(given["weights"]))
optimizer = torch.optim.RAdam([weights], **options)
trajectory = []
for gradient in given["gradients"]:
    weights.grad = torch.from_numpy(gradient)
    optimizer.step()
    trajectory.append(weights.detach().numpy().copy())
np.save(sys.argv[2], trajectory)
"""


AVERAGES = """
import sys
import numpy as np, torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
given = np.load(sys.argv[1])
model = torch.nn.Linear(5, 3, bias=False, dtype=torch.float64)
with torch.no_grad():
    model.weight.copy_(torch.from_numpy(given["weights"]).T)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
moving, plain = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9)), AveragedModel(model)
moving.update_parameters(model)
for step, gradient in enumerate(given["gradients"]):
    model.weight.grad = torch.from_numpy(gradient).T.contiguous()
    optimizer.step()
    moving.update_parameters(model)
    if step >= 10 and (step - 10) % 4 == 0:
        plain.update_parameters(model)
np.save(sys.argv[2], [each.module.weight.detach().numpy().T for each in (moving, plain)])
"""
with_pytorch = pytest.mark.skipif(
    not importlib.util.find_spec("torch"), reason="PyTorch is not here, which `make bench` installs"
)


def pytorch(script, folder, **given):
    """Return the result of a script, run in a separate process because PyTorch and TensorFlow may conflict."""
    np.savez(folder / "given.npz", **given)
    command = [sys.executable, "-c", script, folder / "given.npz", folder / "made.npy"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return np.load(folder / "made.npy")


@with_pytorch
def test_averages_match_pytorch(tmp_path):
    rng = np.random.default_rng(5)
    weights, gradients = rng.normal(size=(5, 3)), rng.normal(size=(STEPS, 5, 3)) + 0.5
    expected = pytorch(AVERAGES, tmp_path, weights=weights, gradients=gradients)
    found = []
    for make, options in (
        (optimizers.MovingAverage, {"average_decay": 0.9}),
        (optimizers.SWA, {"start_averaging": 10, "average_period": 4}),
    ):
        optimizer, variable = make(keras.optimizers.SGD(0.05), **options), keras.Variable(weights, dtype="float64")
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [variable])
        optimizer.assign_average_vars([variable])
        found.append(np.array(variable))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@with_pytorch
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_rectified_adam_matches_pytorch(decay, tmp_path):
    """Epsilon is 0, because PyTorch adds it in a different step of the formula."""
    rng = np.random.default_rng(5)
    weights, gradients = rng.normal(size=(5, 3)), rng.normal(size=(STEPS, 5, 3)) + 0.5
    expected = pytorch(PYTORCH, tmp_path, weights=weights, gradients=gradients, decay=decay)
    variable = keras.Variable(weights, dtype="float64")
    optimizer = optimizers.RectifiedAdam(0.05, 0.8, 0.95, 1e-12, weight_decay=decay)
    found = []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
        found.append(np.array(variable))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
