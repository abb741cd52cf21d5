"""Facts about dense networks: sizes, symmetry, initialization, clipping, momentum and embeddings.

A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019, chapters 10 to 13.
Expected values are printed there, or computed by hand.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

Dense, BatchNormalization = keras.layers.Dense, keras.layers.BatchNormalization
SGD = keras.optimizers.SGD


def network(inputs, *layers):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((inputs,)), *layers])


def count(weights):
    return sum(np.prod(weight.shape) for weight in weights)


def test_parameters_of_a_network_for_images_of_28x28_pixels():
    model = network(784, Dense(300, "relu"), Dense(100, "relu"), Dense(10, "softmax"))
    assert [layer.count_params() for layer in model.layers] == [784 * 300 + 300, 300 * 100 + 100, 100 * 10 + 10]
    assert [layer.count_params() for layer in model.layers] == [235_500, 30_100, 1_010]
    assert model.count_params() == 266_610


def test_batch_normalization_has_four_parameters_per_input_and_trains_two_of_them():
    hidden = [BatchNormalization(), Dense(300, "elu"), BatchNormalization(), Dense(100, "elu"), BatchNormalization()]
    model = network(784, *hidden, Dense(10, "softmax"))
    assert [layer.count_params() for layer in model.layers[::2]] == [4 * 784, 4 * 300, 4 * 100]
    assert model.count_params() == 271_346
    assert count(model.trainable_weights) == 268_978
    assert count(model.non_trainable_weights) == (4 * 784 + 4 * 300 + 4 * 100) / 2 == 2_368


def test_batch_normalization_before_the_activation_replaces_the_bias():
    first, second = (
        [Dense(units, use_bias=False), BatchNormalization(), keras.layers.Activation("elu")] for units in (300, 100)
    )
    model = network(784, BatchNormalization(), *first, *second, Dense(10, "softmax"))
    assert model.count_params() == 271_346 - 300 - 100 == 270_946


def test_parameters_of_a_shallow_and_a_deep_network():
    assert network(8, Dense(30), Dense(1)).count_params() == 301
    assert network(32 * 32 * 3, *(Dense(100) for _ in range(20)), Dense(10)).count_params() == 500_210


def test_shapes_in_a_network_of_10_inputs_50_hidden_units_and_3_outputs():
    model = network(10, Dense(50, "relu"), Dense(3, "relu"))
    hidden_kernel, hidden_bias, kernel, bias = model.get_weights()
    assert [hidden_kernel.shape, hidden_bias.shape, kernel.shape, bias.shape] == [(10, 50), (50,), (50, 3), (3,)]
    x = np.random.default_rng(0).normal(size=(7, 10)).astype("float32")
    y = np.maximum(np.maximum(x @ hidden_kernel + hidden_bias, 0) @ kernel + bias, 0)
    np.testing.assert_allclose(model(x), y, rtol=1e-5, atol=1e-6)
    assert y.shape == (7, 3)


def test_linear_layers_compose_to_a_linear_layer():
    """Tests that f(x) = 2x + 3 after g(x) = 5x - 1 is 10x + 1."""
    model = network(1, Dense(1), Dense(1))
    model.set_weights([np.array([[5.0]]), np.array([-1.0]), np.array([[2.0]]), np.array([3.0])])
    x = np.linspace(-2, 2, 9)[:, None]
    np.testing.assert_allclose(model(x), 10 * x + 1, rtol=1e-6)


def test_tanh_is_a_scaled_and_shifted_sigmoid():
    z = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(
        keras.activations.tanh(z), 2 * keras.activations.sigmoid(2 * z) - 1, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("initializer", ["zeros", "ones", keras.initializers.Constant(0.3)])
def test_units_with_equal_initial_weights_remain_equal(initializer):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)), rng.normal(size=(64, 1))
    model = network(3, Dense(5, "tanh", kernel_initializer=initializer), Dense(1, kernel_initializer=initializer))
    model.compile(SGD(0.1), "mean_squared_error")
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    kernel, bias, output_kernel, output_bias = model.get_weights()
    assert abs(output_bias[0]) > 0.001  # the network has been trained
    np.testing.assert_allclose(kernel, np.repeat(kernel[:, :1], 5, axis=1), rtol=1e-6)
    np.testing.assert_allclose(bias, bias[:1].repeat(5), rtol=1e-6)
    np.testing.assert_allclose(output_kernel, output_kernel[:1].repeat(5, axis=0), rtol=1e-6)


FAN_IN, FAN_OUT = 400, 200


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [("glorot", 2 / (FAN_IN + FAN_OUT)), ("he", 2 / FAN_IN), ("lecun", 1 / FAN_IN)],
)
def test_variances_of_initializers(initializer, variance):
    """Tests the variances, and that values are bounded: uniform, or normal and truncated at 2 standard deviations."""
    uniform, normal = (
        np.asarray(keras.initializers.get({"class_name": f"{initializer}_{kind}", "config": {"seed": 1}})((400, 200)))
        for kind in ("uniform", "normal")
    )
    np.testing.assert_allclose([uniform.var(), normal.var()], variance, rtol=0.02)
    assert 0.999 < abs(uniform).max() / np.sqrt(3 * variance) < 1 + 1e-6
    # Truncation reduces the standard deviation by the factor 0.8796, for which Keras corrects.
    assert 0.99 < abs(normal).max() / (2 * np.sqrt(variance) / 0.8796) < 1 + 1e-4


def test_he_initialization_with_the_mean_of_the_fans():
    initializer = keras.initializers.VarianceScaling(2.0, mode="fan_avg", distribution="uniform", seed=1)
    np.testing.assert_allclose(np.var(initializer((FAN_IN, FAN_OUT))), 2 / ((FAN_IN + FAN_OUT) / 2), rtol=0.02)


GRADIENT = [0.9, 100.0]


def step(optimizer, gradients):
    """Returns the gradients that an optimizer with a learning rate of 1 subtracts."""
    variables = [keras.Variable(np.zeros_like(gradient)) for gradient in gradients]
    optimizer.apply([tf.constant(gradient) for gradient in gradients], variables)
    return [-variable.numpy() for variable in variables]


def test_clipping_by_value_changes_the_direction_of_a_gradient():
    (clipped,) = step(SGD(1.0, clipvalue=1.0), [np.float32(GRADIENT)])
    np.testing.assert_allclose(clipped, [0.9, 1.0])


@pytest.mark.parametrize("argument", ["clipnorm", "global_clipnorm"])
def test_clipping_by_norm_preserves_the_direction_of_a_gradient(argument):
    (clipped,) = step(SGD(1.0, **{argument: 1.0}), [np.float32(GRADIENT)])
    np.testing.assert_allclose(clipped, [0.00899964, 0.9999595], rtol=1e-6)
    np.testing.assert_allclose(clipped[0] / clipped[1], 0.9 / 100, rtol=1e-6)


def test_clipnorm_applies_to_each_variable_and_global_clipnorm_to_all():
    gradients = [np.float32([value]) for value in GRADIENT]
    np.testing.assert_allclose(step(SGD(1.0, clipnorm=1.0), gradients), [[0.9], [1.0]], rtol=1e-6)
    np.testing.assert_allclose(step(SGD(1.0, global_clipnorm=1.0), gradients), [[0.00899964], [0.9999595]], rtol=1e-6)


def test_momentum_of_0_9_reaches_ten_times_the_speed():
    """Tests the terminal velocity for a constant gradient, which is the step without momentum / (1 - momentum)."""
    weight, optimizer = keras.Variable(0.0), SGD(0.01, momentum=0.9)
    position = []
    for _ in range(200):
        optimizer.apply([tf.constant(1.0)], [weight])
        position.append(float(weight))
    velocity = -np.diff([0, *position]) / 0.01
    np.testing.assert_allclose(velocity[:3], [1, 1.9, 2.71], rtol=1e-5)
    np.testing.assert_allclose(velocity[-1], 10, rtol=1e-3)


def test_loss_is_the_weighted_metric_times_the_mean_weight():
    """Tests that a loss is divided by the number of examples, and a weighted metric by the sum of their weights."""
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(100, 8)), rng.normal(size=(100, 1)), rng.uniform(size=100)
    metric = keras.metrics.MeanMetricWrapper(keras.losses.huber, name="huber")
    model = network(8, Dense(1))
    model.compile("sgd", keras.losses.Huber(), weighted_metrics=[metric])
    scores = model.evaluate(x, y, sample_weight=weights, batch_size=100, verbose=0, return_dict=True)
    np.testing.assert_allclose(scores["loss"], scores["huber"] * weights.mean(), rtol=1e-5)


# One row for each of five categories and two buckets of unknown categories. The last row is not printed in the book,
# whose matrix has one row too few.
EMBEDDINGS = np.float32(
    [
        [0.6645621, 0.44100678],
        [0.3528825, 0.46448255],
        [0.03366041, 0.68467236],
        [0.74011743, 0.8724445],
        [0.22632635, 0.22319686],
        [0.3103881, 0.7223358],
        [0.5, 0.5],
    ]
)
CATEGORIES = np.array([3, 5, 1, 1])  # near the bay, unknown, inland, inland


def test_embedding_looks_up_rows_of_its_matrix():
    layer = keras.layers.Embedding(7, 2)
    layer.build()
    layer.set_weights([EMBEDDINGS])
    rows = [[0.74011743, 0.8724445], [0.3103881, 0.7223358], [0.3528825, 0.46448255], [0.3528825, 0.46448255]]
    np.testing.assert_array_equal(layer(CATEGORIES), np.float32(rows))
    np.testing.assert_array_equal(tf.nn.embedding_lookup(EMBEDDINGS, CATEGORIES), np.float32(rows))


def test_embedding_equals_a_dense_layer_without_bias_on_one_hot_vectors():
    embedding, dense = keras.layers.Embedding(20, 10), Dense(10, use_bias=False)
    categories = np.random.default_rng(0).integers(0, 20, size=50)
    one_hot = keras.ops.one_hot(categories, 20)
    dense.build((None, 20))
    embedding.build()
    embedding.set_weights(dense.get_weights())
    np.testing.assert_allclose(dense(one_hot), embedding(categories), rtol=1e-6)
    # For a bag of words, the dense layer returns the sum of the embeddings.
    counts, total = keras.ops.sum(one_hot, axis=0), keras.ops.sum(embedding(categories), axis=0)
    np.testing.assert_allclose(dense(counts[None])[0], total, rtol=1e-4, atol=1e-5)
