"""Tests of data sets in the files of a user: folders of images by class, and tables."""

import logging
import struct
import zlib

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from tensorsmith.core import UnreadableFileError
from tensorsmith.data import info, load, load_splits
from tensorsmith.data.datasets.image_files import read_images
from tensorsmith.data.datasets.table_files import read_table
from tensorsmith.testing import raises_argument_error


def write_images(folder, count=10, size=(20, 30), mode="RGB"):
    """Writes uniform images of several formats, and returns their gray levels."""
    folder.mkdir(parents=True)
    levels = [20 * number for number in range(count)]
    for number, level in enumerate(levels):
        image = Image.new("L", size, level).convert(mode)
        image.save(folder / f"{number}.{'jpg' if number % 2 and mode != 'RGBA' else 'png'}")
    return levels


@pytest.fixture
def photos(tmp_path):
    write_images(tmp_path / "photos/rose")
    write_images(tmp_path / "photos/aster", mode="L", size=(7, 9))
    return tmp_path / "photos"


def test_folder_of_images(photos):
    about = info(str(photos))
    assert about.class_names == ("aster", "rose")
    assert about.splits == {"train": 14, "validation": 2, "test": 4}
    splits = load_splits(photos, image_shape=(8, 8))
    assert splits.class_names == ("aster", "rose")
    images, labels = (np.concatenate(parts) for parts in zip(*splits.values(), strict=True))
    assert (images.shape, images.dtype, labels.dtype) == ((20, 8, 8), "float32", "int32")
    for label in (0, 1):  # each image is in one split, and the classes are split in the same way
        levels = np.sort(images[labels == label].mean(axis=(1, 2)))
        np.testing.assert_allclose(levels, np.arange(10) * 20 / 255, atol=1 / 255)
        assert [np.sum(part == label) for _, part in splits.values()] == [7, 1, 2]
    again = load(photos, "test", image_shape=(8, 8, 3))
    np.testing.assert_allclose(again.features.mean(axis=3), splits["test"][0], atol=1e-6)
    assert again.class_names == ("aster", "rose")


def test_folders_of_splits(tmp_path):
    for split in ("train", "test"):
        for name in ("a", "b"):
            write_images(tmp_path / split / name, mode="L")
    splits = load_splits(tmp_path)
    assert {split: images.shape for split, (images, _) in splits.items()} == {
        "train": (18, 30, 20),
        "validation": (2, 30, 20),
        "test": (20, 30, 20),
    }
    write_images(tmp_path / "test/c")
    with raises_argument_error("data", received="the class c in test", expected="only classes of the folder train"):
        info(tmp_path)


