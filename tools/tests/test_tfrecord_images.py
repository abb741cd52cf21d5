"""Tests of `tensorsmith tfrecord infer` and `convert` with folders of photographs."""

import numpy as np
import pytest
from PIL import Image

from tensorsmith.tools.main import main

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 4), "uint8")


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photographs").mkdir()
    for number, mode in enumerate(["L", "RGB", "RGBA"]):
        Image.fromarray(PIXELS[number:]).convert(mode).save(f"photographs/{number}.png")
    return tmp_path


def test_channels(photographs, capsys):
    assert main(["tfrecord", "infer", "photographs", "--channels", "4", "--out", "schema.yaml"]) == 0
    assert "shape: [null, 6, 4]" in (photographs / "schema.yaml").read_text()
    assert main(["tfrecord", "convert", "photographs", "out"]) == 0
    assert "shape: [null, 6, 3]" in (photographs / "out" / "schema.yaml").read_text()
    expected = "image: 1 grayscale, 1 RGB and 1 RGBA images; `examples` decodes them to 3 channels"
    assert expected in capsys.readouterr().out
    assert main(["tfrecord", "convert", "photographs", "gray", "--schema", "schema.yaml", "--channels", "1"]) == 0
    assert "shape: [null, 6, 1]" in (photographs / "gray" / "schema.yaml").read_text()
    assert "`examples` decodes them to 1 channel (colors become gray" in capsys.readouterr().out
    assert main(["tfrecord", "convert", "photographs", "four", "--schema", "schema.yaml"]) == 0
    assert "`examples` decodes them to 4 channels" in capsys.readouterr().out
    assert main(["tfrecord", "infer", "photographs", "--channels", "2"]) == 2
    assert "channels must be 1, 3 or 4, got 2." in capsys.readouterr().err


def test_schema_and_resize(photographs):
    (photographs / "schema.yaml").write_text(
        "features:\n  image: {dtype: uint8, shape: [null, null, 3], encoding: png}\n"
    )
    assert main(["tfrecord", "convert", "photographs", "out", "--schema", "schema.yaml", "--resize", "32,32"]) == 0
    assert "shape: [32, 32, 3]" in (photographs / "out" / "schema.yaml").read_text()


def test_truncated_image(photographs, capsys):
    data = (photographs / "photographs" / "1.png").read_bytes()
    (photographs / "photographs" / "cut.png").write_bytes(data[:-8])
    assert main(["tfrecord", "convert", "photographs", "out"]) == 1
    error = capsys.readouterr().err
    assert "photographs/cut.png, row 1: the image is corrupted: the end of the file is missing" in error
    assert "Correct or remove the rows or files" in error
    assert "schema" not in error
