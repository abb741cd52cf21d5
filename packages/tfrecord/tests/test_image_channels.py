"""Images of several modes, the options `resize` and `channels`, and the EXIF orientation."""

import io
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, convert, examples, find_record_files, infer, open_source, review

BILINEAR = Image.Resampling.BILINEAR
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 4), "uint8")


def draw(path, mode="RGB", orientation=None, size=(6, 4), **options):
    path.parent.mkdir(exist_ok=True)
    image = Image.fromarray(PIXELS).resize(size).convert("RGB" if path.suffix == ".jpg" and mode != "L" else "RGBA")
    if orientation:
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = orientation
    image.convert(mode).save(path, **options)
    return path


@pytest.fixture
def mixed(tmp_path):
    """Folder of grayscale, RGB and RGBA images."""
    for name, mode in {"a.png": "L", "b.png": "RGB", "c.png": "RGBA", "d.png": "RGBA", "e.png": "LA"}.items():
        draw(tmp_path / "mixed" / name, mode)
    return tmp_path / "mixed"


def read(folder, **options):
    """Returns the images of a converted data set."""
    schema = Schema.load(folder / "schema.yaml")
    (batch,) = examples(find_record_files([folder]), schema, 10, **options)
    return batch["image"]


def test_images_of_several_modes_have_three_channels(mixed, tmp_path):
    source = open_source(mixed)
    text = review(source)
    comment = (
        "# image: 1 grayscale, 1 grayscale with alpha, 1 RGB and 2 RGBA images; `examples` decodes them to 3 channels "
        "(gray is repeated, and alpha is dropped); --channels sets another number\n"
    )
    assert comment in text
    assert Schema.from_yaml(text).features == {"image": Feature("uint8", (4, 6, 3), "png")}
    convert(source, tmp_path / "out", name="x")
    images = read(tmp_path / "out")
    expected = [Image.open(path).convert("RGB") for path in sorted(mixed.iterdir())]
    np.testing.assert_array_equal(images, np.stack(expected))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("resize", [None, (5, 7)])
@pytest.mark.parametrize("given", [False, True])
def test_number_of_channels(mixed, tmp_path, channels, resize, given):
    """Tests the options, which take precedence over the shape in a schema."""
    schema = Schema({"image": Feature("uint8", (None, None, None), "png")}) if given else None
    convert(open_source(mixed, channels=channels, resize=resize), tmp_path / "out", name="x", schema=schema)
    size = resize or ((None, None) if given else (4, 6))
    assert Schema.load(tmp_path / "out" / "schema.yaml").features["image"].shape == (*size, channels)
    images = read(tmp_path / "out", resize=(5, 7))
    assert images.shape == (5, 5, 7, channels)
    expected = [Image.open(path).convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]) for path in sorted(mixed.iterdir())]
    expected = [
        Image.merge(image.mode, [band.resize((7, 5), BILINEAR) for band in image.split()]) for image in expected
    ]
    difference = np.abs(
        np.reshape(images, (5, 5, 7, channels)) - np.reshape(expected, (5, 5, 7, channels)).astype(float)
    )
    assert difference.max() <= 2  # TensorFlow and Pillow round gray values differently


def test_images_of_one_mode_keep_their_channels(tmp_path):
    for mode, channels in {"L": 1, "LA": 4, "RGB": 3, "RGBA": 4}.items():
        draw(tmp_path / mode / "a.png", mode)
        source = open_source(tmp_path / mode)
        assert source.infer().features["image"].shape == (4, 6, channels)
        assert source.comments() == []
        convert(source, tmp_path / f"out {mode}", name="x")
        assert read(tmp_path / f"out {mode}").shape == (1, 4, 6, channels)


@pytest.mark.parametrize("channels", [0, 2, 5, 3.0, "3", True])
def test_invalid_number_of_channels(mixed, channels):
    with raises_argument_error("channels", expected="1, 3 or 4"):
        open_source(mixed, channels=channels)


def test_images_that_tensorflow_cannot_decode_to_the_channels(tmp_path):
    draw(tmp_path / "images" / "a.png")
    draw(tmp_path / "images" / "b.jpg")
    draw(tmp_path / "images" / "c.jpg", "CMYK")
    for channels, count in {1: 1, 3: 0, 4: 2}.items():
        out, rejects = tmp_path / f"{channels}", tmp_path / "rejects.jsonl"
        done = convert(open_source(tmp_path / "images", channels=channels), out, name="x", rejects=rejects)
        assert done.rejects == count
        assert read(out).shape == (3 - count, 4, 6, channels)
        if count:
            expected = f"expected an image that TensorFlow can decode to {channels} channel"
            assert rejects.read_text().count(expected) == count
    with raises_argument_error("shape", expected="have 1 or 3 channels"):
        Feature("uint8", (None, None, 4), "jpeg")
    with raises_argument_error("shape", expected="have 1 or 3 or 4 channels"):
        Feature("uint8", (None, None, 2), "png")


