"""Tests of the perceptron recipes against truth tables, scikit-learn and linear algebra."""

import itertools

import numpy as np
import pytest

from tensorsmith.data import load

TABLES = {
    "a": [0, 0, 1, 1],
    "a and b": [0, 0, 0, 1],
    "a or b": [0, 1, 1, 1],
    "a and not b": [0, 0, 1, 0],
    "not b": [1, 0, 1, 0],
    "a xor b": [0, 1, 1, 0],
}
INPUTS = list(itertools.product((0, 1), repeat=2))


@pytest.mark.parametrize("gate", TABLES)
def test_truth_tables(load_recipe, gate):
    gates = load_recipe("perceptron/logic_gates")
    outputs = [gates.output_of(gates.NETWORKS[gate], a, b, threshold=2) for a, b in INPUTS]
    assert outputs == TABLES[gate]
    assert gates.NETWORKS.keys() == gates.GATES.keys() == TABLES.keys()


def test_xor_of_threshold_units(load_recipe):
    gates = load_recipe("perceptron/logic_gates")
    assert [gates.xor_of_threshold_units(a, b) for a, b in INPUTS] == TABLES["a xor b"]


@pytest.fixture(scope="module")
def petals():
    """Petal lengths and widths of all flowers, and 1 for setosa and -1 for the other species."""
    from sklearn.datasets import load_iris

    features, labels = load_iris(return_X_y=True)
    return features[:, 2:], np.where(labels == 0, 1, -1)


def shuffled_orders(count, epochs):
    """Returns the orders of the examples in scikit-learn with `random_state=0`."""
    _, seed = np.random.RandomState(0).randint([1, 0], np.iinfo(np.int32).max)  # the first one is for sampling
    order = list(range(count))
    for _ in range(epochs):
        bits = int(seed)
        for i in range(count - 1):
            # The generator of scikit-learn: xorshift (Marsaglia, 2003) with 32 bits.
            bits = (bits ^ (bits << 13)) & 0xFFFFFFFF
            bits ^= bits >> 17
            bits = (bits ^ (bits << 5)) & 0xFFFFFFFF
            j = i + bits % 2**31 % (count - i)
            order[i], order[j] = order[j], order[i]
        yield list(order)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("species", [0, 2])
def test_perceptron_has_the_weights_of_scikit_learn(load_recipe, petals, shuffle, species):
    from sklearn.datasets import load_iris
    from sklearn.linear_model import Perceptron, SGDClassifier

    features, signs = petals[0], np.where(load_iris().target == species, 1, -1)
    epochs, arguments = 7, {"max_iter": 7, "tol": None, "shuffle": shuffle, "random_state": 0}
    orders = shuffled_orders(len(signs), epochs) if shuffle else [range(len(signs))] * epochs
    weights = np.zeros(3)
    for order in orders:
        weights, _ = load_recipe("perceptron/iris").learn(weights, features, signs, order, learning_rate=1.0)
    assert np.abs(weights).min() > 0
    sgd = SGDClassifier(loss="perceptron", learning_rate="constant", eta0=1, penalty=None, **arguments)
    for model in (Perceptron(**arguments), sgd):
        model.fit(features, signs)
        np.testing.assert_allclose(weights, [*model.coef_[0], *model.intercept_], rtol=1e-12)


def test_perceptron_run(load_recipe, tmp_path):
    """The perceptron is correct on the test set and agrees with scikit-learn on a new flower."""
    from sklearn.linear_model import Perceptron

    from tensorsmith.recipes import RunRequest, launch

    metrics = launch(RunRequest("perceptron/iris", out=tmp_path / "run")).metrics
    train = load("iris")
    expected = Perceptron().fit(train.features[:, 2:], train.labels == 0).predict([[2, 0.5]])
    assert expected == [True]
    assert metrics["flower"]["perceptron"] == 1
    assert metrics["flower"]["logistic_probability"] > 0.9
    assert metrics["test"]["accuracy"] == metrics["test"]["logistic_accuracy"] == 1
    assert (tmp_path / "run" / "decision_boundary.png").stat().st_size > 0


def test_perceptron_does_not_learn_xor(load_recipe):
    """The weights return to earlier values while examples are misclassified, so that they never converge."""
    iris = load_recipe("perceptron/iris")
    scores = iris.learn_xor(epochs=100)
    assert scores["accuracy"] <= 0.75  # three of four examples is the maximum of a linear classifier
    assert scores["repetition_period"] > 0
    mistakes = iris.learn(np.zeros(3), *iris.XOR, [0, 1, 2, 3] * 100, 1.0)[1]
    assert mistakes > 100


