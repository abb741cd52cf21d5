"""Tests that invalid data raise errors before any change, with the name of the column or batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer


@pytest.fixture(scope="module")
def trainer():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    return Trainer(model, "sgd", "sparse_categorical_crossentropy", jit=False)


@pytest.mark.parametrize("weights", [{}, {-1: 1.0}, {"a": 1.0}, "balanced", {0: np.nan}, {0: -1.0}, {0: None}])
@pytest.mark.parametrize("stream", [False, True])
def test_invalid_class_weights(trainer, weights, stream):
    data = (tf.data.Dataset.from_tensor_slices(good()).batch(8),) if stream else good()
    with raises_argument_error("class_weight", expected="a non-empty dict that maps class indices"):
        trainer.fit(*data, class_weight=weights)


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 2.5), ("epochs", "3"), ("batch_size", 2.5), ("batch_size", "8"), ("steps_per_epoch", 2.5)],
)
def test_invalid_integer_arguments(trainer, name, value):
    with raises_argument_error(name, received=f"{value!r}"):
        trainer.fit(*good(), **{name: value})


def test_unknown_target_name():
    x = keras.Input((4,))
    model = keras.Model(x, {"price": keras.layers.Dense(1)(x), "age": keras.layers.Dense(1)(x)})
    trainer = Trainer(model, "sgd", {"price": "mse", "age": "mse"}, jit=False)
    with raises_argument_error("y", received="'prize'", expected="a dict of targets", remedy="Did you mean price"):
        trainer.fit(np.zeros((8, 4)), {"prize": np.zeros((8, 1)), "age": np.zeros((8, 1))})


def test_evaluate_with_non_finite_loss():
    """Tests that a non-finite loss ends training, but not evaluation."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    trainer = Trainer(model, keras.optimizers.SGD(0.0), "mean_squared_error", metrics=["mae"], jit=False)
    x = np.array([[1e30], *[[1.0]] * 69], "float32")  # the first squared error is infinite
    stream = tf.data.Dataset.from_tensor_slices((x, np.zeros_like(x))).batch(10)
    unknown = stream.filter(lambda x, y: True)
    expected = np.abs(x.astype("float64")).mean()
    for data in (stream, unknown):
        assert trainer.evaluate(data)["mae"] == pytest.approx(expected, rel=1e-5)


def good():
    return np.zeros((40, 4), "float32"), np.zeros(40, "int64")


def with_value(array, position, value):
    array[position] = value
    return array


CASES = [
    ((lambda x, y: (with_value(x, (7, 2), np.nan), y)), r"x must .*got nan at row 7, column 2 \(1 such values\)"),
    ((lambda x, y: (with_value(x, (7, 2), np.inf), y)), r"x must .*got inf at row 7, column 2"),
    ((lambda x, y: (x, with_value(y, 5, 3))), r"y must .*0 to 2.*got label 3 at row 5"),
    ((lambda x, y: (x, with_value(y, 5, -1))), r"y must .*got label -1 at row 5"),
    ((lambda x, y: (x, y[:30])), "y must have 40 examples to match `x`"),
    ((lambda x, y: (x[:, :3], y)), r"x must have shape \(examples, 4\)"),
    ((lambda x, y: (x[:0], y[:0])), r"x must contain at least one example, got no examples"),
    ((lambda x, y: (x.astype(str), y)), r"x must .*got dtype"),
]


@pytest.mark.parametrize(("spoil", "message"), CASES)
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_arrays(trainer, spoil, message, method):
    before = [w.copy() for w in trainer.model.get_weights()]
    with pytest.raises(ValueError, match=message):
        getattr(trainer, method)(*spoil(*good()))
    for ours, theirs in zip(trainer.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("spoil", "message"), [case for case in CASES if "40 examples" not in case[1]][:4])
def test_first_batch_of_a_dataset(trainer, spoil, message):
    dataset = tf.data.Dataset.from_tensor_slices(spoil(*good())).batch(8)
    with pytest.raises(ValueError, match=message.replace("at row", "at batch 0, row")):
        trainer.fit(dataset)


def test_empty_and_unbatched_datasets(trainer):
    dataset = tf.data.Dataset.from_tensor_slices(good())
    with pytest.raises(ValueError, match="an empty dataset"):
        trainer.fit(dataset.batch(8).filter(lambda x, y: False))
    with raises_argument_error("y", expected="contain batches", remedy="call `dataset.batch(32)`"):
        trainer.fit(dataset)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"jit": "yes"}, "jit"), ({"steps_per_loop": 0}, "steps_per_loop"), ({"optimizer": None}, "optimizer")],
)
def test_constructor(arguments, name):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with raises_argument_error(name):
        Trainer(model, **{"optimizer": "sgd", "loss": "mse", **arguments})


@pytest.fixture(scope="module")
def two_outputs():
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(10, name="z")(inputs), keras.layers.Dense(2, name="a")(inputs)]
    loss = dict.fromkeys("za", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return Trainer(keras.Model(inputs, outputs), "sgd", loss, jit=False)


def test_targets_by_name(two_outputs):
    x, y = good()
    two_outputs.fit(x, {"z": y + 9, "a": y + 1}, verbose=False)
    with raises_argument_error("y['a']", received="label 2", expected="from 0 to 1"):
        two_outputs.fit(x, {"z": y, "a": y + 2}, verbose=False)


def test_targets_with_broadcastable_shape():
    trainer = Trainer(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), "sgd", "mse", jit=False)
    with raises_argument_error("y", received="shape (40, 3)", expected="have shape (examples, 1)"):
        trainer.fit(np.zeros((40, 4)), np.zeros((40, 3)))


