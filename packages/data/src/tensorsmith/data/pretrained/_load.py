"""Loading of pretrained weights by name."""

import os

import numpy as np

from tensorsmith.core import check, did_you_mean
from tensorsmith.data.datasets.obtain import existing_folder, obtain
from tensorsmith.data.pretrained import efficientnet_lite0, hed_vgg16
from tensorsmith.data.pretrained.weights_info import WeightsInfo

ALL = {module.INFO.name: module.INFO for module in (efficientnet_lite0, hed_vgg16)}


def weights(name: str, *, folder: str | os.PathLike[str] | None = None) -> dict[str, np.ndarray]:
    """Loads pretrained weights as NumPy arrays, fetching their file if it is not cached.

    The file is fetched, cached and verified by hash as the files of data sets are, see `load`. It is read without
    executing code in it: a file of PyTorch is interpreted by a reader that knows tensors only.

    Args:
        name: Name of the weights: "efficientnet_lite0" (19 MB, trained on ImageNet) or "hed_vgg16" (59 MB, the
            convolutions of VGG16, fine-tuned for edge detection).
        folder: Folder that contains the file. It is searched if the file cannot be obtained in another way.

    Returns:
        A dictionary that maps names to arrays, in the order of the layers. Names, shapes and the layout of kernels are
        described in `weights_info(name).description`.

    Raises:
        ValueError: If there are no weights of this name, if the folder does not exist, or if the file cannot be read.
        DataNotFoundError: If the file could not be obtained; the message lists every source and why it failed.

    Example:
        >>> arrays = weights("efficientnet_lite0")  # doctest: +SKIP
        >>> arrays["_conv_stem.weight"].shape  # doctest: +SKIP
        (32, 3, 3, 3)
    """
    about = weights_info(name)
    location = existing_folder(folder)
    return about.read(obtain(about, location, noun="weights", usage='weights("{name}", folder="downloads")'))


def weights_info(name: str) -> WeightsInfo:
    """Returns the description of pretrained weights without fetching them.

    Args:
        name: Name of the weights, as for `weights`.

    Raises:
        ValueError: If there are no weights of this name.

    Example:
        >>> weights_info("efficientnet_lite0").title
        'EfficientNet-Lite0, trained on ImageNet'
    """
    known = isinstance(name, str) and name in ALL
    check(known, "name", name, f"one of {', '.join(ALL)}", did_you_mean(str(name), ALL))
    return ALL[name]