def test_exif_orientation(tmp_path):
    """An image is turned as viewers show it."""
    for name in ("a", "b"):
        write_images(tmp_path / name, count=3)
    pixels = Image.fromarray(np.array([[0, 255]], "uint8")).resize((8, 8), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = 6  # the row of the file that is at the top is the right column
    for path in (tmp_path / "a").iterdir():
        pixels.save(path.with_suffix(".png"), exif=exif)
    (images, labels) = load_splits(tmp_path, image_shape=(8, 8))["train"]
    np.testing.assert_array_equal(images[labels == 0][0][:, 0], [0, 0, 0, 0, 1, 1, 1, 1])


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n",
        b"qoif" + bytes([0, 0, 0, 9, 0, 0, 0, 9, 3, 1, 63]),
        b"DDS " + bytes([124, 0, 0, 0]) + bytes(116),
        b"II*\x00\x08\x00\x00\x00\x00\x00",
    ],
    ids=["EPS", "QOI", "DDS", "TIFF"],
)
def test_images_of_other_formats(tmp_path, monkeypatch, content):
    """Pillow recognizes formats by their content, and starts Ghostscript for EPS."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "bin/gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    (tmp_path / "photo.png").write_bytes(content)
    with raises_argument_error("data", received="cannot be read: its format is none of PNG, JPEG, BMP, GIF, WEBP"):
        read_images([tmp_path / "photo.png"], (8, 8))
    assert not (tmp_path / "started").exists()


def png(color, channels, depth=16, size=(3, 2)):
    """Returns a PNG file of the value 1000 or, for 8 bits, of 100 (ISO/IEC 15948:2004)."""
    rows = np.full((size[1], size[0] * channels), 1000 if depth == 16 else 100, ">u2" if depth == 16 else "u1")
    pixels = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("color", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)], ids=["L", "RGB", "LA", "RGBA"])
def test_bits_per_channel(tmp_path, color, channels):
    """Pillow reads 16-bit colors as 8 bits, and 16-bit grayscale as integers."""
    (tmp_path / "8.png").write_bytes(png(color, channels, depth=8))
    np.testing.assert_allclose(read_images([tmp_path / "8.png"], (2, 3)), 100 / 255, rtol=1e-6)
    (tmp_path / "16.png").write_bytes(png(color, channels))
    for shape in (None, (2, 3, 3)):
        with raises_argument_error("data", received="16.png with more than 8 bits", expected="8 bits per channel"):
            read_images([tmp_path / "16.png"], shape)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (png(2, 3, depth=8, size=(40, 40))[:60], "image file is truncated"),
        (b"", "its format is none of PNG"),
        (png(2, 3, depth=8, size=(0, 2)), "its format is none of PNG"),
    ],
    ids=["truncated", "empty", "zero width"],
)
def test_damaged_images(tmp_path, content, reason):
    (tmp_path / "photo.png").write_bytes(content)
    for shape in (None, (8, 8)):
        with raises_argument_error("data", received=f"photo.png, which cannot be read: {reason}", remedy="remove"):
            read_images([tmp_path / "photo.png"], shape)


def test_converted_images(tmp_path):
    """Palettes and CMYK are converted to RGB, and the first frame of an animation is read."""
    palette = Image.new("P", (3, 2), 1)
    palette.putpalette([0, 0, 0, 255, 102, 0])
    palette.save(tmp_path / "palette.png")
    np.testing.assert_allclose(read_images([tmp_path / "palette.png"])[0, 0, 0], [1, 0.4, 0], rtol=1e-6)
    Image.new("CMYK", (8, 8), (0, 102, 255, 0)).save(tmp_path / "printed.jpg", quality=100)
    pixels = read_images([tmp_path / "printed.jpg"])
    assert pixels.shape == (1, 8, 8, 3)
    np.testing.assert_allclose(pixels[0, 4, 4], [1, 0.6, 0], atol=0.02)  # (1 - C) (1 - K), and so on
    frames = [Image.new("L", (3, 2), level) for level in (200, 50)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "moving.gif") as image:
        assert image.n_frames == 2
    np.testing.assert_allclose(read_images([tmp_path / "moving.gif"], (2, 3)), 200 / 255, rtol=1e-6)


def test_single_class(tmp_path):
    write_images(tmp_path / "photos/rose")
    with raises_argument_error("data", received="images in 1 such subfolder", expected="at least 2 classes"):
        info(tmp_path / "photos")


def test_files_that_are_not_images(photos, caplog):
    (photos / "rose/notes.txt").write_text("no image")
    (photos / "rose/lost.png").symlink_to("nowhere")
    (photos / ".hidden").mkdir()
    with caplog.at_level(logging.INFO, "tensorsmith.data"):
        load_splits(photos, image_shape=(4, 4))
    (record,) = caplog.records
    assert record.message.endswith("skipped 2 files (no images of a class), such as lost.png")


def test_invalid_folders(tmp_path, photos):
    with raises_argument_error("data", received="images of 2 shapes", remedy="pass image_shape"):
        load(photos)
    with raises_argument_error("image_shape", received="(8, 8, 2)", expected="1, 3 or 4 channels"):
        load(photos, image_shape=(8, 8, 2))
    write_images(tmp_path / "flat")
    with raises_argument_error("data", received="images in 0 such subfolders", expected="at least 2 classes"):
        info(tmp_path / "flat")
    (photos / "rose/0.png").write_bytes(b"damaged")
    with raises_argument_error("data", received="0.png, which cannot be read", remedy="remove or replace the file"):
        load_splits(photos, image_shape=(8, 8))
    write_images(photos / "tulip", count=2)
    with raises_argument_error("data", received="2 examples of the class tulip", expected="at least 3 examples"):
        info(photos)
    Image.fromarray(np.full((8, 8), 1000, "uint16")).save(photos / "rose/0.png")
    write_images(photos / "tulip/more", count=1)
    with raises_argument_error("data", received="more than 8 bits"):
        load_splits(photos, image_shape=(8, 8))


HOUSES = "size,age,price\n" + "".join(f"{number}.5,{number % 7},{3 * number}\n" for number in range(100))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_table_of_numbers(tmp_path, suffix):
    path = tmp_path / f"houses{suffix}"
    if suffix == ".parquet":
        rows = np.array([line.split(",") for line in HOUSES.splitlines()[1:]], float)
        parquet.write_table(pa.table(dict(zip(("size", "age", "price"), rows.T, strict=True))), path)
    else:
        path.write_text(HOUSES.replace(",", "\t") if suffix == ".tsv" else HOUSES)
    splits = load_splits(path, only_numbers=True)
    assert splits.feature_names == ("size", "age")
    assert [len(labels) for _, labels in splits.values()] == [70, 10, 20]
    features, labels = (np.concatenate(parts) for parts in zip(*splits.values(), strict=True))
    assert features.dtype == labels.dtype == "float32"
    np.testing.assert_array_equal(np.sort(labels), 3 * np.arange(100))
    np.testing.assert_allclose(features[:, 0], labels / 3 + 0.5, rtol=1e-6)
    assert load(path, target="age").feature_names == ("size", "price")


def test_large_integers(tmp_path, caplog):
    """float32 represents all integers up to 2**24, and not 2**24 + 1."""
    rows = [f"{2**24 - row},{-(2**24) - 1 - row},{2**60},{row / 3},{row}" for row in range(30)]
    (tmp_path / "t.csv").write_text("exact,number,far,real,target\n" + "\n".join([*rows, "5,,5,0.5,1"]))
    with caplog.at_level(logging.WARNING, "tensorsmith.data"):
        load(tmp_path / "t.csv")
        load(tmp_path / "t.csv", split="test")
    names = [message.partition(" has integers beyond 2**24, which float32 rounds")[0] for message in caplog.messages]
    assert names == [f"{tmp_path / 't.csv'}: column {name}" for name in ("number", "far")]


def test_table_with_strings_and_classes(tmp_path):
    rows = "".join(
        f"{number},{'Oslo' if number % 2 else ''},{'yes' if number < 20 else 'no'}\n" for number in range(50)
    )
    (tmp_path / "people.csv").write_text(f"age,city,buys\n{rows}")
    train = load(tmp_path / "people.csv")
    assert train.class_names == ("no", "yes")
    assert train.features.keys() == {"age", "city"}
    np.testing.assert_array_equal(train.labels, train.features["age"] < 20)
    assert set(train.features["city"]) == {"Oslo", ""}
    counts = [np.sum(load(tmp_path / "people.csv", split).labels) for split in ("train", "validation", "test")]
    assert counts == [14, 2, 4]
    with raises_argument_error("data", received="strings in city", remedy="encode them as numbers"):
        load_splits(tmp_path / "people.csv", only_numbers=True)
    (tmp_path / "people.csv").write_text(f"age,city,buys\n{rows}".replace("Oslo", "1"))
    with raises_argument_error("target", received="classes no, yes as labels", expected="a column of numbers"):
        load_splits(tmp_path / "people.csv", only_numbers=True)
    (tmp_path / "people.csv").write_text(
        f"age,city,buys\n{rows}".replace("Oslo", "1").replace("yes", "1").replace("no", "0")
    )
    with raises_argument_error("data", received="missing values in city", remedy="fill in the values"):
        load_splits(tmp_path / "people.csv", only_numbers=True)


def test_invalid_tables(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text(HOUSES)
    with raises_argument_error("target", received="'prise'", expected="size, age, price", remedy="Did you mean price?"):
        load(path, target="prise")
    with raises_argument_error("data", expected="a folder with a subfolder of images", remedy="mlp/adult"):
        load(path, image_shape=(8, 8))
    with raises_argument_error("data", expected="a CSV, TSV or Parquet file", remedy="cnn/fashion_mnist"):
        load_splits(tmp_path, only_numbers=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("size,price\n1,2\n3\n", "houses.csv"),
        ("size,price\n", "without rows"),
        ("0.5,2\n0.7,3\n", "without column names"),
        ("price\n1\n2\n3\n", "the single column price"),
    ],
)
def test_unreadable_tables(tmp_path, text, problem):
    (tmp_path / "houses.csv").write_text(text)
    with raises_argument_error("data", received=problem):
        load(tmp_path / "houses.csv")


def test_duplicate_columns(tmp_path):
    (tmp_path / "houses.csv").write_text("size,price,size\n1,2,3\n")
    with pytest.raises(UnreadableFileError, match="duplicate column `size`"):
        load(tmp_path / "houses.csv")


def people(count=60):
    """Returns a table as a spreadsheet exports it: thousands separators, dates, yes and no, and missing values."""
    lines = ["income,since,member,group"]
    for number in range(count):
        income = "" if number == 7 else f'"{1000 * number + 0.5:,.2f}"'
        member = "yes" if number % 3 else "no"
        lines.append(f"{income},2024-01-{number % 28 + 1:02},{member},{'high' if number % 2 else 'low'}")
    return "\n".join(lines) + "\n"


def test_numbers_dates_and_yes_or_no_of_a_spreadsheet(tmp_path):
    (tmp_path / "people.csv").write_text(people())
    splits = load_splits(tmp_path / "people.csv", classes=True)
    assert splits.class_names == ("high", "low")
    columns = {
        name: np.concatenate([splits[split][0][name] for split in ("train", "validation", "test")])
        for name in ("income", "since", "member")
    }
    labels = np.concatenate([splits[split][1] for split in ("train", "validation", "test")])
    rows = np.round((columns["income"] - 0.5) / 1000)  # the original order
    known = ~np.isnan(rows)
    assert np.sum(~known) == 1
    rows = rows[known].astype(int)
    assert sorted(rows) == [number for number in range(60) if number != 7]
    days = (np.datetime64("2024-01-01") - np.datetime64("1970-01-01")).astype(int) + rows % 28
    np.testing.assert_array_equal(columns["since"][known], days)
    np.testing.assert_array_equal(columns["member"][known], rows % 3 > 0)
    np.testing.assert_array_equal(labels[known], 1 - rows % 2)


def test_new_table_is_read_as_that_of_the_training_data(tmp_path):
    """In the new table alone, "1,234" could have a decimal comma, and 0 and 1 be numbers."""
    (tmp_path / "people.csv").write_text(people())
    (tmp_path / "new.csv").write_text('income,since,member\n"1,234",2024-02-01,no\n')
    schema = load_splits(tmp_path / "people.csv", classes=True).schema
    table = read_table(tmp_path / "new.csv", "input", schema)
    assert table.column("income").tolist() == [1234.0]
    assert table.column("member").tolist() == [False]
    (tmp_path / "new.csv").write_text('income,since,member\n"1,234",2024-02-01,no\n,2024-02-30,no\n')
    with raises_argument_error("input", received="'2024-02-30' in column since, row 2 (line 3)", expected="2024-12-31"):
        read_table(tmp_path / "new.csv", "input", schema).column("since")


def test_other_names():
    with raises_argument_error("name", received="'photos'", expected="or an existing folder or table"):
        load("photos")
    with raises_argument_error("data", received="digits, a data set of images of shape (8, 8)", expected="(28, 28)"):
        load_splits("digits", image_shape=(28, 28))
    with raises_argument_error("target", expected="None for the data set digits"):
        load("digits", target="class")
    assert load("digits", "test", image_shape=(8, 8, 1)).features.shape == (360, 8, 8, 1)
