"""Tests of `tensorsmith data` on the command line, with the data sets that `make data` has fetched."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tensorsmith.data import fetch, info, load, names
from tensorsmith.tools.main import main


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Function that runs a subcommand in an empty folder and returns exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        try:
            code = main(["data", *map(str, arguments)])
        except SystemExit as stopped:
            code = stopped.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    """Empty cache folder, without network access."""
    monkeypatch.setenv("TENSORSMITH_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    return tmp_path / "cache"


def line_of(text, start):
    (line,) = (line for line in text.splitlines() if line.removeprefix("│").strip().startswith(start))
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_list_shows_all_with_sizes_and_licences(call, no_data):
    code, out, err = call("list")
    assert (code, err) == (0, "")
    for name in names():
        cells = line_of(out, f"{name} ")
        assert cells[2] == ("1 text" if name == "shakespeare" else f"{sum(info(name).splits.values()):,}")
        assert cells[4] == ("no" if info(name).sources or info(name).base else "not needed")


def test_list_shows_cached_data_sets(call, no_data):
    for number, name in enumerate(("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")):
        assert line_of(call("list")[1], "fashion_mnist ")[4] == "no", number
        (no_data / "fashion_mnist").mkdir(parents=True, exist_ok=True)
        (no_data / "fashion_mnist" / f"{name}-ubyte.gz").touch()
    assert line_of(call("list")[1], "fashion_mnist ")[4] == "yes"


def test_list_and_info_do_not_import_tensorflow():
    program = (
        "import sys; from tensorsmith.tools.main import main; main(['data', 'list']); main(['data', 'info', 'adult']); "
        "sys.exit(bool({'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


def test_info_shows_sources(call, no_data):
    code, out, _ = call("info", "fashion_mnist")
    assert code == 0
    plain = " ".join(out.split())
    assert "train 55,000, validation 5,000, test 10,000" in plain
    assert "Sandal, Shirt, Sneaker, Bag, Ankle boot" in plain
    assert "licence MIT" in plain
    assert (
        "Debian package dataset-fashion-mnist 0.0~git20200523.55506a9-1, 30.9 MB: train-images-idx3-ubyte.gz" in plain
    )
    assert f"cached no, {no_data}/fashion_mnist" in plain


def test_info_names_units(call):
    plain = " ".join(call("info", "california_housing")[1].split())
    assert "MedInc (10,000 dollars), HouseAge (years)" in plain
    assert "labels 100,000 dollars" in plain


@pytest.mark.parametrize("subcommand", ["info", "fetch", "preview"])
def test_typos(call, no_data, subcommand):
    code, _, err = call(subcommand, "fashion_mist")
    assert code == 2
    assert "Did you mean fashion_mnist?" in err


def test_fetch_reports_all_unknown_names(call, no_data):
    code, out, err = call("fetch", "digits", "fashion_mist", "adolt")
    assert (code, out) == (2, "")
    assert "For fashion_mist: Did you mean fashion_mnist? For adolt: Did you mean adult?" in err


@pytest.mark.parametrize("arguments", [[], ["digits", "--all"]])
def test_fetch_requires_names_or_all(call, arguments):
    code, _, err = call("fetch", *arguments)
    assert code == 2
    assert "NAME must be one or more data set names, or omitted if --all is set" in err


def test_fetch_shows_file_locations(call):
    folder = fetch("california_housing")
    code, out, _ = call("fetch", "digits", "california_housing")
    assert code == 0
    assert out.splitlines() == [
        "digits: no download needed",
        f"california_housing: 1 file, 668.6 kB in {folder}",
    ]


def test_fetch_verifies_common_files_once(call):
    code, out, _ = call("fetch", "composed_fashion", "fashion_mnist")
    assert code == 0
    assert out.splitlines()[0] == "composed_fashion: generated from fashion_mnist"
    assert out.splitlines()[1].startswith("fashion_mnist: 4 files")


def test_fetch_continues_after_failure(call, no_data):
    code, out, err = call("fetch", "adult", "digits")
    assert (code, out) == (1, "digits: no download needed\n")
    assert err.startswith('tensorsmith: Could not obtain data set "adult". Sources tried:')
    assert f"For manual installation, put adult.parquet.brotli into {no_data / 'adult'}" in err
    assert "Traceback" not in err


def test_preview_of_images(call):
    digits = load("digits", "test")
    code, out, _ = call("preview", "digits", "--split", "test", "--out", "sheet.png")
    assert code == 0
    assert out.startswith("digits, test: 360 examples\n")
    assert f"mean {digits.features.mean():.4f}" in out
    assert line_of(out, "7 ")[2] == str((digits.labels == 7).sum())
    assert "first labels: 5, 2, 8, 1, 7," in out
    assert "sheet.png: first 64 images" in out
    with Image.open("sheet.png") as sheet:
        corner = np.asarray(sheet.convert("L"))[4:100, 4:100]
    # Each pixel of the first image covers 12 by 12 pixels of the contact sheet.
    np.testing.assert_array_equal(corner[6::12, 6::12], np.round(digits.features[0] * 255))


def test_labels_of_several_kinds(call):
    labels = "boxes float32 (4, 4) in pixels, classes int32 (4,), masks uint8 (96, 96)"
    out = call("info", "composed_fashion")[1]
    assert labels in out
    assert "dataset-fashion-mnist" in out
    code, out, _ = call("preview", "composed_fashion", "--split", "validation")
    assert code == 0
    assert f"labels: {labels}" in out
    classes = load("composed_fashion", "validation").labels["classes"]
    assert line_of(out, "9 ")[1:3] == ["Ankle boot", str((classes == 9).sum())]


def test_preview_without_out_writes_nothing(call, tmp_path):
    assert call("preview", "digits")[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_preview_of_a_table_of_numbers(call):
    data = load("california_housing", "test")
    code, out, _ = call("preview", "california_housing", "--split", "test")
    assert code == 0
    latitude = data.features[:, 6].astype(float)
    figures = [f"{value:.6g}" for value in (latitude.min(), latitude.mean(), latitude.max())]
    first = ", ".join(f"{value:.6g}" for value in latitude[:3])
    assert line_of(out, "Latitude ") == ["Latitude", "degrees north", first, *figures]
    assert line_of(out, "label ")[1] == "100,000 dollars"


def test_preview_of_table_with_strings(call):
    code, out, _ = call("preview", "adult", "--split", "test")
    assert code == 0
    assert line_of(out, "age ")[:4] == ["age", "years", "25, 38, 28", "17"]
    assert line_of(out, "race ")[:3] == ["race", "5 strings", "Black, White, White"]
    assert line_of(out, "1 ") == ["1", ">50K", "3,846", "23.6%"]


def test_preview_of_text_data_sets(call):
    out = call("preview", "movie_reviews")[1]
    reviews = load("movie_reviews")
    assert f"{reviews.labels[0]:>6.2f}  {reviews.features[0][:40]}" in out
    out = call("preview", "shakespeare")[1]
    assert "shakespeare, train: 4,551,552 characters\n  ALL'S WELL THAT ENDS WELL" in out
    assert "' ' " in out


def test_preview_of_time_series(call):
    code, out, _ = call("preview", "sea_surface_temperature", "--out", "series.png")
    assert code == 0
    assert line_of(out, "time ")[3:] == ["2016-02-15T00:00:00", "", "2016-12-31T21:30:00"]
    assert "series.png: temperature over time" in out
    with Image.open("series.png") as chart:
        pixels = np.asarray(chart.convert("RGB"))
    # The first color of Matplotlib occurs in more than half of the pixel columns.
    assert (pixels == (31, 119, 180)).all(axis=2).any(axis=0).mean() > 0.5


def test_preview_with_invalid_out(call, no_data):
    code, _, err = call("preview", "adult", "--out", "table.png")
    assert code == 2
    assert "--out must be omitted (adult has no images and is not a series)" in err
    code, _, err = call("preview", "mnist_5k", "--out", "no/such/folder/sheet.png")
    assert code == 1
    assert "no such folder" in err


def test_preview_of_unknown_split(call):
    code, _, err = call("preview", "digits", "--split", "tset")
    assert code == 2
    assert "Did you mean test?" in err
