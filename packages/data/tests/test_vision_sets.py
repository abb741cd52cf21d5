"""Data sets of color images: their conversion with small synthetic files, and the real files in slow tests."""

import gzip
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tensorsmith.data import DataNotFoundError, info, load, load_splits, sample_photographs, tree_crown_photographs
from tensorsmith.data.datasets.sets import land_tiles, tree_crowns, tux_paint_stamps
from tensorsmith.testing import raises_argument_error


def png(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("animals/birds/crow.png", True),
        ("space/sun.png", True),
        ("animals/birds/cartoon/crow.png", False),
        ("animals/birds/crow.svg", False),
        ("symbols/math/plus.png", False),
        ("animals.png", False),
    ],
)
def test_selection_of_stamps(name, expected):
    assert tux_paint_stamps.is_selected(name) == expected


def test_stamps_are_on_white_squares():
    """A wide stamp with a transparent half: it keeps its aspect ratio, and gets white bars above and below."""
    stamp = np.zeros((10, 20, 4), np.uint8)
    stamp[:, 10:] = 200, 0, 0, 255
    pixels = np.asarray(tux_paint_stamps.on_white_square(Image.fromarray(stamp)))
    assert pixels.shape == (160, 160, 3)
    assert (pixels[:40] == 255).all()
    assert (pixels[120:] == 255).all()
    assert (pixels[40:120, :70] == 255).all()
    assert (pixels[45:115, 90:] == (200, 0, 0)).all()


@pytest.fixture
def stamps(tmp_path):
    """An archive with 20 stamps of each class, whose color is the number of the stamp."""
    path = tmp_path / "tux_paint_stamps.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for label, name in enumerate(tux_paint_stamps.CLASSES):
            for number in range(20):
                archive.writestr(f"{name}/{number:02}.png", png(np.full((2, 2), label * 20 + number, np.uint8)))
    return {path.name: path}


def test_stamps_are_split_by_class(stamps):
    parts = [tux_paint_stamps.read(stamps, split) for split in ("train", "validation", "test")]
    assert [len(labels) for _, labels in parts] == [29, 44, 87]
    assert [set(np.bincount(labels)) for _, labels in parts] == [{3, 4}, {5, 6}, {10, 11}]
    grays = np.concatenate([np.round(images[:, 80, 80, 0] * 255) for images, _ in parts])
    np.testing.assert_array_equal(np.sort(grays), np.arange(160))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in parts]), grays // 20)


def test_damaged_stamp_is_named(stamps):
    (path,) = stamps.values()
    with zipfile.ZipFile(path, "w") as archive:
        for name in tux_paint_stamps.CLASSES:
            for number in range(20):
                archive.writestr(f"{name}/{number:02}.png", b"\x89PNG\r\n\x1a\n")
    with raises_argument_error("data", received=f"{path}/", expected="readable images"):
        tux_paint_stamps.read(stamps, "test")


