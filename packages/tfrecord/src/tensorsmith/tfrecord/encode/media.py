"""Validation of image files, audio files and raw bytes, and encoding of pixels as image files."""

import io

import numpy as np
import pyarrow as pa
from PIL import Image

from tensorsmith.tfrecord._support.image_damage import JPEG, PNG
from tensorsmith.tfrecord.encode.rejections import RejectValue, brief, shape_text
from tensorsmith.tfrecord.encode.unfold import offsets_of
from tensorsmith.tfrecord.schema import Feature
from tensorsmith.tfrecord.sources.image_files import parse_image


def check_files(files: pa.Array, feature: Feature, reject: RejectValue, verified: bool) -> None:
    """Rejects files and raw bytes that are damaged, or whose format or size differs from those of the feature.

    Args:
        files: Arrow array of the contents of the files.
        feature: Feature that the files represent.
        reject: Function that is called with the index of each invalid file and a description of the problem.
        verified: If `True`, images are known to be undamaged, and only their headers are read.
    """
    for leaf, file in enumerate(files.to_pylist()):
        if file is not None and (problem := _file_problem(file, feature, verified)):
            reject(leaf, problem)


def _file_problem(file: bytes, feature: Feature, verified: bool) -> str:
    """Returns a description of the problem with the content of a file, or an empty string if the content is valid."""
    if feature.encoding == "wav":
        return "" if file[:4] == b"RIFF" and file[8:12] == b"WAVE" else f"expected a WAV file, got {brief(file)}"
    if feature.encoding == "raw":
        size = np.dtype(feature.dtype).itemsize * int(np.prod([known for known in feature.shape if known is not None]))
        fits = len(file) == size if None not in feature.shape else size and len(file) % size == 0
        one = feature.shape.count(None) <= 1
        expected = f"an array of shape {shape_text(feature.shape)}"
        return "" if fits and one else f"expected {expected}, got {len(file)} bytes"
    if not file.startswith((PNG, JPEG)):
        return f"expected a {_format(feature)} file, got {brief(file)}"
    try:
        image = parse_image(file, verify=not verified)
    except ValueError as error:
        return str(error)
    (height, width, _), channels = image.shape, feature.shape[2]
    kind = f"a {image.encoding.upper()} file"
    sizes = zip((height, width), feature.shape[:2], strict=True)
    if feature.encoding not in (image.encoding, "image") or any(wanted not in (None, size) for size, wanted in sizes):
        return f"expected {_format(feature)} of shape {shape_text(feature.shape)}, got {kind} of {height} x {width}"
    if channels is not None and not image.decodes_to(channels):
        return f"expected an image that TensorFlow can decode to {channels} channels, got {kind} of mode {image.mode}"
    shallow = feature.dtype == "uint16" and image.dtype != "uint16"
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
