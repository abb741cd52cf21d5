"""Folded batch normalization and dense layers turned to convolutions compute what the models did."""

import keras
import numpy as np
import pytest

from tensorsmith.layers import fold_batch_normalization, to_convolutional

RNG = np.random.default_rng(0)
LAYERS = keras.layers


def scrambled(model):
    for weight in model.weights:
        weight.assign(RNG.uniform(0.2, 1.0, weight.shape))
    return model


def normalization(**options):
    return LAYERS.BatchNormalization(epsilon=0.01, **options)


def pictures(size=3, height=8, width=9):
    return RNG.normal(size=(size, height, width, 2)).astype("float32")


def kinds(model):
    return [type(layer).__name__ for layer in model.layers if not isinstance(layer, LAYERS.InputLayer)]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (LAYERS.Dense(4), (5,)),
        (LAYERS.Dense(4, use_bias=False), (3, 5)),
        (LAYERS.Conv1D(4, 3, use_bias=False), (7, 2)),
        (LAYERS.Conv2D(4, 3, padding="same", strides=2), (8, 9, 2)),
        (LAYERS.Conv2D(4, 3, groups=2, use_bias=False), (8, 9, 2)),
        (LAYERS.Conv3D(2, 2), (4, 4, 4, 2)),
        (LAYERS.DepthwiseConv1D(3, depth_multiplier=2), (7, 2)),
        (LAYERS.DepthwiseConv2D(3, depth_multiplier=3, use_bias=False), (8, 9, 2)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}], ids=str)
def test_one_layer_does_what_two_did(layer, shape, options):
    layer = type(layer).from_config(layer.get_config())
    model = scrambled(keras.Sequential([keras.Input(shape), layer, normalization(**options)]))
    before = [weight.numpy() for weight in model.weights]
    folded = fold_batch_normalization(model)
    assert kinds(folded) == [type(layer).__name__]
    x = RNG.normal(size=(3, *shape)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5, atol=1e-5)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_only_what_is_followed_by_nothing_else_is_folded():
    inputs = keras.Input((8, 9, 2))
    x = LAYERS.ReLU()(normalization()(LAYERS.Conv2D(4, 3, padding="same")(inputs)))  # folded
    branching = LAYERS.Conv2D(4, 1)(x)
    x = normalization()(branching) + branching  # used besides
    x = normalization()(LAYERS.Conv2D(4, 1, activation="relu")(x))  # an activation between
    x = normalization(axis=1)(LAYERS.Conv2D(4, 1)(x))  # over other axes
    shared = LAYERS.Conv2D(4, 1)
    x = normalization()(shared(x)) + normalization()(shared(x))  # called twice
    last = LAYERS.Conv2D(3, 1)(x)
    model = scrambled(keras.Model(inputs, [normalization()(last), last]))  # given out besides
    folded = fold_batch_normalization(model)
    assert kinds(model).count("BatchNormalization") == 7
    assert kinds(folded).count("BatchNormalization") == 6
    x = pictures()
    for one, other in zip(folded(x), model(x), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5)


def test_models_in_models_are_folded():
    inner = keras.Sequential([keras.Input((8, 9, 2)), LAYERS.Conv2D(2, 3, padding="same"), normalization()])
    inputs = keras.Input((8, 9, 2))
    model = scrambled(keras.Model(inputs, normalization()(LAYERS.Dense(3)(inner(inner(inputs))))))
    folded = fold_batch_normalization(model)
    assert kinds(folded) == ["Sequential", "Dense"]
    assert kinds(folded.layers[1]) == ["Conv2D"]
    x = pictures()
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5)


def test_a_layer_that_another_model_uses_too_is_not_folded():
    shared = LAYERS.Dense(2)
    inner = keras.Sequential([keras.Input((2,)), shared])
    inputs = keras.Input((2,))
    model = scrambled(keras.Model(inputs, inner(normalization()(shared(inputs)))))
    folded = fold_batch_normalization(model)
    x = RNG.normal(size=(3, 2)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5)


def test_batch_normalization_that_always_trains_stays():
    inner = keras.Sequential([keras.Input((3,)), LAYERS.Dense(3), normalization()])
    inputs = keras.Input((5,))
    x = normalization()(LAYERS.Dense(3)(inputs), training=True)
    x = inner(x, training=True)
    model = scrambled(keras.Model(inputs, normalization()(LAYERS.Dense(3)(x), training=False)))
    folded = fold_batch_normalization(model)
    assert kinds(folded) == ["Dense", "BatchNormalization", "Sequential", "Dense"]
    assert kinds(folded.layers[3]) == ["Dense", "BatchNormalization"]
    x = RNG.normal(size=(8, 5)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5, atol=1e-5)


