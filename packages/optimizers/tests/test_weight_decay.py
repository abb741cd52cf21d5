"""Tests of weight decay: variables, steps, extended optimizers and argument types."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from stepping import COLUMNS, ROWS, expect_same, losses, model_with, slices, sparse_gradients, table, train

from tensorsmith import optimizers
from tensorsmith.optimizers import extend_with_decoupled_weight_decay
from tensorsmith.testing import raises_argument_error


def decaying(**options):
    """Return an optimizer whose steps only halve the weights, and variables with three paths."""
    with keras.name_scope("norm"):
        norm = keras.Variable([1.0], name="kernel")
    variables = [keras.Variable([1.0], name="kernel"), keras.Variable([1.0], name="bias"), norm]
    make = extend_with_decoupled_weight_decay(keras.optimizers.Adam)
    return make(weight_decay=0.5, learning_rate=1e-9, **options), variables


def after_step(optimizer, variables, **chosen):
    optimizer.apply_gradients([(tf.ones(1), variable) for variable in variables], **chosen)
    return [round(float(variable[0]), 3) for variable in variables]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ConditionalGradient", {"lambda_": 2.0}),
        ("ProximalAdagrad", {"l1_regularization_strength": 0.1}),
        ("Yogi", {"l2_regularization_strength": 0.1}),
    ],
)
def test_decay_of_keras_precedes_the_step(kind, options):
    """TensorFlow Addons has no weight decay in these optimizers. The decay is multiplied by the learning rate."""
    rate = keras.optimizers.schedules.ExponentialDecay(0.5, 3, 0.5)
    decayed, plain = (getattr(optimizers, kind)(rate, weight_decay=decay, **options) for decay in (0.1, None))
    ours, others = table("float64"), table("float64")
    for step, gradient in enumerate(sparse_gradients(dtype="float64")):
        others.assign(others * (1 - 0.1 * float(rate(step))))
        plain.apply([gradient], [others])
        decayed.apply([gradient], [ours])
        np.testing.assert_allclose(np.array(ours), np.array(others), rtol=1e-6)
    assert not np.isclose(np.array(ours), np.array(table()), rtol=0.01).any()  # rows without gradients decay, too


def test_exclude_from_weight_decay():
    """Variables are excluded by path patterns, or by the method of all Keras optimizers."""
    assert after_step(*decaying()) == [0.5, 0.5, 0.5]
    assert after_step(*decaying(exclude_from_weight_decay=["bias", "norm/"])) == [0.5, 1.0, 1.0]
    optimizer, variables = decaying(exclude_from_weight_decay=["norm/"])
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert after_step(optimizer, variables) == [0.5, 1.0, 1.0]


def test_decay_var_list():
    """The selection is valid for one step and overrides exclusions."""
    optimizer, variables = decaying(exclude_from_weight_decay=["bias"])
    assert after_step(optimizer, variables, decay_var_list=variables[1:2]) == [1.0, 0.5, 1.0]
    assert after_step(optimizer, variables, decay_var_list=[]) == [1.0, 0.5, 1.0]
    assert after_step(optimizer, variables) == [0.5, 0.5, 0.5]
    optimizer.apply([tf.ones(1)] * 3, variables, decay_var_list=variables[2:])
    np.testing.assert_allclose(variables, [[0.5], [0.5], [0.25]], rtol=1e-5)


@pytest.mark.parametrize("name", ["AddonsLAMB", "NovoGrad", "RectifiedAdam"])
def test_keras_exclusion_method(name):
    """Decay within the update respects the exclusion method of Keras."""
    results = []
    for decay in (0.0, 0.5):
        optimizer, variable = getattr(optimizers, name)(0.1, weight_decay=decay), table()
        optimizer.exclude_from_weight_decay(var_names=["table"])
        train(optimizer, variable, sparse_gradients(2))
        results.append(np.array(variable))
    np.testing.assert_array_equal(*results)


def test_lamb_exclusions():
    """By default, variables without decay are not adapted either, and are updated as by Adam."""

    def trained(make=optimizers.AddonsLAMB, **options):
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
    optimizers.AddonsLAMB(0.1).apply([tf.constant([0.5, -2.0, 0.0])], [zeros])  # norm 0: not adapted
    np.testing.assert_allclose(zeros, [-0.1, 0.1, 0.0], rtol=1e-4)


def test_lamb_is_loaded_under_its_former_name():
    config = keras.saving.serialize_keras_object(optimizers.AddonsLAMB(0.2))
    former = {**config, "class_name": "LAMB", "registered_name": "tensorsmith>LAMB"}
    assert keras.saving.deserialize_keras_object(former).get_config() == config["config"]


@pytest.mark.parametrize("base", [optimizers.LazyAdam, optimizers.AddonsLAMB, optimizers.Yogi, optimizers.AdamW])
def test_extended_optimizers_decay_once(base):
    """Decay is applied once, also by optimizers with their own decay, and only to the rows of a sparse gradient."""
    variable = keras.Variable(tf.ones((ROWS, COLUMNS)))
    optimizer = extend_with_decoupled_weight_decay(base)(weight_decay=0.5, learning_rate=0.1)
    optimizer.apply([slices(np.random.default_rng(4), scale=0.0)], [variable])
    np.testing.assert_array_equal(variable, np.where(np.isin(np.arange(ROWS), [1, 4])[:, None], [[0.5] * COLUMNS], 1.0))
    assert type(optimizer).from_config(optimizer.get_config()).weight_decay == 0.5


def test_extended_adam_sums_duplicate_indices():
    """Keras' Adam squares duplicate indices one by one."""
    adam = extend_with_decoupled_weight_decay(keras.optimizers.Adam)(weight_decay=0.0)
    dense = keras.optimizers.Adam()
    gradients = sparse_gradients()
    expect_same(train(adam, table(), gradients), train(dense, table(), map(tf.convert_to_tensor, gradients)))


