"""Validation of image files, audio files and raw bytes, and encoding of pixels as image files."""

import io

import numpy as np
import pyarrow as pa
from PIL import Image

from tensorsmith.tfrecord.encode.rejections import RejectValue, brief, shape_text
from tensorsmith.tfrecord.encode.unfold import offsets_of
from tensorsmith.tfrecord.schema import IMAGES, Feature
from tensorsmith.tfrecord.sources.image_files import dtype_of


def check_files(files: pa.Array, feature: Feature, reject: RejectValue) -> None:
    """Rejects files and raw bytes whose format or size differs from the specification of the feature."""
    for leaf, file in enumerate(files.to_pylist()):
        if file is not None and (problem := _file_problem(file, feature)):
            reject(leaf, problem)


def _file_problem(file: bytes, feature: Feature) -> str:
    """Returns a description of the problem with the content of a file, or an empty string if the content is valid."""
    if feature.encoding == "wav":
        return "" if file[:4] == b"RIFF" and file[8:12] == b"WAVE" else f"expected a WAV file, got {brief(file)}"
    if feature.encoding == "raw":
        size = np.dtype(feature.dtype).itemsize * int(np.prod([known for known in feature.shape if known is not None]))
        fits = len(file) == size if None not in feature.shape else size and len(file) % size == 0
        one = feature.shape.count(None) <= 1
        expected = f"an array of shape {shape_text(feature.shape)}"
        return "" if fits and one else f"expected {expected}, got {len(file)} bytes"
    try:
        with Image.open(io.BytesIO(file)) as image:
            kind, (width, height) = (image.format or "").lower(), image.size
    except (OSError, SyntaxError, ValueError):
        return f"expected a {_format(feature)} file, got {brief(file)}"
    sizes = zip((height, width), feature.shape[:2], strict=True)
    wrong = kind != feature.encoding and not (feature.encoding == "image" and kind in IMAGES)
    if wrong or any(wanted not in (None, size) for size, wanted in sizes):
        received = f"a {kind.upper()} file of {height} x {width}"
        return f"expected {_format(feature)} of shape {shape_text(feature.shape)}, got {received}"
    shallow = feature.dtype == "uint16" and dtype_of(file) != "uint16"
    return "expected a file of uint16, got uint8" if shallow else ""


def _format(feature: Feature) -> str:
    """Returns the names of the image formats that a feature supports, for error messages."""
    return "PNG or JPEG" if feature.encoding == "image" else feature.encoding.upper()


def encode_images(
    feature: Feature, pixels: np.ndarray, begins: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Encodes pixel arrays as PNG or JPEG files.

    Args:
        feature: Feature that specifies the image encoding.
        pixels: Array with the pixel values of all images, concatenated along one axis.
        begins: Array with the offset of each image in `pixels`.
        sizes: Array with the shape of each image.

    Returns:
        The concatenated bytes of all files, and the offsets of the files.
    """
    files = []
    for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
        image = pixels[begin : begin + int(np.prod(size))].reshape(size)
        file = io.BytesIO()
        Image.fromarray(image[..., 0] if size[-1] == 1 else image).save(
            file, "jpeg" if feature.encoding == "jpeg" else "png"
        )
        files.append(file.getvalue())
    return np.frombuffer(b"".join(files), "uint8"), offsets_of(np.array([len(file) for file in files]))