def test_batch_normalization_behind_lora_stays():
    dense = LAYERS.Dense(3)
    model = keras.Sequential([keras.Input((5,)), dense, normalization()])
    dense.enable_lora(2)
    folded = fold_batch_normalization(scrambled(model))
    assert kinds(folded) == ["Dense", "BatchNormalization"]
    x = RNG.normal(size=(3, 5)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5)


def classifier(flatten=True):
    """Of pictures of 12 by 14, without padding."""
    inner = keras.Sequential([keras.Input((12, 14, 2)), LAYERS.Conv2D(3, 3, activation="relu"), LAYERS.MaxPool2D(2)])
    x = inputs = keras.Input((12, 14, 2))
    x = LAYERS.BatchNormalization()(inner(x))
    x = LAYERS.Dropout(0.5)(LAYERS.Flatten()(x)) if flatten else LAYERS.GlobalAveragePooling2D()(x)
    x = LAYERS.Dense(9, "relu", use_bias=False)(x)
    return scrambled(keras.Model(inputs, [LAYERS.Dense(4, "softplus")(x), LAYERS.Dense(1)(x)]))


@pytest.mark.parametrize("flatten", [True, False])
def test_convolutional_copies_give_a_map_of_the_models_outputs(flatten):
    model = classifier(flatten)
    copy = to_convolutional(model)
    assert not {"Dense", "Flatten", "GlobalAveragePooling2D"} & set(kinds(copy))
    small, large = pictures(height=12, width=14), pictures(height=16, width=20)
    for one, other in zip(copy(small), model(small), strict=True):
        np.testing.assert_allclose(one[:, 0, 0], other, rtol=1e-4)
    found = copy(large)
    assert found[0].shape == (3, 3, 4, 4)  # windows 2 apart: 1 + (16 - 12) / 2 and 1 + (20 - 14) / 2
    for row in range(3):
        for column in range(4):
            window = large[:, 2 * row : 2 * row + 12, 2 * column : 2 * column + 14]
            for one, other in zip(found, model(window), strict=True):
                np.testing.assert_allclose(one[:, row, column], other, rtol=1e-4)


def test_sequential_classifiers_whose_vectors_are_as_long_as_their_maps():
    """The second dense layer has as many inputs as the first, and is no window all the same."""
    layers = [LAYERS.Conv2D(2, 3), LAYERS.Flatten(), LAYERS.Dense(12), LAYERS.ReLU(), LAYERS.Dense(3)]
    model = scrambled(keras.Sequential([keras.Input((4, 5, 2)), *layers]))
    copy = to_convolutional(model)
    assert [layer.kernel_size for layer in copy.layers if isinstance(layer, LAYERS.Conv2D)] == [(3, 3), (2, 3), (1, 1)]
    x = pictures(height=4, width=5)
    np.testing.assert_allclose(copy(x)[:, 0, 0], model(x), rtol=1e-5)


def test_the_books_detector():
    """224 pixels give a map of 7 by 7, and 448 give 14 by 14, which ten windows of 7 cross at 8 by 8 places."""
    pool = LAYERS.AveragePooling2D(32)
    model = keras.Sequential([keras.Input((224, 224, 1)), pool, LAYERS.Flatten(), LAYERS.Dense(10)])
    assert to_convolutional(model).compute_output_shape((1, 448, 448, 1)) == (1, 8, 8, 10)


def test_models_without_pictures_are_refused():
    for layers, message in (
        ([keras.Input((8, 8, 1)), LAYERS.Conv2D(1, 3)], "a model with dense layers"),
        ([keras.Input((8, 2)), LAYERS.Flatten(), LAYERS.Dense(2)], "pictures"),
    ):
        with pytest.raises(ValueError, match=f"`model`: .*{message}"):
            to_convolutional(keras.Sequential(layers))


def window_by_window(model, large, rows, columns, stride=1):
    """Outputs of the model for windows of its own size, as a map."""
    height, width = model.input_shape[1:3]
    windows = [
        [large[:, top : top + height, left : left + width] for left in range(0, columns * stride, stride)]
        for top in range(0, rows * stride, stride)
    ]
    return np.stack([np.stack([model(window) for window in row], 1) for row in windows], 1)


FLATTEN, DENSE, POOL = LAYERS.Flatten, (lambda: LAYERS.Dense(4)), LAYERS.GlobalAveragePooling2D


