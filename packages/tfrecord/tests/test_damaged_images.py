"""Damaged images, which a conversion must reject unless TensorFlow can decode them."""

import io
import random
import struct
import zlib

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from PIL import Image, PngImagePlugin
from pyarrow import parquet

from tensorsmith.tfrecord import (
    DamagedFileError,
    Feature,
    RejectedError,
    Schema,
    convert,
    examples,
    find_record_files,
    open_source,
    verify,
)
from tensorsmith.tfrecord._support.image_damage import PASSES, PNG, find_damage
from tensorsmith.tfrecord.sources.image_files import parse_image

COUNT = 150  # damaged files of each kind
SCHEMA = Schema({"image": Feature("uint8", (None, None, 3), "image")})


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(*chunks):
    """Returns a PNG file of chunks, which are pairs of a name and the content."""
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return PNG + b"".join(parts)


def header(width, height, depth=8, color=0, interlacing=0):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlacing)


def interlaced():
    """Returns an interlaced PNG file, which Pillow does not write."""
    pixels = np.random.default_rng(0).integers(0, 256, (21, 13), "uint8")
    rows = [row for top, left, down, across in PASSES for row in pixels[top::down, left::across]]
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return png(header(13, 21, interlacing=1), (b"IDAT", data), (b"IEND", b""))


def sound():
    """Returns undamaged files by kind."""
    generator = np.random.default_rng(0)
    noise = Image.fromarray(generator.integers(0, 256, (60, 70, 4), "uint8"))
    rgb, text = noise.convert("RGB"), PngImagePlugin.PngInfo()
    text.add_text("Title", "text" * 20)
    pngs = {mode: saved(noise.convert(mode), "png", pnginfo=text) for mode in ("1", "L", "LA", "RGB", "RGBA")}
    pngs["P"] = saved(rgb.quantize(64), "png", transparency=3)
    pngs["I;16"] = saved(Image.fromarray(generator.integers(0, 65536, (30, 20), "uint16")), "png")
    pngs["interlaced"] = interlaced()
    jpegs = {mode: saved(rgb.convert(mode), "jpeg") for mode in ("L", "RGB", "CMYK")}
    jpegs["progressive"] = saved(rgb, "jpeg", progressive=True)
    jpegs["restart"] = saved(rgb, "jpeg", restart_marker_rows=1)
    found = {f"png {name}": data for name, data in pngs.items()} | {
        f"jpeg {name}": data for name, data in jpegs.items()
    }
    return found | {"gif": saved(rgb.quantize(64), "gif"), "bmp": saved(rgb, "bmp")}


def damaged(data, rng):
    """Returns a file that is truncated, or in which bits, bytes, checksums or chunks are changed."""
    data = bytearray(data)
    position = rng.randrange(len(data))
    chunks = []
    while data.startswith(PNG) and (begin := chunks[-1][1] if chunks else 8) < len(data):
        chunks.append((begin, begin + 12 + int.from_bytes(data[begin : begin + 4])))
    begin, end = rng.choice(chunks) if chunks else (position, min(position + 20, len(data)))
    match rng.choice(["cut", "end", "bit", "byte", "zero", "checksum", "remove", "repeat", "content"]):
        case "cut":
            del data[position:]
        case "end":
            del data[-rng.randrange(1, 30) :]
        case "bit":
            data[position] ^= 1 << rng.randrange(8)
        case "byte":
            data[position] = rng.randrange(256)
        case "zero":
            data[position : position + 30] = bytes(len(data[position : position + 30]))
        case "checksum":
            data[end - 1] ^= 255
        case "remove":
            del data[begin:end]
        case "repeat":
            data[begin:begin] = data[begin:end]
        case "content" if end - begin > 12:  # with a correct checksum in a PNG file
            data[rng.randrange(begin + 8, end - 4)] ^= 1 << rng.randrange(8)
            data[end - 4 : end] = struct.pack(">I", zlib.crc32(data[begin + 4 : end - 4]))
    return bytes(data)


@pytest.mark.parametrize("kind", sound())
def test_accepted_images_are_decoded(kind):
    data, rng, accepted, failed = sound()[kind], random.Random(kind), 0, []
    for number in range(COUNT):
        file = damaged(data, rng) if number else data
        try:
            image = parse_image(file)
        except ValueError:
            assert number > 0 or kind in ("gif", "bmp")
            continue
        accepted += 1
        try:
            pixels = tf.io.decode_image(file, image.shape[2], image.dtype, expand_animations=False)
            assert tuple(pixels.shape) == image.shape
        except tf.errors.InvalidArgumentError as error:
            failed.append(error)
    assert failed == []
    assert accepted > 0 or kind in ("gif", "bmp")  # these formats are rejected