def test_extended_classes():
    SGDs = [extend_with_decoupled_weight_decay(base) for base in (optimizers.SGD, optimizers.SGD)]
    assert SGDs[0] is SGDs[1]
    assert SGDs[0].__name__ == "SGDWithDecoupledWeightDecay"
    decaying_already = (optimizers.SGDW, extend_with_decoupled_weight_decay(keras.optimizers.Adam))
    for base in (keras.layers.Dense, keras.optimizers.Adam(), None, keras.optimizers.LossScaleOptimizer):
        with pytest.raises(
            ValueError,
            match="base_optimizer must be (a Keras optimizer class|an optimizer class without decoupled weight decay)",
        ):
            extend_with_decoupled_weight_decay(base)
    for base in decaying_already:
        with pytest.raises(ValueError, match="without decoupled weight decay"):
            extend_with_decoupled_weight_decay(base)


def test_bases_with_equal_names():
    """Saved models could not distinguish them. A redefined class replaces the previous one."""

    def define(module):
        return type("Namesake", (keras.optimizers.SGD,), {"__module__": module})

    extend_with_decoupled_weight_decay(define("one"))
    again = extend_with_decoupled_weight_decay(define("one"))
    assert keras.saving.get_registered_object("tensorsmith>NamesakeWithDecoupledWeightDecay") is again
    with raises_argument_error("base_optimizer", expected="a class for which the name"):
        extend_with_decoupled_weight_decay(define("other"))


def test_numpy_scalars(tmp_path):
    """NumPy scalars are accepted and serialized as numbers."""
    numbers = {"beta_1": np.float32(0.5), "epsilon": np.float32(1e-3), "total_steps": np.int64(10)}
    plain = {"beta_1": 0.5, "epsilon": 1e-3, "total_steps": 10}
    decay = {"weight_decay": np.float32(0.5)}
    model = model_with(optimizers.RectifiedAdam(0.02, **numbers, **decay))
    losses(model, epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    goes_on = losses(model)
    np.testing.assert_allclose(losses(loaded), goes_on, rtol=1e-5)
    results = [optimizers.RectifiedAdam(0.02, **given, weight_decay=0.5) for given in (numbers, plain)]
    expect_same(*[train(each, table(), sparse_gradients()) for each in results])


def test_tensors_as_arguments():
    """Values that are only computed during training are accepted in place of numbers."""
    for beta in (tf.constant(0.5), tf.Variable(0.5), keras.Variable(0.5)):
        optimizers.LazyAdam(beta_1=beta)
    for decay in (tf.constant(0.5), tf.Variable(0.5), keras.Variable(0.5), None):
        optimizers.SGD(weight_decay=decay)
        optimizers.LazyAdam(weight_decay=decay)


@keras.saving.register_keras_serializable("tests")
def slow_decay():
    return tf.constant(0.01)


def test_callable_weight_decay():
    """Callables are evaluated in each step, and serialized by their registered name."""
    for name in ("SGDW", "RectifiedAdam"):
        optimizer = getattr(optimizers, name)(learning_rate=0.1, weight_decay=slow_decay)
        counterpart = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
        assert counterpart.weight_decay is slow_decay
        constant = getattr(optimizers, name)(learning_rate=0.1, weight_decay=0.01)
        results = [train(each, table(), sparse_gradients()) for each in (optimizer, counterpart, constant)]
        expect_same(results[0], results[1])
        expect_same(results[0], results[2])
    radius = keras.optimizers.schedules.PolynomialDecay(2.0, 5)
    optimizer = optimizers.ConditionalGradient(0.9, radius)
    counterpart = optimizers.ConditionalGradient.from_config(optimizer.get_config())
    assert counterpart.get_config() == optimizer.get_config()
    expect_same(*[train(each, table(), sparse_gradients()) for each in (optimizer, counterpart)])


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("AdaBelief", "beta_1"),
        ("AddonsAdamW", "beta_1"),
        ("AdamW", "beta_1"),
        ("AdamW", "beta_2"),
        ("AddonsLAMB", "beta_2"),
        ("Lamb", "beta_1"),
        ("LazyAdam", "beta_1"),
        ("NovoGrad", "beta_2"),
        ("RectifiedAdam", "beta_1"),
        ("SGDW", "momentum"),
        ("Yogi", "beta2"),
    ],
)
def test_functions_as_momentum_are_rejected(name, argument):
    needed = {"weight_decay": 0.1} if name in ("AddonsAdamW", "SGDW") else {}
    with raises_argument_error(argument, expected="a number in [0, 1)", remedy="pass a `keras.Variable`"):
        getattr(optimizers, name)(**{argument: lambda: 0.9}, **needed)


@pytest.mark.parametrize("name", ["AddonsAdamW", "AddonsLAMB", "NovoGrad", "Yogi"])
def test_decay_of_keras_2_is_rejected(name):
    needed = {"weight_decay": 0.1} if name == "AddonsAdamW" else {}
    with raises_argument_error("decay", expected="omitted", remedy="pass `keras.optimizers.schedules.Inverse"):
        getattr(optimizers, name)(decay=0.1, **needed)


def test_radius_of_conditional_gradient_as_tensor():
    weights = []
    for radius in (2.0, tf.constant(2.0)):
        variable = keras.Variable([1.0, 2.0])
        optimizer = optimizers.ConditionalGradient(0.9, lambda_=radius)
        optimizer.apply([keras.ops.array([3.0, -4.0])], [variable])
        weights.append(variable.numpy())
        assert optimizer.get_config()["lambda_"] == 2.0
    np.testing.assert_array_equal(*weights)
