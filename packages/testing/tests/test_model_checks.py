"""Tests that each check of a model rejects a defect and accepts a correct model."""

import keras
import pytest
from keras import layers

from tensorsmith.testing import ConformanceError, Data, ModelRow, checks_for, run_check


def build(sides=8, classes=2, defect="", units=3):
    """Returns a small classifier of images, optionally with a defect."""
    if units < 1:
        raise ValueError(f"units must be a positive integer, got {units}.")
    inputs = x = keras.Input((sides, sides, 1))
    x = layers.Conv2D(units, 3, padding="same", activation="relu")(x)
    if defect == "constant":
        x = keras.ops.zeros_like(x) + keras.ops.stop_gradient(x)
    if defect == "overflow":
        x = 1e38 * x
    if defect == "unsaved":
        x = Unsaved(3.0)(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(classes)(x)
    return keras.Model(inputs, Ascent()(outputs) if defect == "ascent" else outputs)


class Ascent(keras.layers.Layer):
    """Identity, whose gradients have the wrong sign."""

    def call(self, x):
        return 2 * keras.ops.stop_gradient(x) - x


@keras.saving.register_keras_serializable("kit")
class Unsaved(keras.layers.Layer):
    """Factor that the config does not contain."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return {"name": self.name}


def vague(sides=8):
    """Returns a model whose error for other sizes does not say what is wrong."""
    model = build(sides)

    class Vague(keras.Model):
        def call(self, x):
            if x.shape[1] not in (None, sides):
                raise ValueError("incompatible shapes")
            return model(x)

    return Vague()


def row(defect="", **options):
    return ModelRow(build, kwargs={"defect": defect}, inputs=Data((8, 8, 1)), **options)


COUNT = 3 * (9 + 1) + 2 * (3 + 1)
CORRECT = {
    "bad": [({"units": 0}, "a positive integer")],
    "counts": [({}, COUNT), ({"classes": 5}, COUNT + 3 * 4)],
    "another_size": {"sides": None},
}


def test_correct_model():
    model = row(**CORRECT)
    names = checks_for(model)
    assert set(names) == {
        "bad_arguments",
        "save_and_load",
        "mixed_bfloat16",
        "savedmodel_export",
        "training_step",
        "image_sizes",
        "parameter_counts",
    }
    for name in names:
        run_check(model, name)


def test_model_that_refuses_other_sizes():
    run_check(row(), "image_sizes")


@pytest.mark.parametrize(
    ("model", "check", "message"),
    [
        (
            row(counts=[({"classes": 5}, COUNT)]),
            "parameter_counts",
            "build(classes=5) has 50 trainable parameters, expected 38",
        ),
        (row("constant"), "training_step", "the weights conv2d.* have no gradient"),
        (row("ascent"), "training_step", "a small step along the gradient changes the loss"),
        (row("overflow"), "training_step", "is not finite"),
        (row("unsaved"), "save_and_load", "the original and the loaded one differ"),
        (row(another_size={"sides": 8}), "image_sizes", "incompatible"),
        (
            ModelRow(vague, inputs=Data((8, 8, 1))),
            "image_sizes",
            "the error for another size does not name it",
        ),
        (
            ModelRow(build, kwargs={"sides": None}, inputs=Data((8, 8, 1))),
            "image_sizes",
            "without `another_size` in its row",
        ),
    ],
    ids=["count", "gradient", "ascent", "overflow", "unsaved", "size", "vague", "any size"],
)
def test_defects(model, check, message):
    with pytest.raises(ConformanceError, match=message.replace("(", r"\(").replace(")", r"\)")):
        run_check(model, check)
