"""Tests of numbers of parameters against sums over the layers of papers, and against Keras applications."""

import itertools

import keras
import numpy as np
import pytest

from tensorsmith.layers import BottleneckUnit
from tensorsmith.models import convnext, fcn, googlenet, resnet, unet, vgg, vit, yolo
from tensorsmith.models.networks.convnext import SIZES as CONVNEXTS
from tensorsmith.models.networks.googlenet import SIZES as GOOGLENETS
from tensorsmith.models.networks.vit import SIZES as VITS


def convolution(size, inputs, filters, bias=True):
    return size**2 * inputs * filters + filters * bias


def dense(inputs, units):
    return (inputs + 1) * units


def convnext_parameters(blocks, filters, classes=1000):
    """Liu et al., 2022, figure 4: blocks of a depthwise convolution, two dense layers and a scale for each channel."""
    count = convolution(4, 3, filters[0]) + 2 * filters[0]
    for before, after in itertools.pairwise(filters):
        count += 2 * before + convolution(2, before, after)
    for number, size in zip(blocks, filters, strict=True):
        count += number * (convolution(7, 1, size) + 2 * size + dense(size, 4 * size) + dense(4 * size, size) + size)
    return count + 2 * filters[-1] + dense(filters[-1], classes)


@pytest.mark.parametrize(
    ("size", "blocks", "filters", "millions"),
    [
        ("atto", (2, 2, 6, 2), (40, 80, 160, 320), 3.7),
        ("femto", (2, 2, 6, 2), (48, 96, 192, 384), 5.2),
        ("tiny", (3, 3, 9, 3), (96, 192, 384, 768), 28.6),
    ],
)
def test_convnext(size, blocks, filters, millions):
    """Sizes and rounded numbers of parameters: timm, and for tiny the paper."""
    count = convnext_parameters(blocks, filters)
    assert CONVNEXTS[size].parameters == count
    assert round(count / 1e6, 1) == millions
    if size != "tiny":  # is built in the conformance tests
        assert convnext(size).count_params() == count


def vit_parameters(blocks, width, classes=1000, patch=16, side=224):
    """Dosovitskiy et al., 2021, section 3.1, where the class token is one vector with its position."""
    tokens = (side // patch) ** 2 + 1
    block = 2 * 2 * width + 4 * dense(width, width) + dense(width, 4 * width) + dense(4 * width, width)
    return convolution(patch, 3, width) + tokens * width + blocks * block + 2 * width + dense(width, classes)


def test_large_vision_transformer():
    """The paper gives 307 M parameters for 24 blocks of width 1024, with the features of a larger classifier."""
    assert VITS["large"].parameters == vit_parameters(24, 1024) == pytest.approx(307e6, rel=0.01)
    model = vit("large", blocks=1)  # of 25 million weights instead of 304 million
    assert model.count_params() == vit_parameters(1, 1024)


def test_squeeze_and_excitation_of_inception():
    """Hu et al., 2018: dense layers of C / 16 and C units after each module; C: Szegedy et al., 2015, table 1."""
    channels = (256, 480, 512, 512, 512, 528, 832, 832, 1024)
    gates = sum(dense(number, number // 16) + dense(number // 16, number) for number in channels)
    assert googlenet(squeeze_ratio=16).count_params() == GOOGLENETS["googlenet"].parameters + gates == 7_478_655


VGG_16 = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


@pytest.mark.slow  # allocates 540 MB
def test_fcn_8_of_the_paper():
    """Long et al., 2015: VGG-16, whose dense layers are convolutions, and 21 classes of PASCAL VOC."""
    count = sum(convolution(3, *pair) for pair in zip((3, *VGG_16), VGG_16, strict=False))
    count += convolution(7, 512, 4096) + convolution(1, 4096, 4096)
    count += sum(convolution(1, channels, 21) for channels in (4096, 512, 256))  # scores of strides 32, 16 and 8
    count += 2 * convolution(4, 21, 21, bias=False) + convolution(16, 21, 21, bias=False)  # upsampling by 2, 2 and 8
    assert count == 134_489_759
    assert fcn("8", vgg("16", (None, None, 3), classes=None), classes=21).count_params() == count


@pytest.mark.parametrize(("stride", "channels"), [(16, 32), (8, 16)])
def test_detector(stride, channels):
    """Features of stride 32 have 64 channels. Batch normalization has four values for each channel."""
    backbone = resnet("18", (64, 64, 1), classes=None, width=0.125)
    anchors, classes, filters = 2, 3, 16
    context = convolution(1, 64, filters, bias=False) + 4 * filters
    first = convolution(3, channels + filters, filters, bias=False) + 4 * filters
    second = convolution(3, filters, filters, bias=False) + 4 * filters
    head = context + first + second + convolution(1, filters, 5 * anchors + classes)
    model = yolo(backbone, anchors, classes, stride, filters)
    assert model.count_params() == backbone.count_params() + head


def test_unet_with_normalization():
    """Ronneberger et al., 2015, figure 1, with four values of batch normalization instead of a bias."""
    filters = (16, 32, 64, 128)
    pairs = list(zip((1, *filters), filters, strict=False))
    pairs += [(2 * number, number) for number in filters[:-1]]
    count = sum(convolution(3, *pair) + convolution(3, pair[1], pair[1]) + 2 * 3 * pair[1] for pair in pairs)
    count += sum(convolution(2, 2 * number, number) for number in filters[:-1]) + convolution(1, 16, 2)
    assert unet("small", (None, None, 1), classes=2).count_params() == count


@pytest.mark.slow
@pytest.mark.parametrize("size", ["50", "101", "152"])
def test_resnets_of_keras_applications(size):
    """With the same weights, outputs are the same. Convolutions of Keras applications have a bias, which is 0 here.

    With sides of 33 pixels, padding "same" has as many rows before as after the image.
    """
    theirs = getattr(keras.applications, f"ResNet{size}")(input_shape=(33, 33, 3), weights=None)
    ours = resnet(size, (33, 33, 3))
    biases = sum(layer.bias.shape[0] for layer in theirs.layers if isinstance(layer, keras.layers.Conv2D))
    assert ours.count_params() == theirs.count_params() - biases
    rng = np.random.default_rng(0)
    parts = {layer.name: layer for layer in theirs.layers}
    names, stage, block = ["conv1"], 1, 0
    for unit in (layer for layer in ours.layers if isinstance(layer, BottleneckUnit)):
        stage, block = (stage + 1, 1) if unit.shortcut else (stage, block + 1)
        names += [f"conv{stage}_block{block}_{number}" for number in ((1, 2, 3, 0) if unit.shortcut else (1, 2, 3))]
    expected = [
        weight for name in names for weight in (parts[f"{name}_conv"].kernel, *parts[f"{name}_bn"].weights)
    ] + parts["predictions"].weights
    for mine, weight in zip(ours.weights, expected, strict=True):
        if len(weight.shape) == 1:
            weight.assign(weight + rng.uniform(0.0, 0.1, weight.shape))
        # The epsilon of normalization is 1.001e-5 in Keras applications, and 1e-3 here.
        mine.assign(weight - 0.00098999 if weight.path.endswith("variance") else weight)
    images = rng.normal(size=(2, 33, 33, 3)).astype("float32")
    features = [keras.Model(model.input, model.layers[-2].output)(images) for model in (ours, theirs)]
    np.testing.assert_allclose(*features, atol=1e-3 * np.abs(features[1]).max())
    assert np.std(features[1]) > 0
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-4)
