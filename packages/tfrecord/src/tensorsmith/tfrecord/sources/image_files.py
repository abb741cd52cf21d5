"""Reading of PNG and JPEG files, and determination of the shape and dtype that the images have in common."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from tensorsmith.tfrecord.schema import Feature

CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "LA": 2, "RGB": 3, "YCbCr": 3, "RGBA": 4}
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # modes of Pillow by the number of channels
BILINEAR = Image.Resampling.BILINEAR  # averages over all pixels if it reduces an image
JPEG = {"quality": 95, "subsampling": 0}
PNG, DEPTH = b"\x89PNG", 24  # signature of a PNG file, and the offset of its bit depth


@dataclass(frozen=True)
class ImageFile:
    """Properties of a valid image file.

    Attributes:
        data: Content of the image file as bytes.
        encoding: "png" or "jpeg".
        shape: Height, width and channels, as decoded by TensorFlow.
        dtype: "uint8", or "uint16" for a PNG file with 16 bits per channel.
    """

    data: bytes
    encoding: str
    shape: tuple[int, int, int]
    dtype: str


def read_image(path: Path) -> ImageFile:
    """Reads an image file and decodes it to verify that it is complete.

    Raises:
        ValueError: If the file is damaged, or is not a PNG or JPEG file.
    """
    data = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                encoding, (width, height), channels = str(image.format).lower(), image.size, _channels(image)
                image.draft(None, (max(width // 8, 1), max(height // 8, 1)))  # JPEG: reads all data, decodes faster
                image.load()
    except UnidentifiedImageError:
        raise ValueError(f"the image must be PNG or JPEG, got {len(data):,} bytes of another format") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"the image is corrupted: {error}") from None
    if encoding not in ("png", "jpeg"):
        raise ValueError(f"the image must be PNG or JPEG, got {encoding}")
    return ImageFile(data, encoding, (height, width, channels), dtype_of(data))


def resize_image(image: ImageFile, size: Sequence[int] | None) -> ImageFile:
    """Returns an image of another height and width in the same format, bilinearly resampled with antialiasing.

    Raises:
        ValueError: If the image is a PNG file with several channels of 16 bits, which Pillow does not support.
    """
    if size is None or image.shape[:2] == tuple(size):
        return image
    height, width = size
    channels = image.shape[2]
    with Image.open(io.BytesIO(image.data)) as opened:
        if image.dtype == "uint16":
            if channels > 1:
                raise ValueError("an image with 16 bits per channel must have a single channel to be resized")
            pixels = Image.fromarray(np.asarray(opened, "float32")).resize((width, height), BILINEAR)
            resized = Image.fromarray(np.rint(np.asarray(pixels)).astype("uint16"))
        else:
            resized = opened.convert(MODES[channels]).resize((width, height), BILINEAR)
    file = io.BytesIO()
    resized.save(file, image.encoding, **(JPEG if image.encoding == "jpeg" else {}))
    return replace(image, data=file.getvalue(), shape=(height, width, channels))


def dtype_of(data: bytes) -> str:
    """Returns the dtype of the pixel values in a PNG or JPEG file."""
    return "uint16" if data.startswith(PNG) and data[DEPTH] == 16 else "uint8"


def _channels(image: Any) -> int:
    if image.mode == "P":  # TensorFlow expands the palette
        return 4 if "transparency" in image.info else 3
    if image.mode == "CMYK":
        return 3  # TensorFlow decodes CMYK to RGB
    return CHANNELS.get(image.mode, len(image.getbands()))


class ImageShapes:
    """Shape, encoding and dtype that the images of a data source have in common."""

    def __init__(self) -> None:
        self._shape: list[int | None] = []
        self._encodings: set[str] = set()
        self._dtypes: set[str] = set()

    def add(self, image: ImageFile) -> None:
        """Updates the common properties with another image."""
        self._encodings.add(image.encoding)
        self._dtypes.add(image.dtype)
        before = self._shape or image.shape
        self._shape = [size if size == other else None for size, other in zip(image.shape, before, strict=True)]

    @property
    def feature(self) -> Feature:
        """Feature that represents the images. Dimensions in which the image sizes differ are `None`."""
        encoding = "image" if len(self._encodings) > 1 else min(self._encodings, default="png")
        return Feature(min(self._dtypes, default="uint8", key=len), tuple(self._shape) or (None, None, None), encoding)
