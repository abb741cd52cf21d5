"""Arrays of strings as inputs of models, compared with a dataset of their numbers."""

import keras
import numpy as np
import pytest

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer

WORDS = np.array(["one", "two", "three", "four"] * 8, object)
LABELS = (np.arange(32) % 4 < 2).astype("float32")


def model_of(inputs, numbers=None):
    """Returns a network of embeddings, after a layer that numbers the strings."""
    x = inputs if numbers is None else numbers(inputs)
    embedding = keras.layers.Embedding(6, 3, keras.initializers.RandomUniform(seed=0))
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")(embedding(x)))


@pytest.mark.parametrize("kind", [object, str])
def test_strings_and_their_numbers_are_equal(kind):
    lookup = keras.layers.StringLookup(vocabulary=["one", "two", "three", "four"])
    strings = model_of(keras.Input((), dtype="string"), lookup)
    numbers = model_of(keras.Input((), dtype="int64"))
    encoded = lookup(WORDS).numpy()
    results = []
    for model, x in ((strings, WORDS.astype(kind)), (numbers, encoded)):
        trainer = Trainer(model, keras.optimizers.SGD(1.0), "binary_crossentropy", jit=False)
        keras.utils.set_random_seed(0)  # of the order
        losses = trainer.fit(x, LABELS, epochs=3, batch_size=4, validation_data=(x, LABELS))
        results.append((losses.history["loss"], trainer.predict(x).tolist(), trainer.evaluate(x, LABELS)["loss"]))
    assert results[0] == results[1]
    assert results[0][0][-1] < results[0][0][0]


def test_strings_for_other_models():
    """Strings are rejected if the model takes numbers, as are missing values in an array of strings."""
    trainer = Trainer(model_of(keras.Input((), dtype="int64")), keras.optimizers.SGD(), "binary_crossentropy")
    with raises_argument_error("x", received="dtype object", expected="an array of numbers"):
        trainer.fit(WORDS, LABELS)
    lookup = keras.layers.StringLookup(vocabulary=["one"])
    model = model_of(keras.Input((), dtype="string"), lookup)
    trainer = Trainer(model, keras.optimizers.SGD(), "binary_crossentropy", jit=False)
    with raises_argument_error("x", received="dtype object"):
        trainer.fit(np.array(["one", None], object), LABELS[:2])
    with raises_argument_error("y", received="dtype object"):
        trainer.fit(WORDS, WORDS)
