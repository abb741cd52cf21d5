"""Reading of image files as arrays of a common shape."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from tensorsmith.core import Verbatim, argument_error, check

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")  # Pillow reads EPS as well, by starting Ghostscript
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # modes of Pillow by the number of channels


def find_images(folder: Path) -> list[Path]:
    """Returns the image files in a folder and its subfolders, sorted. Hidden files are ignored."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    return sorted(path for path in files if path.is_file())


def read_images(paths: Sequence[Path], shape: Sequence[int] | None = None) -> np.ndarray:
    """Reads image files, and converts them to a common shape.

    Images are turned as their EXIF orientation states, converted to grayscale or colors, and resized bilinearly with
    antialiasing. The first frame of an animated image is read. Palettes and CMYK are converted to RGB, and transparency
    is dropped unless the shape has 4 channels.

    Args:
        paths: Paths of the files.
        shape: Height and width for grayscale images, or height, width and channels (1, 3 or 4). Defaults to the shape
            of the files, which must be the same for all of them.

    Returns:
        A float32 array of shape `(images, *shape)` with values in [0, 1].

    Raises:
        ValueError: If a file cannot be read or has more than 8 bits per channel, or if the images have several shapes
            and `shape` is `None`.
    """
    from PIL import Image

    if shape is None:
        shape = _common_shape(paths)
    pixels = np.empty((len(paths), *shape), np.float32)
    for number, path in enumerate(paths):
        image = open_image(path)
        mode = MODES[shape[2] if len(shape) == 3 else 1]
        image = image if image.mode == mode else image.convert(mode)
        if image.size != (shape[1], shape[0]):
            image = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
        pixels[number] = np.divide(np.asarray(image), 255, dtype=np.float32).reshape(tuple(shape))
    return pixels


def check_image_shape(shape: Sequence[int] | None) -> None:
    """Raises an error unless a value is `None` or the shape of an image.

    Raises:
        ValueError: If the shape is invalid.
    """
    sizes = tuple(shape or (1, 1))
    sound = len(sizes) in (2, 3) and all(isinstance(size, int) and size > 0 for size in sizes)
    sound = sound and (len(sizes) == 2 or sizes[2] in MODES)
    check(sound, "image_shape", shape, "(height, width) or (height, width, channels) with 1, 3 or 4 channels")


def open_image(path: Path, content: IO[bytes] | None = None) -> "Image.Image":
    """Returns an image with its pixels, turned upright.

    Args:
        path: Path of the file, or of a member in an archive, which errors name.
        content: Content of a member of an archive. If `None`, the file is read.

    Raises:
        ValueError: If the image cannot be read, or if it has more than 8 bits per channel.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(content or path, formats=FORMATS) as image:
            # Pillow converts PNG files with colors of 16 bits to 8 bits, and the mode does not show it.
            packed = image.format == "PNG" and any(str(tile[3]).endswith(";16B") for tile in image.tile)
            deep = packed or image.mode.startswith(("I", "F"))
            upright = ImageOps.exif_transpose(image)
    except Exception as error:  # the errors of Pillow for damaged files are of all types
        other = f"its format is none of {', '.join(FORMATS)}"
        reason = other if isinstance(error, UnidentifiedImageError) else error
        received = Verbatim(f"{path}, which cannot be read: {reason}")
        raise argument_error("data", received, "readable images", "remove or replace the file") from error
    check(not deep, "data", Verbatim(f"{path} with more than 8 bits"), "images with 8 bits per channel")
    assert upright is not None
    return upright


def _common_shape(paths: Sequence[Path]) -> tuple[int, ...]:
    """Returns the shape of image files, which is two-dimensional if all of them are grayscale."""
    shapes: dict[tuple[int, ...], Path] = {}
    for path in paths:
        image = open_image(path)
        channels = len(image.getbands()) if image.mode in MODES.values() else 3
        size = (image.height, image.width)
        shapes.setdefault(size if channels == 1 else (*size, channels), path)
    examples = "; ".join(f"{shape} in {path}" for shape, path in list(shapes.items())[:3])
    remedy = "pass image_shape=(height, width, channels) to resize and convert them"
    check(len(shapes) == 1, "data", Verbatim(f"images of {len(shapes)} shapes: {examples}"), "of one shape", remedy)
    return next(iter(shapes))
