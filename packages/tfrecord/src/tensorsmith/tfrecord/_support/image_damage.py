"""Detection of damaged PNG and JPEG files, as strict as TensorFlow's decoder, which refuses files that Pillow reads."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
TRUNCATED = "the end of the file is missing"
# Channels and possible bit depths of each PNG color type: grayscale, RGB, palette, and the first two with alpha.
COLORS = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16)), 6: (4, (8, 16))}
PALETTE = 3  # PNG color type
MOST_PIXELS = 2**29  # TensorFlow's decoder requires fewer pixels
# First row and column, and steps, of the pixels in the seven passes of an interlaced PNG file.
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
MOST_EXTRA = 1 << 16  # bytes that may follow the pixels, which some encoders write
FILTERS = 5  # number of PNG filter types
ALONE = (0x01, *range(0xD0, 0xD9))  # JPEG markers without a length
SCAN, END = 0xDA, 0xD9
# Second bytes of markers. In the compressed data, 0xFF is followed by 0 or by a restart marker.
IS_MARKER = np.array([byte not in (0x00, 0xFF) for byte in range(256)])
ENDS_SCAN = np.array([byte not in (0x00, 0xFF, *range(0xD0, 0xD8)) for byte in range(256)])


class _DamageError(Exception):
    """Damage to a file, described by the message."""


def find_damage(data: bytes, pixels: bool = True) -> str:
    """Returns a description of the damage to a PNG or JPEG file, or an empty string if there is none.

    In a PNG file, the chunks with their lengths and checksums, the header, and the size of the decompressed pixels are
    verified. In a JPEG file, only the markers are followed to the end marker, and pixels are not decoded. Data of
    another format is not checked.

    Args:
        data: Content of the file.
        pixels: If `False`, the pixels of PNG files are not decompressed, which is several times as fast.

    Example:
        >>> find_damage(PNG)
        'the end of the file is missing'
    """
    try:
        if data.startswith(PNG):
            _check_png(data, pixels)
        elif data.startswith(JPEG):
            _check_jpeg(data)
    except _DamageError as error:
        return str(error)
    return ""


def _check_png(data: bytes, with_pixels: bool) -> None:
    """Raises an error if a PNG file is damaged."""
    header, palettes, compressed = b"", 0, list[memoryview]()
    for name, content in _chunks(data):
        if not header:
            _require(name == b"IHDR" and len(content) == 13, "the PNG header is missing")
            header = bytes(content)
        else:
            _require(name != b"IHDR", "the PNG header occurs twice")
        palettes += name == b"PLTE"
        if name == b"IDAT":
            compressed.append(content)
    width, height, depth, color, compression, filtering, interlacing = struct.unpack(">IIBBBBB", header)
    channels, depths = COLORS.get(color, (0, ()))
    known = depth in depths and compression == filtering == 0 and interlacing in (0, 1) and width and height
    _require(known and width * height < MOST_PIXELS, "the PNG header is invalid")
    _require(palettes < 2, "the PNG palette occurs twice")
    _require(palettes == 1 or color != PALETTE, "the PNG palette is missing")
    if with_pixels:
        _check_pixels(compressed, width, height, channels * depth, bool(interlacing))


def _check_pixels(compressed: list[memoryview], width: int, height: int, bits: int, interlaced: bool) -> None:
    """Raises an error if pixels do not have the size that the header states, or if their rows are invalid."""
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    shapes = [(-(-(height - top) // down), -(-(width - left) // across)) for top, left, down, across in passes]
    # Each row begins with a byte for the filter type. Passes without columns have no rows.
    rows = [(count, 1 + -(-columns * bits // 8)) for count, columns in shapes if columns > 0 < count]
    size = sum(count * length for count, length in rows)
    found = np.frombuffer(_decompressed(compressed, size), "uint8")
    _require(len(found) >= size, f"{size - len(found):,} of {size:,} bytes of pixels are missing")
    for count, length in rows:
        _require(found[: count * length : length].max() < FILTERS, "a row of pixels has an unknown filter")
        found = found[count * length :]


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yields the name and the content of each chunk of a PNG file after verifying its checksum."""
    view, position, name = memoryview(data), len(PNG), b""
    while name != b"IEND":
        _require(position + 12 <= len(data), TRUNCATED)
        (length,) = struct.unpack_from(">I", data, position)
        name, end = data[position + 4 : position + 8], position + 8 + length
        _require(end + 4 <= len(data), TRUNCATED)
        matches = zlib.crc32(view[position + 4 : end]) == struct.unpack_from(">I", data, end)[0]
        _require(matches, f"a PNG chunk has a wrong checksum (byte {position:,})")
        yield name, view[position + 8 : end]
        position = end + 4


def _decompressed(parts: list[memoryview], size: int) -> bytes:
    """Decompresses pixels of an expected size, after which the decoder tolerates a few more bytes."""
    decompressor = zlib.decompressobj()
    try:
        pixels = decompressor.decompress(b"".join(parts), size + MOST_EXTRA)
    except zlib.error as error:
        raise _DamageError(f"the pixels cannot be decompressed ({error})") from None
    _require(decompressor.eof, "the end of the compressed pixels is missing")
    return pixels


def _check_jpeg(data: bytes) -> None:
    """Raises an error if following the markers of a JPEG file does not lead to its end marker."""
    content, position, is_marker = np.frombuffer(data, "uint8"), 2, IS_MARKER
    while (position := _marker_after(content, position, is_marker)) and data[position] != END:
        marker, position = data[position], position + 1
        if marker not in ALONE:  # a segment begins with its length, which includes the two bytes of the length
            position += int.from_bytes(data[position : position + 2])
        is_marker = ENDS_SCAN if marker == SCAN else IS_MARKER
    _require(position > 0, TRUNCATED)


def _marker_after(content: np.ndarray, position: int, is_marker: np.ndarray) -> int:
    """Returns the index of the second byte of the next marker, or 0 if there is none."""
    for length in (64, len(content)):  # another segment usually follows directly
        view = content[position : position + length]
        begins = np.flatnonzero(view[:-1] == 0xFF)
        found = begins[is_marker[view[begins + 1]]]
        if len(found):
            return position + int(found[0]) + 1
    return 0


def _require(condition: bool, damage: str) -> None:
    if not condition:
        raise _DamageError(damage)
