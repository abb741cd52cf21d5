"""Tests of networks against Keras applications, published tables and each other."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

from tensorsmith.layers import accelerate
from tensorsmith.models import (
    alexnet,
    char_rnn,
    convnext,
    efficientnet_lite0,
    fcn,
    googlenet,
    mobilenet_v2,
    resnet,
    text_classifier,
    vgg,
    vit,
    wavenet,
    xception,
    yolo,
)
from tensorsmith.models.networks.efficientnet_lite import SIZES as EFFICIENTNETS
from tensorsmith.models.networks.mobilenet_v2 import SIZES as MOBILENETS
from tensorsmith.models.networks.xception import SIZES as XCEPTIONS
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("size", "layer", "shape"),
    [
        ("alexnet", "conv_1", (55, 55, 96)),
        ("alexnet", "max_pooling2d", (27, 27, 96)),
        ("alexnet", "conv_2", (27, 27, 256)),
        ("alexnet", "conv_5", (13, 13, 256)),
        ("alexnet", "max_pooling2d_2", (6, 6, 256)),
        ("zf_net", "conv_1", (110, 110, 96)),
        ("zf_net", "max_pooling2d", (55, 55, 96)),
        ("zf_net", "conv_2", (26, 26, 256)),
        ("zf_net", "conv_5", (13, 13, 256)),
        ("zf_net", "max_pooling2d_2", (6, 6, 256)),
    ],
)
def test_map_sizes(size, layer, shape):
    """AlexNet: Géron, 2019, table 14-2; ZF Net: Zeiler and Fergus, 2014, figure 3."""
    keras.utils.clear_session()  # layers are numbered from 0
    model = alexnet(size, width=0.25, classes=2)
    height, width, filters = shape
    assert model.get_layer(layer).output.shape == (None, height, width, filters // 4)


APPLICATIONS = {
    "mobilenet_v2": (mobilenet_v2, keras.applications.MobileNetV2, 64),
    "mobilenet_v2 of half the width": (
        functools.partial(mobilenet_v2, width=0.5),
        functools.partial(keras.applications.MobileNetV2, alpha=0.5),
        64,
    ),
    "convnext": (functools.partial(convnext, "tiny"), keras.applications.ConvNeXtTiny, 64),
    "vgg": (functools.partial(vgg, "16"), keras.applications.VGG16, 32),
    "vgg of 19 layers": (functools.partial(vgg, "19"), keras.applications.VGG19, 32),
    "xception": (xception, keras.applications.Xception, 75),
}


@pytest.mark.slow
@pytest.mark.parametrize(("ours", "theirs", "side"), APPLICATIONS.values(), ids=APPLICATIONS)
def test_weights_of_keras_applications(ours, theirs, side):
    """With the same weights, a network computes the outputs of that in Keras applications."""
    shape = (side, side, 3)
    theirs = theirs(input_shape=shape, weights=None)
    parts = [layer for layer in theirs.layers if not layer.name.endswith(("prestem_normalization", "rescaling"))]
    assert len(theirs.layers) - len(parts) <= 1  # ConvNeXt normalizes its inputs
    ours = ours(shape)
    for mine, weight in zip(ours.weights, theirs.weights, strict=True):
        if len(mine.shape) == 1:  # biases and normalization, which are 0 or 1 at first
            weight.assign(weight + RNG.uniform(0.0, 0.1, weight.shape))
        mine.assign(np.reshape(weight, mine.shape))
    images = RNG.normal(size=(2, *shape)).astype("float32")
    preprocess = [layer for layer in theirs.layers if layer.name.endswith("prestem_normalization")]
    given = preprocess[0](images) if preprocess else images
    features = keras.Model(ours.input, ours.layers[-2].output)(given)
    expected = keras.Model(theirs.input, theirs.layers[-2].output)(images)
    np.testing.assert_allclose(features, expected, atol=1e-3 * np.abs(expected).max())
    assert np.std(expected) > 0
    np.testing.assert_allclose(ours(given), theirs(images), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "size"),
    [
        (efficientnet_lite0, EFFICIENTNETS["efficientnet_lite0"]),
        (mobilenet_v2, MOBILENETS["mobilenet_v2"]),
        (xception, XCEPTIONS["xception"]),
    ],
    ids=["efficientnet_lite0", "mobilenet_v2", "xception"],
)
def test_parameters_with_moving_averages(build, size):
    """The numbers of Keras applications, and of values in the published checkpoint of EfficientNet-Lite0."""
    assert build().count_params() == size.parameters


def test_feature_maps_of_any_size():
    features = resnet("18", (None, None, 3), classes=None, width=0.125)
    shapes = {name: maps.shape for name, maps in features(np.zeros((1, 70, 96, 3))).items()}
    assert shapes == {
        "stride_4": (1, 18, 24, 8),
        "stride_8": (1, 9, 12, 16),
        "stride_16": (1, 5, 6, 32),
        "stride_32": (1, 3, 3, 64),
    }


@pytest.mark.slow
def test_shortcuts_with_8_channels():
    """The gradient of 1 x 1 convolutions with strides and 8 channels ends the process in TensorFlow 2.21."""
    script = """
