"""Tests that networks for images of any size refuse sizes that they do not support."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.models import convnext, fcn, model_budget, resnet, unet, vgg, yolo
from tensorsmith.models.networks._support.image_size import ImageSizeCheck

ANY = (None, None, 3)


def segmenter(size, input_shape=ANY):
    return fcn(size, vgg("11", input_shape, classes=None, width=0.125), classes=3, units=8, kernel_size=1)


def images(height, width):
    return np.zeros((1, height, width, 3), "float32")


CASES = {
    "fcn_32": (lambda: segmenter("32"), (40, 64), (64, 32), "that are multiples of 32"),
    "fcn_8": (lambda: segmenter("8"), (64, 40), (64, 32), "that are multiples of 32"),
    "convnext": (lambda: convnext("atto", ANY, classes=2, width=0.125), (8, 64), (41, 32), "of at least 32 pixels"),
    "small stem": (
        lambda: convnext("atto", ANY, classes=2, width=0.125, stem="small"),
        (15, 20),
        (16, 17),
        "of at least 16 pixels",
    ),
}


@pytest.mark.parametrize(("build", "bad", "good", "expected"), CASES.values(), ids=CASES)
def test_refused_sizes(build, bad, good, expected):
    """FCN-32 once returned outputs of 64 x 64 pixels for images of 40 x 40."""
    model = build()
    message = f"images must have a height and width {expected}, got"
    with pytest.raises(ValueError, match=rf"{message} \({bad[0]}, {bad[1]}\)\. Pad or resize the images\."):
        model(images(*bad))
    traced = tf.function(model, input_signature=[tf.TensorSpec((None, *ANY))])
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{message}\] \[{bad[0]} {bad[1]}\]"):
        traced(images(*bad))
    np.testing.assert_allclose(traced(images(*good)), model(images(*good)), atol=1e-6)
    if model.name.startswith("fcn"):
        assert model(images(*good)).shape == (1, *good, 3)


def test_known_sizes_are_checked_by_the_builder():
    """The layer is used for unknown sizes only."""
    for shape, found in ((ANY, True), ((64, None, 3), True), ((64, 64, 3), False)):
        for model in (segmenter("32", shape), convnext("atto", shape, classes=2, width=0.125)):
            assert any(isinstance(layer, ImageSizeCheck) for layer in model.layers) == found


def test_checks_of_a_backbone_and_of_its_segmentation():
    """Both have a layer of their own, in half precision and in the budget of a model as well."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = fcn("16", convnext("atto", ANY, classes=None, width=0.125), classes=2, units=8, kernel_size=1)
    finally:
        keras.config.set_dtype_policy("float32")
    assert sum(isinstance(layer, ImageSizeCheck) for layer in model.layers) == 2
    assert model(images(64, 32)).shape == (1, 64, 32, 2)
    assert model_budget(model, (64, 32, 3)).parameters == model.count_params()


def test_saved_and_exported_models_check_sizes(tmp_path):
    model = segmenter("32")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    for call, error in ((loaded, ValueError), (exported.serve, tf.errors.InvalidArgumentError)):
        np.testing.assert_allclose(call(images(64, 32)), model(images(64, 32)), atol=1e-6)
        with pytest.raises(error, match="multiples of 32"):
            call(images(40, 40))


@pytest.mark.parametrize(
    ("build", "side"),
    [
        (lambda: unet("small", ANY, classes=2, width=0.5), 36),
        (lambda: yolo(vgg("11", ANY, classes=None, width=0.125), anchors=1, classes=2), 48),
    ],
    ids=["unet", "yolo"],
)
def test_models_of_keras_layers(build, side):
    """Their saved models can be loaded without this package, so that the error for other sizes is of TensorFlow."""
    model = build()
    assert {type(layer).__module__.partition(".")[0] for layer in model.layers} == {"keras"}
    with pytest.raises(tf.errors.InvalidArgumentError):
        model(images(side, side))


def test_resnets_support_all_sizes():
    model = resnet("18", ANY, classes=2, width=0.125)
    assert all(np.isfinite(model(images(*size))).all() for size in ((1, 1), (5, 9), (33, 64)))