@pytest.mark.parametrize(
    "makers",
    [
        (POOL, DENSE),
        (LAYERS.GlobalMaxPooling2D, DENSE),
        (POOL, FLATTEN, DENSE),
        (lambda: LAYERS.GlobalMaxPooling2D(keepdims=True), FLATTEN, DENSE),
        (FLATTEN, FLATTEN, DENSE, LAYERS.ReLU, FLATTEN, DENSE),
        (FLATTEN, lambda: LAYERS.Activation("tanh"), DENSE, LAYERS.BatchNormalization, LAYERS.Softmax),
        (FLATTEN, lambda: LAYERS.Dense(4, "softmax"), DENSE),
    ],
    ids=["mean", "max", "pool and flatten", "kept axes", "flatten twice", "activation", "softmax"],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_kinds_of_heads(makers, data_format):
    before = keras.config.image_data_format()
    layers = [LAYERS.Conv2D(3, 3), *(maker() for maker in makers)]
    model = scrambled(keras.Sequential([keras.Input((5, 6, 2)), *layers]))
    keras.config.set_image_data_format(data_format)  # the copy is of the model, whatever is set when it is made
    try:
        copy = to_convolutional(model)
    finally:
        keras.config.set_image_data_format(before)
    large = pictures(height=7, width=7)
    np.testing.assert_allclose(copy(large), window_by_window(model, large, 3, 2), rtol=1e-4)


def test_sums_of_flattened_maps_and_what_dense_layers_make_of_them_joined():
    inputs = keras.Input((5, 6, 2))
    first, second = (FLATTEN()(LAYERS.Conv2D(3, 3)(inputs)) for _ in range(2))
    x = LAYERS.Concatenate()([LAYERS.Dense(4)(LAYERS.Add()([first, second])), LAYERS.Dense(2)(second)])
    model = scrambled(keras.Model(inputs, LAYERS.Dense(3)(x) + 1.0))
    large = pictures(height=7, width=7)
    found, expected = to_convolutional(model)(large), window_by_window(model, large, 3, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def two_maps(join, first=FLATTEN, second=FLATTEN):
    inputs = keras.Input((8, 8, 2))
    x = join(name="culprit")([first()(LAYERS.Conv2D(2, 3)(inputs)), second()(LAYERS.Conv2D(2, 3)(inputs))])
    return keras.Model(inputs, LAYERS.Dense(3)(x))


def with_a_vector():
    inputs, vector = keras.Input((8, 8, 2)), keras.Input((5,))
    x = LAYERS.Concatenate(name="culprit")([LAYERS.Dense(3)(FLATTEN()(inputs)), vector])
    return keras.Model([inputs, vector], LAYERS.Dense(3)(x))


def after_flatten(layer):
    return keras.Sequential([keras.Input((8, 8, 2)), FLATTEN(), layer, LAYERS.Dense(3)])


def after_dense(layer):
    return keras.Sequential([keras.Input((8, 8, 2)), FLATTEN(), LAYERS.Dense(4), layer])


def nested_flatten():
    inner = keras.Sequential([keras.Input((8, 8, 2)), FLATTEN(name="culprit")])
    return keras.Sequential([keras.Input((8, 8, 2)), inner, LAYERS.Dense(3)])


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda: two_maps(LAYERS.Concatenate), "behind the dense layer"),
        (lambda: two_maps(LAYERS.Concatenate, POOL), "join what dense layers make"),
        (with_a_vector, "join what dense layers make"),
        (lambda: after_flatten(LAYERS.BatchNormalization(name="culprit")), "before Flatten, or behind"),
        (lambda: after_flatten(LAYERS.Activation("softmax", name="culprit")), "before Flatten, or behind"),
        (lambda: after_dense(LAYERS.Softmax(axis=1, name="culprit")), "axis=-1"),
        (lambda: after_dense(LAYERS.Reshape((2, 2), name="culprit")), "leave it out"),
        (nested_flatten, "in the same model"),
        (lambda: after_dense(keras.Sequential([LAYERS.Dense(2)], name="culprit")), "into the model itself"),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 2)), LAYERS.Reshape((128,), name="culprit"), LAYERS.Dense(3)]),
            "by Flatten or GlobalAveragePooling2D",
        ),
    ],
    ids=[
        *("joined maps", "joined with means", "joined with other inputs", "batch normalization", "softmax of a map"),
        *("another axis", "another shape", "flattened in a nested model"),
        *("vectors in a nested model", "reshaped"),
    ],
)
def test_layers_that_would_do_something_else_to_maps_are_refused_by_name(make, remedy):
    with pytest.raises(ValueError, match=f"`model`: .*'culprit'.* Remedy: .*{remedy}"):
        to_convolutional(make())