import numpy as np
from tensorsmith.models import resnet, wide_resnet
for build, size in ((resnet, "18"), (wide_resnet, "16-4")):
    options = {"stem": "small"} if build is resnet else {}
    model = build(size, (64, 64, 3), classes=2, width=0.125, **options)
    model.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(30):
        model.train_on_batch(np.ones((1, 64, 64, 3)), np.ones(1))
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_auxiliary_classifiers_follow_the_modules_of_the_paper():
    model = googlenet((32, 32, 3), classes=4, width=0.125, stem="small", auxiliary=True)
    for name, module in (("auxiliary_1", "inception_4a"), ("auxiliary_2", "inception_4d")):
        head = keras.Model(model.get_layer(module).output, model.output[name])
        assert not [layer for layer in head.layers if layer.name.startswith("inception")]
    model.compile("sgd", dict.fromkeys(model.output, "sparse_categorical_crossentropy"), {"classifier": 1.0})


def test_fcn_starts_as_bilinear_upsampling():
    """Constant predictions stay constant, except within 28 pixels of the border, where zeros are interpolated."""
    backbone = vgg("11", (128, 128, 3), classes=None, width=0.125)
    model = fcn("8", backbone, classes=3, units=8, kernel_size=1, classifier_activation=None)
    scores = model.get_layer("scores_32")
    scores.kernel.assign(np.zeros(scores.kernel.shape))
    scores.bias.assign([1.0, -2.0, 3.0])
    found = np.array(model(RNG.normal(size=(1, 128, 128, 3)).astype("float32")))
    np.testing.assert_allclose(found[:, 28:-28, 28:-28], np.broadcast_to([1.0, -2.0, 3.0], (1, 72, 72, 3)), rtol=1e-5)
    assert (np.abs(found[:, 0]) < 1).all()


def test_backbones_without_feature_maps():
    classifier = vgg("11", (64, 64, 3), classes=2, width=0.125)
    with raises_argument_error("backbone", expected="a model with the output stride_32", remedy="classes=None"):
        fcn("32", classifier, classes=2)
    features = vgg("11", (64, 64, 3), classes=None, width=0.125)
    with raises_argument_error("backbone", expected="a model with the output stride_64"):
        yolo(features, anchors=1, classes=2, stride=64)
    odd = resnet("18", (40, 64, 3), classes=None, width=0.125)
    for build in (lambda: fcn("8", odd, 2, 8, 1), lambda: yolo(odd, anchors=1, classes=2)):
        with raises_argument_error("backbone", expected="multiples of 32"):
            build()


def test_initial_objectness_of_the_detector():
    """Most boxes contain no object, so that the initial probability is about 0.01 (Lin et al., 2017)."""
    model = yolo(resnet("18", (64, 64, 1), classes=None, width=0.125), anchors=2, classes=3, filters=16)
    model.get_layer("predictions").kernel.assign(np.zeros(model.get_layer("predictions").kernel.shape))
    outputs = np.array(model(RNG.normal(size=(1, 64, 64, 1))))
    np.testing.assert_allclose(1 / (1 + np.exp(-outputs[..., [4, 9]])), 0.01, rtol=1e-5)
    np.testing.assert_allclose(np.delete(outputs, [4, 9], axis=-1), 0.0, atol=1e-6)


