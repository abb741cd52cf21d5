"""Data that cannot be trained on is refused before anything changes, with the column or batch named."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.training import Trainer


@pytest.fixture(scope="module")
def trainer():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    return Trainer(model, "sgd", "sparse_categorical_crossentropy", jit=False)


def good():
    return np.zeros((40, 4), "float32"), np.zeros(40, "int64")


def with_value(array, place, value):
    array[place] = value
    return array


CASES = [
    ((lambda x, y: (with_value(x, (7, 2), np.nan), y)), r"`x`: received nan at row 7, column 2 \(1 such values\)"),
    ((lambda x, y: (with_value(x, (7, 2), np.inf), y)), r"`x`: received inf at row 7, column 2"),
    ((lambda x, y: (x, with_value(y, 5, 3))), r"`y`: received label 3 at row 5 .*0 to 2"),
    ((lambda x, y: (x, with_value(y, 5, -1))), r"`y`: received label -1 at row 5"),
    ((lambda x, y: (x, y[:30])), r"`y`: received .*\(30,\).*expected 40 examples"),
    ((lambda x, y: (x[:, :3], y)), r"`x`: received .*shape \(40, 3\).*expected shape \(examples, 4\)"),
    ((lambda x, y: (x[:0], y[:0])), r"`x`: received no examples"),
    ((lambda x, y: (x.astype(str), y)), r"`x`: received dtype"),
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
    with pytest.raises(ValueError, match="no batches"):
        trainer.fit(dataset.batch(8).filter(lambda x, y: False))
    with pytest.raises(ValueError, match=r"expected batches. Remedy: call dataset.batch\(32\)"):
        trainer.fit(dataset)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"jit": "yes"}, "jit"), ({"steps_per_loop": 0}, "steps_per_loop"), ({"optimizer": None}, "optimizer")],
)
def test_constructor(arguments, name):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=f"`{name}`: received"):
        Trainer(model, **{"optimizer": "sgd", "loss": "mse", **arguments})