def test_damage_to_the_end_of_a_png(tmp_path):
    """Tests that an accepted data set can be read, and that the messages describe the damage."""
    data = saved(Image.fromarray(np.arange(192, dtype="uint8").reshape(8, 8, 3)), "png")
    (tmp_path / "images").mkdir()
    wrong = bytearray(data)
    wrong[-5] ^= 1
    for name, content in {"good": data, "cut": data[:-12], "wrong": bytes(wrong)}.items():
        (tmp_path / "images" / f"{name}.png").write_bytes(content)
    source = open_source(tmp_path / "images")
    with pytest.raises(RejectedError) as caught:
        convert(source, tmp_path / "out", name="x")
    checksum = f"a PNG chunk has a wrong checksum (byte {len(data) - 12})"
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/images/cut.png, row 1: the image is corrupted: the end of the file is missing",
        f"{tmp_path}/images/wrong.png, row 1: the image is corrupted: {checksum}",
        "Correct or remove the rows or files, or skip such rows and list them in a file with --rejects FILE.",
    ]
    done = convert(source, tmp_path / "out", name="x", rejects=tmp_path / "rejects.jsonl")
    assert (done.records, done.rejects) == (1, 2)
    schema = Schema.load(tmp_path / "out" / "schema.yaml")
    (batch,) = examples(find_record_files([tmp_path / "out"]), schema, 4)
    assert batch["image"].shape == (1, 8, 8, 3)


def test_remedy_of_values_that_do_not_fit_the_schema(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\na\n")
    with pytest.raises(RejectedError, match="Correct the rows or the schema, or skip such rows"):
        convert(open_source(tmp_path / "a.csv"), tmp_path / "out", name="x", schema=Schema({"x": Feature("int64")}))


def test_images_in_a_table(tmp_path):
    """Tests that images are verified that the source does not know to be images."""
    kinds = sound()
    files = [kinds["png RGB"], kinds["png RGB"][:-12], kinds["jpeg RGB"], kinds["jpeg RGB"][:-2], kinds["gif"]]
    parquet.write_table(pa.table({"image": files}), tmp_path / "a.parquet")
    source, rejects = open_source(tmp_path / "a.parquet"), tmp_path / "rejects.jsonl"
    done = convert(source, tmp_path / "out", name="x", schema=SCHEMA, rejects=rejects)
    assert (done.records, done.rejects) == (2, 3)
    lines = rejects.read_text().splitlines()
    assert [line.count("the image is corrupted: the end of the file is missing") for line in lines] == [1, 1, 0]


@pytest.mark.parametrize("kind", ["png RGB", "jpeg RGB"])
def test_verify_finds_damaged_images(tmp_path, kind):
    """Tests that `verify` finds images that another program or an earlier version has written."""
    data = sound()[kind]
    table = pa.table({"image": [data, data, data[:-12]]})
    parquet.write_table(table, tmp_path / "a.parquet")
    convert(open_source(tmp_path / "a.parquet"), tmp_path / "out", name="x", schema=Schema({"image": Feature("bytes")}))
    (path,) = find_record_files([tmp_path / "out"])
    assert verify(path).records == 3
    SCHEMA.save(tmp_path / "out" / "schema.yaml")
    with pytest.raises(DamagedFileError, match=r"record 2, .*the image in image is corrupted: the end of the file"):
        verify(path)


@pytest.mark.parametrize(
    ("chunks", "damage"),
    [
        ([(b"IEND", b"")], "the PNG header is missing"),
        ([header(1, 1), header(1, 1), (b"IEND", b"")], "the PNG header occurs twice"),
        ([header(1, 1, color=5), (b"IEND", b"")], "the PNG header is invalid"),
        ([header(1, 1, color=3), (b"IEND", b"")], "the PNG palette is missing"),
        ([header(1, 1), (b"IDAT", b"damaged"), (b"IEND", b"")], "the pixels cannot be decompressed"),
        ([header(1, 1), (b"IDAT", zlib.compress(b"\0\0")[:-1]), (b"IEND", b"")], "the end of the compressed pixels"),
        ([header(1, 2), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")], "2 of 4 bytes of pixels are missing"),
        ([header(1, 1), (b"IDAT", zlib.compress(b"\5\0")), (b"IEND", b"")], "a row of pixels has an unknown filter"),
        ([header(1, 1), (b"IDAT", zlib.compress(b"\0\0"))], "the end of the file is missing"),
        ([header(1, 1), (b"IDAT", zlib.compress(b"\0\0" * 9)), (b"IEND", b"")], ""),
    ],
)
def test_structure_of_a_png(chunks, damage):
    """Tests that the damage is described, and that TensorFlow refuses the same files."""
    file = png(*chunks)
    if damage:
        assert find_damage(file).startswith(damage)
        with pytest.raises(tf.errors.InvalidArgumentError):
            tf.io.decode_image(file)
    else:
        assert find_damage(file) == ""
        assert tf.io.decode_image(file).shape == (1, 1, 1)