def test_class_token_of_the_transformer():
    """The first token has no pixels of its own: before the blocks, it does not depend on the image."""
    model = vit("tiny", (16, 16, 3), classes=2, width=0.125, patch_size=8, blocks=1)
    embedded = keras.Model(model.input, model.get_layer("positions").output)
    first, second = (np.array(embedded(RNG.normal(size=(1, 16, 16, 3)))) for _ in range(2))
    np.testing.assert_array_equal(first[:, 0], second[:, 0])
    assert np.abs(first[:, 1:] - second[:, 1:]).min() > 0


@pytest.mark.parametrize(("cell", "gates", "biases"), [("gru", 3, 2), ("lstm", 4, 1)])
def test_parameters_of_recurrent_language_models(cell, gates, biases):
    """Cho et al., 2014, with the two biases of cuDNN, and Hochreiter and Schmidhuber, 1997, with forget gates."""
    model = char_rnn(11, embedding=5, units=7, layers=2, cell=cell)
    recurrent = sum(gates * 7 * (size + 7 + biases) for size in (5, 7))
    assert model.count_params() == 11 * 5 + recurrent + (7 + 1) * 11


def test_dropout_of_recurrent_states():
    """All recurrent layers have the dropout rate, and dropout is inactive in inference."""
    model = char_rnn(11, 5, 7, layers=2, recurrent_dropout=0.5)
    assert [layer.recurrent_dropout for layer in model.layers if hasattr(layer, "recurrent_dropout")] == [0.5, 0.5]
    tokens = RNG.integers(0, 11, (2, 8))
    assert np.abs(model(tokens, training=True) - model(tokens)).max() > 1e-3
    without = char_rnn(11, 5, 7, layers=2)
    without.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(tokens), without(tokens))


def test_states_are_kept_between_batches():
    """Two halves of a sequence have the logits of the whole sequence, and a stateless model starts again."""
    tokens = RNG.integers(0, 11, (2, 8))
    model = char_rnn(11, 5, 7, layers=2, stateful=True, batch_size=2)
    stateless = char_rnn(11, 5, 7, layers=2)
    stateless.set_weights([np.array(weight) for weight in model.weights])
    halves = [np.array(model(half)) for half in np.split(tokens, 2, axis=1)]
    np.testing.assert_allclose(np.concatenate(halves, axis=1), stateless(tokens), atol=1e-6)
    np.testing.assert_allclose(halves[0], stateless(tokens[:, :4]), atol=1e-6)
    assert np.abs(halves[1] - stateless(tokens[:, 4:])).max() > 1e-3


@pytest.mark.parametrize(
    ("encoder", "count"), [("mean", 0), ("gru", 2 * 3 * 7 * (5 + 7 + 2)), ("convolution", 2 * 7 * (3 * 5 + 1))]
)
def test_text_classifiers(encoder, count):
    """Only the convolution depends on the length of the padding, and sequences of padding have finite outputs."""
    model = text_classifier(11, outputs=4, embedding=5, encoder=encoder, units=7)
    features = 5 if encoder == "mean" else 2 * 7
    assert model.count_params() == 11 * 5 + count + (features + 1) * 4
    tokens = RNG.integers(1, 11, (3, 6))
    tokens[0, 3:] = tokens[1] = 0
    found = np.array(model(tokens))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-6)
    longer = np.array(model(np.pad(tokens, ((0, 0), (0, 2)))))
    if encoder == "convolution":
        np.testing.assert_allclose(longer[:2], found[:2], rtol=1e-6)  # one more window of padding
        assert np.abs(longer[2] - found[2]).max() > 0
    else:
        np.testing.assert_allclose(longer, found, rtol=1e-6)
    assert text_classifier(11, encoder=encoder).layers[-1].activation is keras.activations.sigmoid


