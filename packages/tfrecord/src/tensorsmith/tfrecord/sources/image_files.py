"""Reading of PNG and JPEG files, and determination of the shape and dtype that the images have in common."""

import io
import struct
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tensorsmith.core import check
from tensorsmith.tfrecord._support.image_damage import JPEG, PNG, find_damage
from tensorsmith.tfrecord._support.image_size import check_size
from tensorsmith.tfrecord.schema import IMAGES, Feature, Schema
from tensorsmith.tfrecord.sources.files import is_special

# Channels with which TensorFlow decodes the modes of Pillow without loss. It has no two channels for "LA".
CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "LA": 4, "RGB": 3, "YCbCr": 3, "CMYK": 3, "RGBA": 4}
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # modes of Pillow by the number of channels
NAMES = {
    "1": "black-and-white",
    "L": "grayscale",
    "LA": "grayscale with alpha",
    "P": "palette",
    "I;16": "16-bit grayscale",
}
CONVERSIONS = {
    1: "1 channel (colors become gray, and alpha is dropped)",
    3: "3 channels (gray is repeated, and alpha is dropped)",
    4: "4 channels (gray is repeated, and opaque images get the alpha 255)",
}
COMMON_CHANNELS = 3  # to which images with different numbers of channels are decoded, as image models expect
BILINEAR = Image.Resampling.BILINEAR  # averages over all pixels if it reduces an image
SAVED_JPEG = {"quality": 95, "subsampling": 0}
DEPTH = 24  # offset of the bit depth in a PNG file
ORIENTATION, UPRIGHT = 0x0112, 1  # EXIF tag, and its value for an image that need not be turned


@dataclass(frozen=True)
class ImageFile:
    """Properties of a valid image file.

    Attributes:
        data: Content of the image file as bytes.
        encoding: "png" or "jpeg".
        shape: Height, width and channels, as decoded by TensorFlow, which ignores the EXIF orientation.
        dtype: "uint8", or "uint16" for a PNG file with 16 bits per channel.
        mode: Mode of the image in Pillow.
        is_turned: `True` if viewers turn or mirror the image, because its EXIF data has an orientation.
    """

    data: bytes
    encoding: str
    shape: tuple[int, int, int]
    dtype: str
    mode: str
    is_turned: bool = False

    def decodes_to(self, channels: int) -> bool:
        """Returns `True` if TensorFlow can decode the image to a number of channels."""
        if self.encoding == "jpeg" and channels == 4:
            return False
        return channels != 1 or self.mode != "CMYK"


def read_image(path: Path) -> ImageFile:
    """Reads an image file and verifies that TensorFlow can decode it.

    Raises:
        ValueError: If the file cannot be read, is damaged, or is not a PNG or JPEG file.
    """
    if is_special(path):
        raise ValueError("the file is a named pipe, a socket or a device")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    return parse_image(data)