@pytest.mark.slow  # takes seconds
def test_land_tiles_are_aligned_with_masks(tmp_path):
    """Gray levels increase to the south and to the east, and so do the numbers in the mask, whose rows are reversed."""
    rows, columns = np.mgrid[: land_tiles.HEIGHT, : land_tiles.WIDTH]
    mask = (rows // 128 + columns // 128).astype(np.uint8)
    Image.fromarray(np.repeat(mask[..., None], 3, axis=2)).save(tmp_path / "bmng.jpg", "PNG")
    (tmp_path / "lsmask_5min_f.bin").write_bytes(gzip.compress(mask[::-1].tobytes(), 1))
    files = {name: tmp_path / name for name in ("bmng.jpg", "lsmask_5min_f.bin")}
    for split, count in info("land_tiles").splits.items():
        images, labels = land_tiles.read(files, split)
        assert images.shape == (count, 128, 128, 3)
        np.testing.assert_array_equal(np.round(images[..., 0] * 255), labels["masks"])
        assert labels["masks"].min((1, 2)).tolist() == labels["masks"].max((1, 2)).tolist()
    images, labels = land_tiles.read(files, "validation")
    assert labels["masks"][:5, 0, 0].tolist() == [18, 19, 20, 19, 20]  # three tiles in each row


def test_land_tiles_are_split_by_longitude():
    columns = sorted(column for part in land_tiles.PARTS.values() for column in part)
    assert columns == list(range(33))
    assert sum(info("land_tiles").splits.values()) == 528


def test_tiles_of_tree_crowns():
    """A tile for each box center, with clipped boxes; the last column of the image is too narrow for a tile."""
    image = np.arange(400 * 450 * 3, dtype=np.uint32).reshape(400, 450, 3)
    boxes = np.array([[10, 20, 50, 60], [190, 20, 230, 60], [190, 350, 202, 390], [410, 0, 440, 20]], np.float32)
    (first, one), (second, two), (third, three) = tree_crowns.tiles(image, boxes)
    np.testing.assert_array_equal(first, image[:200, :200])
    np.testing.assert_array_equal(second, image[:200, 200:400])
    np.testing.assert_array_equal(third, image[200:, :200])
    assert one.tolist() == [[10, 20, 50, 60]]
    assert two.tolist() == [[0, 20, 30, 60]]
    assert three.tolist() == [[190, 150, 200, 190]]


def test_labels_of_tree_crowns(tmp_path):
    files = {file.name: tmp_path / file.name for file in tree_crowns.FILES}
    box = "<bndbox><xmin>{}</xmin><ymin>250</ymin><xmax>{}</xmax><ymax>270</ymax></bndbox>"
    for number, (image, annotation) in enumerate(tree_crowns.PHOTOGRAPHS.values()):
        files[image.name].write_bytes(png(np.full((400, 200, 3), 10 * number, np.uint8)))
        inside = "".join(f"<object>{box.format(10 * step, 10 * step + 15)}</object>" for step in range(number + 1))
        files[annotation.name].write_text(f"<annotation>{inside}</annotation>")
    images, labels = tree_crowns.read(files, "validation")
    np.testing.assert_array_equal(np.round(images[:, 0, 0, 0] * 255), [20, 30])
    assert labels["photograph"].tolist() == [2, 3]
    assert (labels["classes"] == 0).sum(1).tolist() == [3, 4]
    assert labels["boxes"][0, :4].tolist() == [[0, 50, 15, 70], [10, 50, 25, 70], [20, 50, 35, 70], [0, 0, 0, 0]]


def test_photographs_offline(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    with pytest.raises(DataNotFoundError) as caught:
        sample_photographs()
    message = str(caught.value)
    assert message.startswith('Could not obtain photographs "sample_photographs". Sources tried:')
    assert 'as in sample_photographs(folder="downloads")' in message
    with pytest.raises(DataNotFoundError, match=f"folder {tmp_path}: .*YELL.*png is missing"):
        tree_crown_photographs(folder=tmp_path)
    for function in (sample_photographs, tree_crown_photographs):
        with raises_argument_error("folder", received="'/no/such/folder'"):
            function(folder="/no/such/folder")


@pytest.mark.slow
def test_tux_paint_stamps():
    splits = load_splits("tux_paint_stamps")
    counts = [np.bincount(labels).tolist() for _, labels in splits.values()]
    assert np.sum(counts, axis=0).tolist() == [132, 47, 54, 70, 40, 23, 32, 38]
    images = np.concatenate([images for images, _ in splits.values()])
    assert len(np.unique(images.reshape(436, -1), axis=0)) == 436
    assert (images[:, 0, 0] == 1).all(axis=1).mean() > 0.9  # white corners


@pytest.mark.slow
def test_land_tiles():
    masks = np.concatenate([load("land_tiles", split).labels["masks"] for split in info("land_tiles").splits])
    land, lake = ((masks == label).mean((1, 2)) for label in (1, 2))
    assert (len(masks), ((land > 0.05) & (land < 0.95)).sum(), (lake > 0.01).sum()) == (528, 201, 28)
    assert set(np.unique(masks)) == {0, 1, 2}


@pytest.mark.slow
def test_colors_of_land_tiles():
    """Tests that pixels that are more blue than red are water, which fails if images and masks are not aligned."""
    data = load("land_tiles", "test")
    blue = data.features[..., 2] > data.features[..., 0] + 0.03
    accuracy = (blue == (data.labels["masks"] != 1)).mean()
    flipped = (blue[:, ::-1] == (data.labels["masks"] != 1)).mean()
    assert accuracy > 0.85
    assert flipped < accuracy - 0.1


@pytest.mark.slow
def test_tree_crowns():
    photographs = tree_crown_photographs()
    shapes = [(image.shape, len(boxes)) for image, boxes in photographs.values()]
    assert shapes == [((2472, 2299, 3), 574), ((1035, 1249, 3), 279), ((400, 400, 3), 61), ((400, 400, 3), 37)]
    for image, boxes in photographs.values():
        assert image.dtype == np.uint8
        assert boxes.dtype == np.float32
        assert (boxes[:, :2] < boxes[:, 2:]).all()
        assert (boxes[:, 2:] <= image.shape[1::-1]).all()
    labels = [load("tree_crowns", split).labels for split in info("tree_crowns").splits]
    assert [(part["classes"] == 0).sum() for part in labels] == [520, 98, 256]
    assert [set(part["photograph"]) for part in labels] == [{0}, {2, 3}, {1}]
    for part in labels:
        used = part["classes"] == 0
        assert (part["boxes"][used][:, :2] < part["boxes"][used][:, 2:]).all()
        assert (part["boxes"][~used] == 0).all()


@pytest.mark.slow
def test_sample_photographs():
    images = sample_photographs()
    assert {name: image.shape for name, image in images.items()} == {
        "astronaut": (512, 512, 3),
        "chelsea": (300, 451, 3),
        "china": (427, 640, 3),
        "coffee": (400, 600, 3),
        "flower": (427, 640, 3),
        "rocket": (427, 640, 3),
    }
    assert {image.dtype for image in images.values()} == {np.dtype(np.uint8)}
    assert images["rocket"][0, 0, 2] > images["rocket"][0, 0, 0]  # the sky is blue