def segmenter(side, classes=3, loss="sparse_categorical_crossentropy"):
    """Returns the trainer of a network that halves and doubles the size of images."""
    layers = keras.layers.Conv2D(2, 3, 2, "same"), keras.layers.Conv2DTranspose(classes, 3, 2, "same")
    model = keras.Sequential([keras.Input((side, side, 1)), *layers, keras.layers.Activation("sigmoid")])
    return Trainer(model, "sgd", loss, jit=False)


def masks(*shape):
    return np.zeros((6, 8, 8, 1), "float32"), np.zeros((6, *shape), "int32")


SPARSE = keras.losses.SparseCategoricalCrossentropy(ignore_class=2)


@pytest.mark.parametrize("side", [8, None])
@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 16), (8, 4)])
@pytest.mark.parametrize(
    ("classes", "loss"), [(3, "sparse_categorical_crossentropy"), (3, SPARSE), (1, "binary_crossentropy")]
)
def test_masks_of_another_size(side, shape, classes, loss):
    trainer, data = segmenter(side, classes, loss), masks(*shape)
    expected = "have shape (examples, 8, 8" + (", 1)" if classes == 1 else ")")
    remedy = "resize the masks to 8x8 pixels with nearest-neighbor interpolation"
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(2)
    with raises_argument_error("y", received=f"shape {data[1].shape}", expected=expected, remedy=remedy):
        trainer.fit(*data)
    with raises_argument_error("y", received=f"shape {(2, *shape)}", expected=expected, remedy=remedy):
        trainer.fit(dataset)
    with raises_argument_error("y", received=f"shape {data[1].shape}", expected=expected, remedy=remedy):
        trainer.evaluate(*data)
    with raises_argument_error("y", received=f"shape {(2, *shape)}", expected=expected, remedy=remedy):
        trainer.fit(*masks(8, 8), validation_data=dataset)


@pytest.mark.parametrize("side", [8, None])
@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
@pytest.mark.parametrize(("classes", "loss"), [(3, "sparse_categorical_crossentropy"), (1, "binary_crossentropy")])
def test_masks_of_the_same_size(side, shape, classes, loss):
    data = masks(*shape)
    trainer = segmenter(side, classes, loss)
    trainer.fit(*data, verbose=False)
    trainer.fit(tf.data.Dataset.from_tensor_slices(data).batch(2), verbose=False)


def test_one_hot_targets_of_sparse_loss(trainer):
    remedy = "use the loss `categorical_crossentropy` for one-hot targets"
    with raises_argument_error("y", received="shape (40, 3)", expected="have shape (examples,)", remedy=remedy):
        trainer.fit(good()[0], np.eye(3)[good()[1]])
    trainer.fit(good()[0], good()[1][:, None], verbose=False)


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 1, 1)])
def test_shapes_of_sequences_that_keras_accepts(shape):
    """Tests that data are rejected only if Keras rejects them as well."""
    model = keras.Sequential([keras.Input((None, 4)), keras.layers.Dense(3, "softmax")])
    trainer = Trainer(model, "sgd", "sparse_categorical_crossentropy", jit=False)
    x, y = np.zeros((6, 5, 4), "float32"), np.zeros((6, *shape), "int32")
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(model.evaluate(x, y, verbose=0))
    assert np.isfinite(trainer.evaluate(x, y)["loss"])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("column", [False, True])
def test_class_weights_multiply_sample_weights(stream, column):
    """Tests class weights against manually multiplied weights. Class 2 is not in the mapping."""
    rng = np.random.default_rng(0)
    x, y, w = rng.random((40, 4), "float32"), rng.integers(0, 3, 40), rng.random(40, "float32")
    losses = []
    for folded in (False, True):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
        trainer = Trainer(model, "sgd", "sparse_categorical_crossentropy", jit=False)
        weights = w * np.array([2.0, 0.5, 1.0])[y] if folded else w[:, None] if column else w
        class_weight = None if folded else {0: 2.0, 1: 0.5}
        if stream:
            data = tf.data.Dataset.from_tensor_slices((x, y, weights.astype("float32"))).batch(8)
            history = trainer.fit(data, class_weight=class_weight, verbose=False)
        else:
            fit = dict(sample_weight=weights, class_weight=class_weight, batch_size=8, shuffle=False)
            history = trainer.fit(x, y, verbose=False, **fit)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_lists_and_invalid_labels_in_later_batches(trainer):
    x, y = good()
    with raises_argument_error("x[0][0]", expected="an array", remedy="convert lists of numbers with `np.asarray`"):
        trainer.fit(x.tolist(), y.tolist())
    y[35] = 7
    with pytest.raises(ValueError, match=r"label value of 7 .*epoch 1, steps"):
        trainer.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(8), verbose=False)


def test_loss_of_compiled_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    with raises_argument_error("loss", received="'mae'", expected="None if `optimizer` is None"):
        Trainer(model, loss="mae")