def parse_image(data: bytes, verify: bool = True) -> ImageFile:
    """Returns the properties of the content of an image file.

    Args:
        data: Content of the file.
        verify: If `True`, verify that TensorFlow can decode the pixels. Otherwise, only the header is read.

    Raises:
        ValueError: If the data is damaged, or is not a PNG or JPEG file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                encoding, (width, height), mode = str(image.format).lower(), image.size, image.mode
                shape, is_turned = (height, width, _channels(image)), _is_turned(image)
                damage = find_damage(data) if verify else ""
                if verify and encoding == "jpeg" and not damage:
                    image.draft(None, (max(width // 8, 1), max(height // 8, 1)))  # reads all data, decodes faster
                    image.load()
    except UnidentifiedImageError:
        damage = find_damage(data) or ("its header is invalid" if data.startswith((PNG, JPEG)) else "")
        if not damage:
            raise ValueError(f"the image must be PNG or JPEG, got {len(data):,} bytes of another format") from None
    except Exception as error:  # noqa: BLE001 - the errors of Pillow for damaged files are of all types
        damage = str(error) or type(error).__name__
    if damage:
        raise ValueError(f"the image is corrupted: {damage}")
    if encoding not in ("png", "jpeg"):
        raise ValueError(f"the image must be PNG or JPEG, got {encoding}")
    return ImageFile(data, encoding, shape, dtype_of(data), mode, is_turned)


def resize_image(image: ImageFile, size: Sequence[int] | None, turn: bool = True) -> ImageFile:
    """Returns an image of another height and width in the same format, bilinearly resampled with antialiasing.

    Args:
        image: Image to resize.
        size: Height and width of the result, or `None` to return the image unchanged.
        turn: If `True`, the image is first turned or mirrored as its EXIF orientation states, because the result has no
            EXIF data.

    Raises:
        ValueError: If the image cannot be decoded, or is a PNG file with several channels of 16 bits, which Pillow does
            not support.
    """
    if size is None or (image.shape[:2] == tuple(size) and not (turn and image.is_turned)):
        return image
    height, width = size
    channels = image.shape[2]
    if image.dtype == "uint16" and channels > 1:
        raise ValueError("an image with 16 bits per channel must have a single channel to be resized")
    try:
        with Image.open(io.BytesIO(image.data)) as opened:
            upright = ImageOps.exif_transpose(opened) if turn and image.is_turned else opened
            if image.dtype == "uint16":
                pixels = Image.fromarray(np.asarray(upright, "float32")).resize((width, height), BILINEAR)
                resized = Image.fromarray(np.rint(np.asarray(pixels)).astype("uint16"))
            else:
                # Each channel by itself: Pillow would weight colors by alpha, which `examples` does not.
                bands = upright.convert(MODES[channels]).split()
                resized = Image.merge(MODES[channels], [band.resize((width, height), BILINEAR) for band in bands])
    except (OSError, SyntaxError) as error:
        raise ValueError(f"the image is corrupted: {error}") from None
    file = io.BytesIO()
    resized.save(file, image.encoding, **(SAVED_JPEG if image.encoding == "jpeg" else {}))
    shape = (height, width, channels)
    return replace(image, data=file.getvalue(), shape=shape, mode=resized.mode, is_turned=image.is_turned and not turn)


def dtype_of(data: bytes) -> str:
    """Returns the dtype of the pixel values in a PNG or JPEG file."""
    return "uint16" if data.startswith(PNG) and data[DEPTH] == 16 else "uint8"


def _channels(image: Any) -> int:
    if image.mode == "P":  # TensorFlow expands the palette
        return 4 if "transparency" in image.info else 3
    return CHANNELS.get(image.mode, len(image.getbands()))


def _is_turned(image: Any) -> bool:
    """Returns `True` if the EXIF data of an image states an orientation other than upright."""
    if "exif" not in image.info:  # `getexif` would decode a PNG file to search for it
        return False
    try:
        return image.getexif().get(ORIENTATION, UPRIGHT) in range(2, 9)
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):  # EXIF data does not affect TensorFlow
        return False


class ImageShapes:
    """Shape, encoding and dtype that the images of a data source have in common.

    Args:
        channels: Number of channels of the feature. If `None`, it is that of the images, or 3 if they differ.
    """

    def __init__(self, channels: int | None = None) -> None:
        self._requested = channels
        self._sizes: list[int | None] = []
        self._channels: set[int] = set()
        self._encodings: set[str] = set()
        self._dtypes: set[str] = set()
        self._modes: Counter[str] = Counter()
        self._turned = 0

    def add(self, image: ImageFile) -> None:
        """Updates the common properties with another image."""
        self._encodings.add(image.encoding)
        self._dtypes.add(image.dtype)
        self._channels.add(image.shape[2])
        self._modes[image.mode] += 1
        self._turned += image.is_turned
        sizes = image.shape[:2]
        self._sizes = [size if size == other else None for size, other in zip(sizes, self._sizes or sizes, strict=True)]

    @property
    def feature(self) -> Feature:
        """Feature that represents the images. Dimensions in which the image sizes differ are `None`."""
        encoding = "image" if len(self._encodings) > 1 else min(self._encodings, default="png")
        common = min(self._channels, default=None) if len(self._channels) < 2 else COMMON_CHANNELS
        shape = (*(self._sizes or (None, None)), self._requested or common)
        return Feature(min(self._dtypes, default="uint8", key=len), shape, encoding)

    def comments(self, name: str, can_turn: bool = True) -> list[str]:
        """Returns sentences on images that are not decoded as they are: several modes, and EXIF orientations.

        Args:
            name: Name of the feature.
            can_turn: If `True`, the option `--resize` turns images.
        """
        lines = []
        if len(self._channels) > 1:
            *others, last = [f"{count:,} {NAMES.get(mode, mode)}" for mode, count in sorted(self._modes.items())]
            kinds = f"{', '.join(others)} and {last}" if others else last
            channels = self.feature.shape[2] or COMMON_CHANNELS
            result = f"{CONVERSIONS[channels]}; --channels sets another number"
            lines.append(f"{name}: {kinds} images; `examples` decodes them to {result}")
        if self._turned:
            images = f"{self._turned:,} image{'s have' if self._turned > 1 else ' has'}"
            remedy = "; --resize turns such images" if can_turn else ""
            lines.append(f"{name}: {images} an EXIF orientation, which `examples` ignores{remedy}")
        return lines


def check_image_options(options: Mapping[str, Any]) -> None:
    """Raises an error if the size or the number of channels of a source of images is invalid."""
    if "resize" in options:
        check_size(options["resize"])
    channels = options.get("channels", COMMON_CHANNELS)
    check(type(channels) is int and channels in MODES, "channels", channels, "1, 3 or 4")


def channels_of(schema: Schema) -> int | None:
    """Returns the number of channels of the feature `image` of a schema, or `None` if it is not specified."""
    feature = schema.features.get("image")
    return feature.shape[2] if feature is not None and feature.encoding in IMAGES else None


def with_image_options(schema: Schema, options: Mapping[str, Any]) -> Schema:
    """Returns a schema whose images have the size and the channels that were passed to the source as options."""
    height, width = options.get("resize", (None, None))
    wanted = (height, width, options.get("channels"))
    features = {
        name: replace(one, shape=tuple(new or old for new, old in zip(wanted, one.shape, strict=True)))
        for name, one in schema.features.items()
        if one.encoding in IMAGES
    }
    return replace(schema, features={**schema.features, **features})
