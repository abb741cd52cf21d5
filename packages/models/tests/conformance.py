import functools

from tensorsmith.models import (
    alexnet,
    bert,
    captioner,
    char_rnn,
    convnext,
    efficientnet_lite0,
    encoder_decoder,
    fcn,
    googlenet,
    gpt,
    lenet5,
    mobilenet_v2,
    resnet,
    text_classifier,
    transformer,
    unet,
    vgg,
    vit,
    wavenet,
    wide_resnet,
    xception,
    yolo,
)
from tensorsmith.models.networks.alexnet import SIZES as ALEXNETS
from tensorsmith.models.networks.googlenet import SIZES as GOOGLENETS
from tensorsmith.models.networks.lenet5 import SIZES as LENETS
from tensorsmith.models.networks.resnet import SIZES as RESNETS
from tensorsmith.models.networks.unet import SIZES as UNETS
from tensorsmith.models.networks.vgg import SIZES as VGGS
from tensorsmith.models.networks.vit import SIZES as VITS
from tensorsmith.models.networks.wavenet import SIZES as WAVENETS
from tensorsmith.models.networks.wide_resnet import SIZES as WIDE_RESNETS
from tensorsmith.testing import Data, ModelRow

SMALL = {"input_shape": (32, 32, 3), "classes": 5, "width": 0.125, "stem": "small"}
RGB = Data((32, 32, 3))
ANY = {"input_shape": (None, None, 3)}
BAD_SHAPES = [
    ({"input_shape": (32, 32)}, "(height, width, channels)"),
    ({"input_shape": (32, 0, 3)}, "(height, width, channels)"),
    ({"classes": 0}, "a positive integer or None"),
]
BAD_WIDTHS = [*BAD_SHAPES, ({"width": 0.0}, "a positive number")]
BAD = [*BAD_WIDTHS, ({"stem": "smal"}, "'small'")]


def segmenter(size, input_shape=(64, 64, 3), **kwargs):
    """Returns an FCN of a small VGG-11."""
    return fcn(size, vgg("11", input_shape, classes=None, width=0.125), **kwargs)


def detector(input_shape=(64, 64, 3), **kwargs):
    """Returns a detector with a small ResNet-18."""
    return yolo(resnet("18", input_shape, classes=None, width=0.125), **kwargs)


def describer(input_shape=(32, 32, 1), **kwargs):
    """Returns a captioner with a small ResNet-18."""
    return captioner(resnet("18", input_shape, classes=None, width=0.125), **kwargs)


TRANSLATOR = {"source_vocabulary": 9, "target_vocabulary": 7, "embedding": 3, "units": 4}
PAIRS = {"source": Data((5,), "int32", 1, 9), "target": Data((4,), "int32", 1, 7)}
BAD_TRANSFORMERS = [
    ({"width": 0}, "a positive number"),
    ({"blocks": 0}, "a positive integer or None"),
    ({"dropout": 1.0}, "in [0, 1)"),
]