def test_schema_of_resized_images(tmp_path):
    """Tests a conversion with a schema of images of several sizes."""
    for number in range(3):
        draw(tmp_path / "images" / f"{number}.png", size=(6 + number, 5))
    infer(tmp_path / "images").save(tmp_path / "schema.yaml")
    schema = Schema.load(tmp_path / "schema.yaml")
    assert schema.features["image"].shape == (5, None, 3)
    convert(open_source(tmp_path / "images", resize=(8, 9)), tmp_path / "out", name="x", schema=schema)
    assert "shape: [8, 9, 3]" in (tmp_path / "out" / "schema.yaml").read_text()
    assert read(tmp_path / "out").shape == (3, 8, 9, 3)


def test_schema_without_channels(mixed, tmp_path):
    schema = Schema({"image": Feature("uint8", (4, 6, None), "png")})
    convert(open_source(mixed), tmp_path / "out", name="x", schema=schema)
    files = find_record_files([tmp_path / "out"])
    remedy = "write 3 (or 1 or 4) as the last size of image in schema.yaml, such as `shape: [null, null, 3]`"
    with pytest.warns(UserWarning, match="image has no fixed number of channels and is returned as encoded") as caught:
        dataset = examples(files, schema, 3)
    assert remedy in str(caught[0].message)
    assert caught[0].filename == __file__
    assert dataset.element_spec["image"].dtype == tf.string
    with raises_argument_error("features", expected="a fixed number of channels", remedy=remedy):
        examples(files, schema, 3, resize=(4, 4))
    with warnings.catch_warnings():  # a random crop decodes images of several sizes itself
        warnings.simplefilter("error")
        examples(files, Schema({"image": Feature("uint8", (None, None, 3), "png")}), 3)


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_resized_images_are_turned(tmp_path, orientation, kind):
    path = draw(tmp_path / "images" / f"a.{kind}", orientation=orientation, size=(60, 40))
    for size in ((40, 60), (60, 40)):
        source = open_source(tmp_path / "images", resize=size)
        (batch,) = source.batches(source.infer())
        data = batch.rows.column("image")[0].as_py()
        with Image.open(path) as image, Image.open(io.BytesIO(data)) as found:
            assert (data == path.read_bytes()) == (orientation == 1 and size == (40, 60))
            assert (data == path.read_bytes()) or 0x0112 not in found.getexif()
            expected = ImageOps.exif_transpose(image).resize(size[::-1], BILINEAR)
            loss = 0 if kind == "png" else 24  # of JPEG
            np.testing.assert_allclose(np.asarray(found, "int32"), np.asarray(expected, "int32"), atol=loss)
        assert source.comments() == []


def test_orientation_is_reported(tmp_path):
    draw(tmp_path / "images" / "a.jpg", orientation=6)
    draw(tmp_path / "images" / "b.jpg", orientation=1)
    draw(tmp_path / "images" / "c.jpg", exif=b"Exif\0\0damaged")
    source = open_source(tmp_path / "images")
    comment = "# image: 1 image has an EXIF orientation, which `examples` ignores; --resize turns such images\n"
    assert comment in review(source)
    assert source.infer().features["image"].shape == (4, 6, 3)  # as TensorFlow decodes it


def test_boxes_refer_to_stored_pixels(tmp_path):
    """Tests that annotated images are not turned."""
    draw(tmp_path / "1.png", orientation=6)
    box = "<name>a</name><bndbox><xmin>3</xmin><ymin>0</ymin><xmax>6</xmax><ymax>2</ymax></bndbox>"
    size = "<size><width>6</width><height>4</height></size>"
    (tmp_path / "1.xml").write_text(f"<annotation>{size}<object>{box}</object></annotation>")
    source = open_source(tmp_path, resize=(8, 12))
    assert source.comments() == []
    (row,) = next(source.batches(source.infer())).rows.to_pylist()
    assert row["bbox"] == [[0.0, 0.5, 0.5, 1.0]]
    assert source.comments() == ["image: 1 image has an EXIF orientation, which `examples` ignores"]
    expected = Image.fromarray(PIXELS).convert("RGB").resize((12, 8), BILINEAR)
    np.testing.assert_array_equal(Image.open(io.BytesIO(row["image"])), expected)