def test_orthogonal_keys_are_recalled_exactly(load_recipe):
    from scipy.linalg import hadamard

    hebb = load_recipe("perceptron/hebb")
    keys = hebb.orthogonal_keys(4)
    np.testing.assert_array_equal(keys, hadamard(16))
    values = np.random.default_rng(0).choice([-1.0, 1.0], (16, 5))
    weights = np.zeros((5, 16))
    for key, value in zip(keys, values, strict=True):
        weights = hebb.hebbian_update(weights, key, value)
    np.testing.assert_array_equal(weights, 16 * np.linalg.solve(keys, values).T)  # the least squares solution
    np.testing.assert_array_equal(hebb.recall(weights, keys), values)


def test_crosstalk_of_random_keys(load_recipe, tmp_path):
    """The recall of random keys is that of normally distributed crosstalk, whose probability SciPy computes."""
    from scipy.stats import norm

    from tensorsmith.recipes import RunRequest, launch

    scores = launch(RunRequest("perceptron/hebb", ["--log_inputs", "6"], out=tmp_path / "run")).metrics["test"]
    assert scores["accuracy"] == 1
    assert scores["expected_random_accuracy"] == pytest.approx(norm.cdf(np.sqrt(64 / 63)))
    assert scores["random_accuracy"] == pytest.approx(scores["expected_random_accuracy"], abs=0.02)


def test_capacity_of_a_linear_associator(load_recipe):
    """Orthogonal keys have no crosstalk. Beyond the expected capacity, random keys cause errors in most cases."""
    from scipy.stats import norm

    hebb = load_recipe("perceptron/hebb")
    generator = np.random.default_rng(0)
    values = generator.choice([-1.0, 1.0], (64, 64))
    assert hebb.capacity(hebb.orthogonal_keys(6), values) == 64
    capacities = [hebb.capacity(generator.choice([-1.0, 1.0], (64, 64)), values) for _ in range(50)]
    faultless = [norm.cdf(np.sqrt(64 / (pairs - 1))) ** (pairs * 64) for pairs in range(2, 20)]
    expected = 1 + sum(probability >= 0.5 for probability in faultless)
    assert hebb.expected_capacity(64, 64) == expected
    assert abs(np.median(capacities) - expected) <= 1


def test_points_of_the_playground(load_recipe):
    playground = load_recipe("perceptron/playground")
    generator = np.random.default_rng(0)
    parts = {shape: playground.points_of(shape, 1000, generator) for shape in playground.SHAPES}
    radius = {shape: np.linalg.norm(points, axis=1) for shape, (points, _) in parts.items()}
    np.testing.assert_array_equal(parts["circle"][1], np.where(radius["circle"] < 3, 1, -1))
    np.testing.assert_array_equal(parts["xor"][1], np.sign(parts["xor"][0].prod(axis=1)))
    # Turned back by the angle that belongs to its radius, a point of the spirals lies on one of two half-lines.
    points, labels = parts["spiral"]
    angle = np.arctan2(*points.T) - radius["spiral"] / 5 * 1.75 * 2 * np.pi
    np.testing.assert_allclose(np.cos(angle), labels, atol=1e-6)
    assert np.mean(parts["gauss"][0].sum(axis=1) * parts["gauss"][1] > 0) > 0.99


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_networks_are_trained_independently(load_recipe, activation):
    """A network that is trained together with others has the weights of the same network trained by Keras alone."""
    import keras

    playground = load_recipe("perceptron/playground")
    config = playground.Config(networks=2, units=(2, 3), points=40, epochs=2)
    data = playground.build_data(config)["train"]
    trainer = playground.build_trainer(config)
    hidden, output = (trainer.model.get_layer(f"circle_{activation}_{part}") for part in ("hidden", "output"))
    alone = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation), keras.layers.Dense(1, "tanh")])
    units, network = slice(2), 1

    def weights():
        (kernel, bias), (kernel_of_output, bias_of_output) = hidden.get_weights(), output.get_weights()
        selected = kernel[:, network, units], bias[network, units]
        return [*selected, kernel_of_output[network, units, None], bias_of_output[network, None]]

    alone.set_weights(weights())
    alone.compile(keras.optimizers.SGD(config.learning_rate), lambda y, p: keras.ops.square(y - p) / 2)
    alone.fit(data[0]["circle"], data[1][activation][:, :1], 10, 2, shuffle=False, verbose=0)
    before = weights()
    trainer.fit(*data, batch_size=10, epochs=2, shuffle=False, verbose=0)
    for found, expected, old in zip(weights(), alone.get_weights(), before, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        assert np.abs(found - old).max() > 1e-3
