"""Single PNG and JPEG files: whether they are whole, and what many of them have in common."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from tensorsmith.tfrecord.schema import Feature

CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "LA": 2, "RGB": 3, "YCbCr": 3, "RGBA": 4}
PNG, DEPTH = b"\x89PNG", 24  # how such a file begins, and the byte with its bits per channel


@dataclass(frozen=True)
class ImageFile:
    """A sound image.

    Attributes:
        data: The file's bytes.
        encoding: "png" or "jpeg".
        shape: Height, width and channels, as TensorFlow decodes it.
        dtype: "uint8", or "uint16" of a PNG file with 16 bits.
    """

    data: bytes
    encoding: str
    shape: tuple[int, int, int]
    dtype: str


def read_image(path: Path) -> ImageFile:
    """Reads an image, and decodes it to see that it is whole.

    Raises:
        ValueError: It is not whole, or no PNG or JPEG.
    """
    data = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                encoding, (width, height), channels = str(image.format).lower(), image.size, _channels(image)
                image.draft(None, (max(width // 8, 1), max(height // 8, 1)))  # of JPEG all is read, but less computed
                image.load()
    except UnidentifiedImageError:
        raise ValueError(f"received {len(data):,} bytes that are no image, expected PNG or JPEG") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"a broken image: {error}") from None
    if encoding not in ("png", "jpeg"):
        raise ValueError(f"received {encoding}, expected PNG or JPEG")
    return ImageFile(data, encoding, (height, width, channels), dtype_of(data))


def dtype_of(data: bytes) -> str:
    """The type that holds what a PNG or JPEG file has of a channel."""
    return "uint16" if data.startswith(PNG) and data[DEPTH] == 16 else "uint8"


def _channels(image: Any) -> int:
    if image.mode == "P":  # TensorFlow looks the colours up
        return 4 if "transparency" in image.info else 3
    if image.mode == "CMYK":
        return 3  # as which TensorFlow decodes it
    return CHANNELS.get(image.mode, len(image.getbands()))


class ImageShapes:
    """What all images of a source have in common."""

    def __init__(self) -> None:
        self._shape: list[int | None] = []
        self._encodings: set[str] = set()
        self._dtypes: set[str] = set()

    def add(self, image: ImageFile) -> None:
        """Looks at one more."""
        self._encodings.add(image.encoding)
        self._dtypes.add(image.dtype)
        before = self._shape or image.shape
        self._shape = [size if size == other else None for size, other in zip(image.shape, before, strict=True)]

    @property
    def feature(self) -> Feature:
        """Sizes that vary are None, and images of 8 bits where only some have more."""
        encoding = "image" if len(self._encodings) > 1 else min(self._encodings, default="png")
        return Feature(min(self._dtypes, default="uint8", key=len), tuple(self._shape) or (None, None, None), encoding)