ROWS = [
    # The first row runs all checks in the fast tests, and LeNet-5 is small.
    ModelRow(
        lenet5,
        kwargs={"size": "original"},
        inputs=Data((32, 32, 1)),
        bad=[
            ({"size": "modem"}, "Did you mean modern?"),
            ({"input_shape": (28, 28, 1)}, "at least 32 pixels high and wide"),
            ({"input_shape": (None, 32, 1)}, "a known height and width"),
        ],
        counts=[({"size": size}, row.parameters) for size, row in LENETS.items()],
    ),
    ModelRow(
        resnet,
        kwargs={**SMALL, "size": "18", "squeeze_ratio": 4},
        inputs=RGB,
        bad=[*BAD, ({"size": "19"}, "one of '18', '34', '50'"), ({"squeeze_ratio": 0}, "a positive integer or None")],
        another_size=ANY,
        counts=[
            *(
                (
                    {"size": size}
                    if row.stem == "large"
                    else {"size": size, "input_shape": (32, 32, 3), "classes": 10},
                    row.parameters,
                )
                for size, row in RESNETS.items()
            ),
            ({"size": "50", "squeeze_ratio": 16}, 28_088_024),  # SE-ResNet-50 of timm
        ],
    ),
    ModelRow(
        resnet,
        name="features of a ResNet of bottleneck units",
        kwargs={"size": "50", "input_shape": (32, 32, 3), "classes": None, "width": 0.125},
        inputs=RGB,
        another_size=ANY,
    ),
    ModelRow(
        alexnet,
        kwargs={**SMALL, "size": "zf_net"},
        inputs=RGB,
        bad=[*BAD, ({"input_shape": (9, 9, 3)}, "at least 15 pixels high and wide")],
        counts=[({"size": size}, row.parameters) for size, row in ALEXNETS.items()],
    ),
    ModelRow(
        vgg,
        kwargs={"size": "11", "input_shape": (32, 32, 3), "classes": 5, "width": 0.125},
        inputs=RGB,
        bad=[*BAD_WIDTHS, ({"input_shape": (28, 28, 1)}, "at least 32 pixels high and wide")],
        counts=[({"size": size}, row.parameters) for size, row in VGGS.items()],
    ),
    ModelRow(
        googlenet,
        kwargs={**SMALL, "squeeze_ratio": 4, "normalization": "batch"},
        inputs=RGB,
        bad=[*BAD, ({"auxiliary": True, "classes": None}, "False without classes")],
        another_size=ANY,
        counts=[
            ({}, GOOGLENETS["googlenet"].parameters),
            ({"auxiliary": True}, GOOGLENETS["googlenet"].parameters + GOOGLENETS["googlenet"].auxiliary_parameters),
        ],
    ),
    ModelRow(
        googlenet,
        name="GoogLeNet with auxiliary classifiers",
        kwargs={**SMALL, "auxiliary": True},
        inputs=RGB,
        bad=[({"input_shape": (8, 8, 3)}, "at least 10 pixels high and wide")],
    ),
    ModelRow(
        wide_resnet,
        kwargs={"size": "16-4", "input_shape": (32, 32, 3), "classes": 5, "width": 0.125, "dropout": 0.3},
        inputs=RGB,
        bad=[*BAD_WIDTHS, ({"dropout": 1.0}, "in [0, 1)")],
        another_size=ANY,
        counts=[({"size": size}, row.parameters) for size, row in WIDE_RESNETS.items()],
    ),
    ModelRow(
        xception,
        kwargs={**SMALL, "middle": 1},
        inputs=RGB,
        bad=BAD,
        another_size=ANY,
        counts=[({}, 22_855_952)],  # trainable ones in keras.applications
    ),
    ModelRow(
        mobilenet_v2,
        kwargs=SMALL,
        inputs=RGB,
        bad=BAD,
        another_size=ANY,
        counts=[({}, 3_504_872)],  # as in torchvision
    ),
    ModelRow(
        efficientnet_lite0,
        kwargs={"input_shape": (32, 32, 3), "classes": 5},
        inputs=RGB,
        bad=[
            *BAD_SHAPES,
            ({"dropout": 1.5}, "in [0, 1)"),
            ({"weights": [1]}, "a dict of arrays by their names, or None"),
            ({"weights": {1: 2}}, "a dict of arrays by their names, or None"),
        ],
        another_size=ANY,
        counts=[({}, 4_652_008)],  # as in timm
    ),
    ModelRow(
        convnext,
        kwargs={**SMALL, "size": "atto", "drop_path": 0.2},
        inputs=RGB,
        bad=[*BAD, ({"input_shape": (8, 32, 3)}, "at least 16 pixels high and wide")],
        another_size=ANY,
        counts=[({"size": "tiny"}, 28_589_128)],
    ),
    ModelRow(
        vit,
        kwargs={"size": "tiny", "input_shape": (32, 32, 3), "classes": 5, "width": 0.125, "patch_size": 8, "blocks": 2},
        inputs=RGB,
        bad=[
            *BAD_WIDTHS,
            ({"input_shape": (30, 32, 3)}, "multiples of the patch size 8"),
            ({"patch_size": 0}, "a positive integer"),
            ({"dropout": -0.1}, "in [0, 1)"),
        ],
        counts=[({"size": size}, VITS[size].parameters) for size in ("tiny", "small", "base")],
    ),
    ModelRow(
        vit,
        name="features of a ViT",
        kwargs={"size": "tiny", "input_shape": (32, 32, 3), "classes": None, "width": 0.125, "blocks": 1},
        inputs=RGB,
    ),
    ModelRow(
        unet,
        kwargs={"size": "small", "input_shape": (32, 32, 3), "classes": 3, "width": 0.5},
        inputs=RGB,
        bad=[*BAD_WIDTHS, ({"input_shape": (36, 32, 3)}, "multiples of 8"), ({"classes": None}, "a positive integer")],
        another_size=ANY,
        counts=[
            ({"size": size, "input_shape": (None, None, 1), "classes": 2, "normalization": False}, row.parameters)
            for size, row in UNETS.items()
        ],
    ),
    ModelRow(
        segmenter,
        name="FCN-8",
        kwargs={"size": "8", "classes": 3, "units": 16, "kernel_size": 1},
        inputs=Data((64, 64, 3)),
        bad=[
            ({"size": "4"}, "one of '32', '16', '8'"),
            ({"units": 0}, "a positive integer"),
            ({"dropout": 1}, "[0, 1)"),
        ],
        another_size=ANY,
    ),
    ModelRow(
        functools.partial(segmenter, "16"),
        name="FCN-16",
        kwargs={"classes": 3, "units": 16, "kernel_size": 1},
        inputs=Data((64, 64, 3)),
        another_size=ANY,
    ),
    ModelRow(
        functools.partial(segmenter, "32"),
        name="FCN-32",
        kwargs={"classes": 3, "units": 16, "kernel_size": 1},
        inputs=Data((64, 64, 3)),
        another_size=ANY,
    ),
    ModelRow(
        detector,
        name="YOLO",
        kwargs={"anchors": 3, "classes": 4, "stride": 16, "filters": 16},
        inputs=Data((64, 64, 3)),
        bad=[({"anchors": 0}, "a positive integer"), ({"filters": 1.5}, "a positive integer")],
        another_size=ANY,
    ),
    ModelRow(
        wavenet,
        kwargs={"size": "simplified", "input_shape": (20, 2), "outputs": 3, "filters": 4},
        inputs=Data((20, 2)),
        another_size={"input_shape": (None, 2)},
        bad=[
            ({"size": "simple"}, "'simplified'"),
            ({"input_shape": (20,)}, "(steps, features)"),
            ({"input_shape": (0, 1)}, "(steps, features)"),
            ({"outputs": 0}, "a positive integer"),
            ({"filters": -1}, "a positive integer or None"),
        ],
        counts=[({"size": size, "outputs": 10}, row.parameters) for size, row in WAVENETS.items()],
    ),
    ModelRow(
        wavenet,
        name="gated WaveNet",
        kwargs={"size": "original", "input_shape": (20, 2), "filters": 4, "blocks": 1},
        inputs=Data((20, 2)),
        another_size={"input_shape": (None, 2)},
    ),
    ModelRow(
        char_rnn,
        kwargs={"vocabulary_size": 7, "embedding": 3, "units": 4, "layers": 2, "cell": "lstm", "dropout": 0.2},
        inputs=Data((6,), "int32", 0, 7),
        another_size={},
        bad=[
            ({"vocabulary_size": 0}, "a positive integer"),
            ({"layers": 1.5}, "a positive integer"),
            ({"cell": "lsmt"}, "Did you mean lstm?"),
            ({"dropout": 1.0}, "in [0, 1)"),
            ({"batch_size": 0}, "a positive integer or None"),
            ({"stateful": True}, "a positive integer with stateful=True"),
        ],
        counts=[({"vocabulary_size": 66, "embedding": 256, "units": 1024}, 4_022_850)],  # as in TensorFlow's tutorial
    ),
    ModelRow(
        gpt,
        kwargs={"size": "small", "vocabulary_size": 9, "context": 8, "width": 0.125, "blocks": 2, "dropout": 0.2},
        inputs=Data((6,), "int32", 0, 9),
        another_size={"context": 12},
        bad=[
            ({"size": "tiny"}, "one of 'small'"),
            ({"vocabulary_size": 0}, "a positive integer"),
            ({"context": 2.5}, "a positive integer"),
            *BAD_TRANSFORMERS,
        ],
    ),
    ModelRow(
        bert,
        kwargs={"size": "tiny", "vocabulary_size": 9, "context": 8, "width": 0.125, "blocks": 1, "dropout": 0.2},
        inputs={"tokens": Data((6,), "int32", 1, 9), "segments": Data((6,), "int32", 0, 2)},
        another_size={"context": 12},
        bad=[
            ({"size": "huge"}, "one of 'tiny'"),
            ({"vocabulary_size": 0}, "a positive integer"),
            ({"context": 2.5}, "a positive integer"),
            *BAD_TRANSFORMERS,
        ],
    ),
    ModelRow(
        transformer,
        kwargs={
            "size": "base",
            "source_vocabulary": 9,
            "target_vocabulary": 7,
            "width": 0.125,
            "blocks": 1,
            "dropout": 0.2,
            "normalize_first": True,
        },
        inputs=PAIRS,
        another_size={},
        bad=[
            ({"size": "tiny"}, "one of 'base'"),
            ({"source_vocabulary": 0}, "a positive integer"),
            ({"target_vocabulary": 1.5}, "a positive integer or None"),
            *BAD_TRANSFORMERS,
        ],
    ),
    ModelRow(
        transformer,
        name="Transformer with shared embeddings and normalization of outputs",
        kwargs={"size": "base", "source_vocabulary": 9, "width": 0.125, "blocks": 1},
        inputs=PAIRS,
        another_size={},
    ),
    ModelRow(
        describer,
        name="captioner",
        kwargs={"vocabulary_size": 7, "width": 0.125, "blocks": 1, "dropout": 0.2},
        inputs={"image": Data((32, 32, 1)), "target": PAIRS["target"]},
        bad=[
            ({"vocabulary_size": 0}, "a positive integer"),
            ({"stride": 1.5}, "a positive integer"),
            ({"stride": 5}, "a model with the output stride_5"),
            ({"size": "tiny"}, "one of 'base'"),
            *BAD_TRANSFORMERS,
        ],
    ),
    ModelRow(
        encoder_decoder,
        kwargs={**TRANSLATOR, "dropout": 0.2},
        inputs=PAIRS,
        another_size={},
        bad=[
            ({"source_vocabulary": 0}, "a positive integer"),
            ({"units": 5}, "an even number, for a bidirectional encoder"),
            ({"attention": "loung"}, "Did you mean luong?"),
            ({"dropout": 1.0}, "in [0, 1)"),
        ],
    ),
    ModelRow(
        encoder_decoder,
        name="encoder-decoder with additive attention and scheduled sampling",
        kwargs={**TRANSLATOR, "attention": "bahdanau", "scheduled_sampling": True},
        inputs=PAIRS,
        another_size={},
    ),
    ModelRow(
        encoder_decoder,
        name="encoder-decoder without attention",
        kwargs={**TRANSLATOR, "attention": None, "bidirectional": False},
        inputs=PAIRS,
        another_size={},
    ),
    ModelRow(
        text_classifier,
        kwargs={"vocabulary_size": 9, "outputs": 3, "embedding": 4, "dropout": 0.2},
        inputs=Data((6,), "int32", 0, 9),
        another_size={},
        bad=[
            ({"outputs": 0}, "a positive integer"),
            ({"encoder": "means"}, "Did you mean mean?"),
            ({"dropout": -0.1}, "in [0, 1)"),
            ({"steps": 0}, "an integer of at least 1, or None"),
        ],
        counts=[({"vocabulary_size": 10_001, "embedding": 16}, 160_033)],  # as in TensorFlow's tutorial
    ),
    ModelRow(
        text_classifier,
        name="text classifier with a GRU layer",
        kwargs={"vocabulary_size": 9, "embedding": 4, "encoder": "gru", "units": 2},
        inputs=Data((6,), "int32", 0, 9),
        another_size={},
    ),
    ModelRow(
        text_classifier,
        name="text classifier with a convolution",
        kwargs={"vocabulary_size": 9, "embedding": 4, "encoder": "convolution", "units": 2, "steps": 6},
        inputs=Data((6,), "int32", 0, 9),
        another_size={"steps": None},
        bad=[({"steps": 2}, "an integer of at least 3, or None")],
    ),
]
