"""Resizing of images: `open_source(resize=...)` compared with Pillow, and `examples(resize=...)` with TensorFlow."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, convert, examples, find_record_files, open_source

SIZE = (12, 10)


def draw(path, height, width, mode="RGB"):
    path.parent.mkdir(exist_ok=True)
    smooth = np.random.default_rng(height).integers(0, 256, (5, 5, 3), "uint8")
    Image.fromarray(smooth).resize((width, height)).convert(mode).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Folder of images of several sizes, one of which has the target size."""
    draw(tmp_path / "images" / "1.png", 40, 60)
    draw(tmp_path / "images" / "2.png", 7, 5)
    draw(tmp_path / "images" / "3.png", *SIZE)
    return tmp_path / "images"


def resized(path, **options):
    """Returns the content of the only image of a source."""
    source = open_source(path, resize=SIZE, **options)
    (batch,) = source.batches(source.infer())
    assert batch.rejects == []
    return source.infer().features["image"], batch.rows.column("image")[0].as_py()


@pytest.mark.parametrize(
    ("mode", "ending", "channels"),
    [
        *(("1", "png", "L"), ("L", "png", "L"), ("LA", "png", "RGBA"), ("P", "png", "RGB"), ("RGB", "png", "RGB")),
        *(("RGBA", "png", "RGBA"), ("L", "jpg", "L"), ("RGB", "jpg", "RGB"), ("CMYK", "jpg", "RGB")),
    ],
)
def test_pixels_match_pillow(tmp_path, mode, ending, channels):
    path = draw(tmp_path / f"a.{ending}", 40, 60, mode)
    feature, data = resized(path)
    assert feature == Feature("uint8", (*SIZE, len(channels)), {"jpg": "jpeg"}.get(ending, ending))
    with Image.open(path) as image, Image.open(io.BytesIO(data)) as found:
        assert found.mode == channels
        bands = [band.resize(SIZE[::-1], Image.Resampling.BILINEAR) for band in image.convert(channels).split()]
        expected = Image.merge(channels, bands)
        loss = 0 if ending == "png" else 16  # of JPEG
        np.testing.assert_allclose(np.asarray(found, "int32"), np.asarray(expected, "int32"), atol=loss)


def test_sixteen_bits(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 65536, (40, 60), "uint16")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    feature, data = resized(tmp_path)
    assert feature == Feature("uint16", (*SIZE, 1), "png")
    expected = tf.image.resize(pixels[..., np.newaxis], SIZE, antialias=True)
    np.testing.assert_allclose(tf.cast(tf.io.decode_png(data, 1, tf.uint16), tf.float32), expected, atol=2)


def test_image_of_the_size_is_unchanged(folder):
    source = open_source(folder, resize=SIZE)
    (batch,) = source.batches(source.infer())
    assert batch.rows.column("image")[2].as_py() == (folder / "3.png").read_bytes()


def test_boxes_are_relative_to_the_size(tmp_path):
    draw(tmp_path / "1.jpg", 40, 60)
    box = "<name>a</name><bndbox><xmin>30</xmin><ymin>10</ymin><xmax>60</xmax><ymax>40</ymax></bndbox>"
    size = "<size><width>60</width><height>40</height></size>"
    (tmp_path / "1.xml").write_text(f"<annotation>{size}<object>{box}</object></annotation>")
    source = open_source(tmp_path, resize=SIZE)
    schema = source.infer()
    assert schema.features["image"].shape == (*SIZE, 3)
    (batch,) = source.batches(schema)
    assert batch.rows.to_pylist()[0]["bbox"] == [[0.25, 0.5, 1.0, 1.0]]
    assert Image.open(io.BytesIO(batch.rows.to_pylist()[0]["image"])).size == SIZE[::-1]


@pytest.mark.parametrize("early", [False, True])
def test_batches_match_tensorflow(folder, tmp_path, early):
    """Images are resized by Pillow before they are stored, or by TensorFlow when they are read."""
    source = open_source(folder, **({"resize": SIZE} if early else {}))
    convert(source, tmp_path / "out", name="x")
    schema = Schema.load(tmp_path / "out" / "schema.yaml")
    files = find_record_files([tmp_path / "out"])
    if not early:
        assert next(iter(examples(files, schema, 3)))["image"].dtype == tf.string
    (batch,) = examples(files, schema, 3, resize=None if early else SIZE)
    images = [tf.io.decode_png(path.read_bytes()) for path in sorted(folder.iterdir())]
    expected = np.array([tf.image.resize(image, SIZE, antialias=True) for image in images])
    assert (batch["image"].dtype, batch["image"].shape) == (tf.uint8, (3, *SIZE, 3))
    np.testing.assert_allclose(tf.cast(batch["image"], tf.float32), expected, atol=1.5 if early else 0.5)


@pytest.mark.parametrize("size", [3, (3,), (0, 5), (3, 2.5), (3, 4, 3)])
def test_invalid_size(folder, size):
    with raises_argument_error("resize", expected="two positive integers, the height and the width"):
        open_source(folder, resize=size)
    with raises_argument_error("resize", expected="two positive integers, the height and the width"):
        examples([], Schema({"image": Feature("uint8", (None, None, 3), "png")}), 3, resize=size)


@pytest.mark.parametrize(
    "features",
    [
        {"x": tf.io.FixedLenFeature((), tf.string)},
        Schema({"x": Feature("float32", (3,))}),
        Schema({"x": Feature("uint8", (None, None, 3), "png", optional=True)}),
    ],
)
def test_features_that_cannot_be_resized(features):
    with raises_argument_error("features", expected="image feature", remedy="omit `resize`"):
        examples([], features, 3, resize=SIZE)


def test_other_sources_reject_the_option(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with raises_argument_error("resize", expected="omitted for a source of kind text"):
        open_source(tmp_path / "a.txt", resize=SIZE)