@pytest.mark.slow  # takes seconds
def test_wavenet_of_the_paper_learns():
    """Three stacks with dilations up to 512, and their output at the last step sees the start of the input."""
    model = wavenet("original", (64, 1), outputs=2, filters=8)
    dilations = [layer.dilation_rate[0] for block in model.layers for layer in getattr(block, "dilated", ())]
    assert dilations == [2**k for k in range(10)] * 3
    wave = np.sin(np.arange(66) / 3 + RNG.uniform(0, 6, (4, 1))).astype("float32")
    targets = np.stack([wave[:, 1:65], wave[:, 2:66]], axis=-1)
    model.compile(keras.optimizers.Adam(1e-3), "mean_squared_error", run_eagerly=True)  # a graph takes 40 s to trace
    before = model.train_on_batch(wave[:, :64, None], targets)
    assert np.mean((targets - model(wave[:, :64, None])) ** 2) < before < np.inf
    changed = wave[:, :64, None].copy()
    changed[:, 0] += 1
    assert (np.abs(model(changed) - model(wave[:, :64, None]))[:, -1] > 0).all()


@pytest.mark.parametrize("build", [convnext, vit])
def test_transformers_use_the_layers_of_this_project(build):
    """accelerate has nothing to replace."""
    model = build("atto" if build is convnext else "tiny", (64, 64, 3), classes=2, width=0.125)
    before = [type(layer) for layer in model.layers]
    accelerate(model)
    assert [type(layer) for layer in model.layers] == before


def checkpoint(model):
    """Return the weights of an EfficientNet-Lite0 with the names and the layout of its PyTorch checkpoint."""
    arrays = {}
    for number, weight in enumerate(model.weights):
        array = RNG.uniform(0.1, 0.2, weight.shape).astype("float32")
        if array.ndim == 4:
            array = array.transpose((2, 3, 0, 1) if "depthwise" in weight.path else (3, 2, 0, 1))
        arrays[f"{'_fc' if weight.path.startswith('classifier') else 'layer'}.{number}"] = (
            array.T if array.ndim == 2 else array
        )
    return arrays


@pytest.fixture(scope="module")
def weights():
    return checkpoint(efficientnet_lite0((32, 32, 3)))


def test_weights_of_a_checkpoint(weights):
    """Kernels are transposed from (outputs, inputs, height, width); the classifier is used if its size matches."""
    model = efficientnet_lite0((32, 32, 3), weights=weights)
    arrays = list(weights.values())
    stem, depthwise, dense = model.weights[0], model.weights[5], model.weights[-2]
    np.testing.assert_array_equal(stem[1, 2, 0, 7], arrays[0][7, 0, 1, 2])
    np.testing.assert_array_equal(depthwise[1, 2, 9, 0], arrays[5][9, 0, 1, 2])
    np.testing.assert_array_equal(dense[11, 5], arrays[-2][5, 11])
    other = efficientnet_lite0((32, 32, 3), classes=3, weights=weights)
    features = efficientnet_lite0((32, 32, 3), classes=None, weights=weights)
    for mine, first, second in zip(features.weights, model.weights, other.weights, strict=False):
        np.testing.assert_array_equal(mine, first)
        np.testing.assert_array_equal(mine, second)


def test_unsuitable_weights(weights):
    with raises_argument_error("weights", received="2 arrays", expected="the 245 arrays of EfficientNet-Lite0"):
        efficientnet_lite0((32, 32, 3), weights=dict(list(weights.items())[:2]))
    unnamed = {str(number): array for number, array in enumerate(weights.values())}
    with raises_argument_error("weights", received="247 arrays", expected="the 245 arrays of EfficientNet-Lite0"):
        efficientnet_lite0((32, 32, 3), weights=unnamed)
    first, kernel = next(iter(weights.items()))
    with raises_argument_error(
        "weights", received="layer.0 of shape (3, 3, 3, 4)", expected="with shape (3, 3, 3, 32)"
    ):
        efficientnet_lite0((32, 32, 3), weights={**weights, first: kernel[:4]})
    with raises_argument_error("weights", received="layer.0 with NaN or infinity", expected="finite"):
        efficientnet_lite0((32, 32, 3), weights={**weights, first: np.full_like(kernel, np.nan)})
