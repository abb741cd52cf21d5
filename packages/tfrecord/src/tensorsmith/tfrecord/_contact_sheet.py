"""Contact sheets of images in TFRecord files."""

import io
import os
import warnings
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.core import Verbatim, check, replace_file

SIDE, GAP = 96, 4  # pixels
ACROSS, MOST = 8, 64  # images
FORMATS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP"}


def image_format(value: bytes) -> str | None:
    """Returns the format of an encoded image, detected from its first bytes, or `None` for other data.

    Example:
        >>> image_format(b"GIF89a"), image_format(b"text")
        ('GIF', None)
    """
    return next((name for magic, name in FORMATS.items() if value.startswith(magic)), None)


def contact_sheet(values: Iterable[bytes], target: str | os.PathLike[str], shape: Sequence[int] | None = None) -> int:
    """Draws up to 64 images on a contact sheet in PNG format.

    Args:
        values: Encoded images, or raw images of shape `shape`. Other values, corrupted images and very large images are
            skipped.
        target: Path of the PNG file to write.
        shape: Shape of raw uint8 images: `(height, width)` or `(height, width, channels)` with 1, 3 or 4 channels.

    Returns:
        The number of images on the sheet.

    Raises:
        ValueError: If there is no image, or if `shape` is invalid.
    """
    from PIL import Image

    if shape is not None:
        fits = len(shape) in (2, 3) and min(shape) > 0 and (len(shape) == 2 or shape[2] in (1, 3, 4))
        check(fits, "shape", tuple(shape), "(height, width) or (height, width, channels) with 1, 3 or 4 channels")
    found = (image for value in values if (image := _image(value, shape)) is not None)
    images = list(islice(found, MOST))
    check(
        len(images) > 0,
        "images",
        Verbatim("no such image"),
        "contain at least one PNG, JPEG, GIF or BMP image",
        "pass `shape` for raw pixels",
    )
    across = min(ACROSS, len(images))
    down = -(-len(images) // across)
    sheet = Image.new("RGB", (across * (SIDE + GAP) + GAP, down * (SIDE + GAP) + GAP), "white")
    for number, image in enumerate(images):
        row, column = divmod(number, across)
        left = GAP + column * (SIDE + GAP) + (SIDE - image.width) // 2
        top = GAP + row * (SIDE + GAP) + (SIDE - image.height) // 2
        sheet.paste(image, (left, top))
    with replace_file(Path(target)) as draft:
        sheet.save(draft, "PNG")
    return len(images)


def _image(value: bytes, shape: Sequence[int] | None) -> Any:
    """Returns an image, decoded and resized to a cell of a contact sheet, or `None` if it cannot be decoded."""
    from PIL import Image

    if image_format(value):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)  # for images beyond 89 megapixels
                warnings.simplefilter("ignore", UserWarning)
                with Image.open(io.BytesIO(value), formats=sorted(FORMATS.values())) as opened:
                    image = opened.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
            return None
    elif shape is not None and len(value) == np.prod(shape):
        pixels = np.frombuffer(value, "uint8").reshape(shape)
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels).convert("RGB")
    else:
        return None
    scale = SIDE / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
