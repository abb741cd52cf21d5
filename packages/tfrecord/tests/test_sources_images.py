"""Images with classes or boxes, and sound, as sources, compared with Pillow and wave."""

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, UnreadableError, open_source, review
from tensorsmith.tfrecord.encode.batch import encode_batch
from tensorsmith.tfrecord.pipeline.decode import decode
from tensorsmith.tfrecord.sources.image_files import read_image


def read(source):
    """Returns all rows, the numbers of all rows, and all rejects."""
    batches = list(source.batches(source.infer()))
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    numbers = [number for batch in batches for number in batch.numbers.tolist()]
    return rows, numbers, [reject for batch in batches for reject in batch.rejects]


def draw(path, height=4, width=6, mode="RGB", seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), "uint8")
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_classes(tmp_path):
    paths = [draw(tmp_path / name / f"{i}.png", seed=i) for name in ("dog", "cat") for i in range(3)]
    source = open_source(tmp_path)
    assert source.infer().features == {
        "image": Feature("uint8", (4, 6, 3), "png"),
        "label": Feature("int64", labels=("cat", "dog")),
    }
    rows, numbers, rejects = read(source)
    assert [row["label"] for row in rows] == [0, 0, 0, 1, 1, 1]
    assert [row["image"] for row in rows] == [path.read_bytes() for path in sorted(paths)]
    assert (numbers, rejects) == ([1, 2, 3, 4, 5, 6], [])
    assert read(source) == (rows, numbers, rejects)


def test_images_of_different_sizes(tmp_path):
    draw(tmp_path / "a" / "1.jpg", 8, 10)
    draw(tmp_path / "a" / "2.jpg", 8, 12)
    draw(tmp_path / "b" / "3.png", 9, 12)
    assert open_source(tmp_path).infer().features["image"] == Feature("uint8", (None, None, 3), "image")
    assert open_source(tmp_path / "a").infer().features == {"image": Feature("uint8", (8, None, 3), "jpeg")}
    draw(tmp_path / "b" / "4.png", 9, 12, "L")
    assert open_source(tmp_path / "b").infer().features["image"].shape == (9, 12, 3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_png_channels_match_tensorflow(tmp_path, mode):
    path = tmp_path / "a.png"
    if mode == "I;16":
        Image.fromarray(np.zeros((4, 6), "uint16")).save(path)
    else:
        draw(path, mode=mode)
    assert read_image(path).shape == tuple(tf.io.decode_image(path.read_bytes()).shape)


def test_palette_with_transparency(tmp_path):
    path = draw(tmp_path / "a.png", mode="P")
    with Image.open(path) as image:
        image.save(path, transparency=0)
    assert read_image(path).shape == tuple(tf.io.decode_image(path.read_bytes()).shape) == (4, 6, 4)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_channels_match_tensorflow(tmp_path, mode):
    path = draw(tmp_path / "a.jpg", mode=mode)
    assert read_image(path).shape == tuple(tf.io.decode_image(path.read_bytes()).shape)


def test_broken_images_are_rejects(tmp_path):
    good = draw(tmp_path / "a" / "good.png", 40, 60)
    jpeg = draw(tmp_path / "a" / "cut.jpg", 40, 60)
    jpeg.write_bytes(jpeg.read_bytes()[:-200])
    (tmp_path / "a" / "cut.png").write_bytes(good.read_bytes()[:-200])
    (tmp_path / "a" / "text.png").write_text("text")
    draw(tmp_path / "a" / "web.gif")
    draw(tmp_path / "beside.png")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    source = open_source(tmp_path)
    assert source.skipped == [tmp_path / "a" / "notes.txt"]
    assert f"# Skipped 1 file of another kind: {tmp_path}/a/notes.txt\n" in review(source)
    rows, numbers, rejects = read(source)
    assert (len(rows), numbers) == (1, [3])
    found = {reject.file.removeprefix(f"{tmp_path}/"): reject.problem for reject in rejects}
    assert found.keys() == {"a/cut.jpg", "a/cut.png", "a/text.png", "a/web.gif", "beside.png"}
    assert found["a/cut.jpg"].startswith("the image is corrupted: ")
    assert found["a/cut.png"].startswith("the image is corrupted: ")
    assert found["a/text.png"] == "the image must be PNG or JPEG, got 4 bytes of another format"
    assert found["a/web.gif"] == "the image must be PNG or JPEG, got gif"
    assert found["beside.png"] == "a file must be in one of the class folders a"


def test_sixteen_bits(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 65536, (2, 4, 6), "uint16")
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    schema = open_source(tmp_path).infer()
    assert schema.features == {"image": Feature("uint16", (4, 6, 1), "png")}
    (batch,) = open_source(tmp_path).batches(schema)
    columns, rejects = encode_batch(batch, schema)
    assert rejects == []
    files = tf.constant([file for (file,) in columns["image"].to_lists()])
    np.testing.assert_array_equal(decode({"image": files}, schema)["image"][..., 0], pixels)
    draw(tmp_path / "8.png", mode="L")
    (batch,) = open_source(tmp_path).batches(schema)
    (reject,) = encode_batch(batch, schema)[1]
    assert (reject.file, reject.problem) == (str(tmp_path / "8.png"), "expected a file of uint16, got uint8")
    assert open_source(tmp_path).infer() == Schema({"image": Feature("uint8", (4, 6, 1), "png")})


@pytest.mark.parametrize("mixed", [False, True])
def test_reject_names_file(tmp_path, mixed):
    draw(tmp_path / "1.png")
    odd = draw(tmp_path / ("2.jpg" if mixed else "2.png"), height=5)
    source, schema = open_source(tmp_path), Schema({"image": Feature("uint8", (4, 6, 3), "png")})
    (batch,) = source.batches(schema)
    _, (reject,) = encode_batch(batch, schema)
    assert (reject.file, reject.row) == (str(odd), 1)
    kind = "JPEG" if mixed else "PNG"
    assert reject.problem == f"expected PNG of shape (4, 6, 3), got a {kind} file of 5 x 6"
    if mixed:
        (batch,) = source.batches(source.infer())
        assert encode_batch(batch, source.infer())[1] == []


def voc(path, name, objects, size=(6, 4), image=None):
    boxes = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax>"
        f"<ymax>{bottom}</ymax></bndbox><difficult>{int(label == 'cat')}</difficult></object>"
        for label, left, top, right, bottom in objects
    )
    width, height = size
    path.mkdir(exist_ok=True)
    (path / f"{name}.xml").write_text(
        f"<annotation><filename>{image or name + '.jpg'}</filename><size><width>{width}</width>"
        f"<height>{height}</height></size>{boxes}</annotation>"
    )


BOXES = {
    "image": Feature("uint8", (4, 6, 3), "jpeg"),
    "bbox": Feature("float32", (None, 4)),
    "label": Feature("int64", (None,)),
    "label_text": Feature("string", (None,)),
}


@pytest.mark.parametrize("folder", ["Annotations", "JPEGImages"])
def test_voc(tmp_path, folder):
    first = draw(tmp_path / "JPEGImages" / "1.jpg")
    draw(tmp_path / "JPEGImages" / "2.jpg")
    voc(tmp_path / folder, "1", [("dog", 3, 1, 6, 4), ("cat", 0, 0, 1.5, 2)])
    voc(tmp_path / folder, "2", [])
    source = open_source(tmp_path)
    assert source.infer().features == BOXES | {"is_difficult": Feature("bool", (None,))}
    (row, other), numbers, rejects = read(source)
    assert row["image"] == first.read_bytes()
    assert row["bbox"] == [[0.25, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 0.25]]
    assert (row["label"], row["label_text"]) == ([1, 0], ["dog", "cat"])
    assert row["is_difficult"] == [False, True]
    assert (other["bbox"], other["label"], other["is_difficult"]) == ([], [], [])
    assert (numbers, rejects) == ([1, 2], [])


def test_voc_rejects(tmp_path):
    folder = tmp_path / "Annotations"
    for name in "12345":
        draw(tmp_path / f"{name}.jpg")
    voc(folder, "1", [("dog", 3, 1, 9, 4)])
    voc(folder, "2", [("dog", 3, 1, 6, 4)], size=(4, 6))
    voc(folder, "3", [("", 3, 1, 6, 4)])
    voc(folder, "4", [("dog", 3, 1, "x", 4)])
    voc(folder, "6", [])
    (folder / "7.xml").write_text("<annotation>")
    rows, _, rejects = read(open_source(tmp_path))
    assert rows == []
    problems = [(reject.file.rpartition("/")[2], reject.problem) for reject in rejects]
    expected = [
        ("1.xml", "a box must lie within 6 x 4 pixels, got left 3, top 1, right 9, bottom 4"),
        ("2.xml", "boxes must be for the image size 6 x 4, got boxes for 4 x 6 pixels"),
        ("3.xml", "an object has no name or bndbox"),
        ("4.xml", "could not convert string to float"),
        ("6.xml", "does not exist"),
        ("7.xml", "invalid annotation"),
        ("5.jpg", "the image has no annotation"),
    ]
    assert [name for name, _ in problems] == [name for name, _ in expected]
    for (_, problem), (_, part) in zip(problems, expected, strict=True):
        assert part in problem


def test_voc_with_duplicate_image_names(tmp_path):
    draw(tmp_path / "a" / "1.jpg")
    draw(tmp_path / "b" / "1.jpg")
    voc(tmp_path, "1", [])
    with pytest.raises(UnreadableError, match="duplicate image name"):
        open_source(tmp_path)


COCO = {
    "images": [{"id": 7, "file_name": "1.jpg"}, {"id": 3, "file_name": "2.jpg"}, {"id": 4, "file_name": "3.jpg"}],
    "annotations": [
        {"image_id": 3, "category_id": 9, "bbox": [0, 0, 6.5, 4]},
        {"image_id": 7, "category_id": 2, "bbox": [3, 1, 3, 3]},
        {"image_id": 7, "category_id": 9, "bbox": [0, 0, 1.5, 2], "iscrowd": 1},
    ],
    "categories": [{"id": 9, "name": "cat"}, {"id": 2, "name": "dog"}],
}


@pytest.fixture
def coco(tmp_path):
    def write(content, **dump):
        path = tmp_path / "annotations" / "instances.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, **dump))
        return path

    draw(tmp_path / "train" / "1.jpg")
    draw(tmp_path / "train" / "2.jpg")
    return write


@pytest.mark.parametrize("indent", [None, 2])
def test_coco(tmp_path, coco, indent):
    path = coco(COCO, indent=indent)
    for source in (open_source(path), open_source(tmp_path)):
        assert source.infer().features == BOXES | {"is_crowd": Feature("bool", (None,))}
        (first, second), numbers, (reject,) = read(source)
        assert first["image"] == (tmp_path / "train" / "1.jpg").read_bytes()
        assert first["bbox"] == [[0.25, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 0.25]]
        assert (first["label"], first["label_text"]) == ([0, 1], ["dog", "cat"])
        assert (first["is_crowd"], second["is_crowd"]) == ([False, True], [False])
        assert second["bbox"] == [[0.0, 0.0, 1.0, 1.0]]  # half a pixel outside is within the tolerance
        assert numbers == [1, 2]
        assert (reject.file, reject.row) == (str(path), 3)
        assert "does not exist" in reject.problem
        assert source.files == [path, tmp_path / "train" / "1.jpg", tmp_path / "train" / "2.jpg"]


def test_coco_errors(tmp_path, coco):
    with pytest.raises(UnreadableError, match="refers to the unknown image 5"):
        open_source(coco({**COCO, "annotations": [{"image_id": 5, "category_id": 2, "bbox": [0, 0, 1, 1]}]}))
    with pytest.raises(UnreadableError, match="'name' is missing"):
        open_source(coco({**COCO, "categories": [{"id": 2}]}))
    with pytest.raises(UnreadableError, match="not a COCO file"):
        open_source(coco({**COCO, "images": 5}))
    path = coco(COCO)
    path.write_text(path.read_text().replace('"images"', '"x": ' + "[" * 100_000 + "]" * 100_000 + ', "images"'))
    with pytest.raises(UnreadableError, match="not a COCO file"):
        open_source(path)
    wrong = [{"image_id": 7, "category_id": 5, "bbox": [0, 0, 1, 1]}, {"image_id": 3, "category_id": 2, "bbox": [0, 0]}]
    _, _, rejects = read(open_source(coco({**COCO, "annotations": wrong})))
    assert "image 7: unknown category 5" in rejects[0].problem
    assert "image 3: not enough values" in rejects[1].problem
    coco(COCO)
    (tmp_path / "annotations" / "other.json").write_text(json.dumps(COCO))
    with raises_argument_error("source", expected="a single annotation file", remedy="pass one of them"):
        open_source(tmp_path)


def record(path, channels=1, width=2, count=100, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setparams((channels, width, rate, 0, "NONE", ""))
        sound.writeframes(bytes(count * channels * width))
    return path


def test_wav(tmp_path):
    paths = [record(tmp_path / name / f"{i}.wav", count=50 + i) for name in ("no", "yes") for i in range(2)]
    source = open_source(tmp_path)
    assert source.infer().features == {
        "audio": Feature("int16", (None,), "wav"),
        "rate": Feature("int64"),
        "label": Feature("int64", labels=("no", "yes")),
    }
    rows, numbers, _ = read(source)
    assert [row["audio"] for row in rows] == [path.read_bytes() for path in paths]
    with wave.open(io.BytesIO(rows[1]["audio"])) as sound:
        assert (sound.getnframes(), sound.getframerate()) == (51, rows[1]["rate"])
    assert [row["label"] for row in rows] == [0, 0, 1, 1]
    assert numbers == [1, 2, 3, 4]


def test_wav_channels_and_rejects(tmp_path):
    record(tmp_path / "1.wav", channels=2)
    record(tmp_path / "2.wav", width=3)
    cut = record(tmp_path / "3.wav")
    cut.write_bytes(cut.read_bytes()[:-5])
    (tmp_path / "4.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    source = open_source(tmp_path)
    assert source.infer().features == {"audio": Feature("int16", (None, 2), "wav"), "rate": Feature("int64")}
    _, numbers, rejects = read(source)
    assert numbers == [1]
    assert [reject.problem for reject in rejects][:2] == [
        "samples must have 16 bits, got 24",
        "the WAV file is truncated: 5 bytes of samples are missing",
    ]
    assert rejects[2].problem.startswith("the WAV file is corrupted")


def test_list_of_class_folders(tmp_path, monkeypatch):
    for name in ("cat", "dog", "other/cat"):
        draw(tmp_path / name / "1.png")
    whole, _, _ = read(open_source([tmp_path / "dog", tmp_path / "cat"]))
    assert [row["label"] for row in whole] == [1, 0]
    monkeypatch.chdir(tmp_path)
    assert open_source(["cat", "dog"]).infer().features["label"].labels == ("cat", "dog")
    assert "label" not in open_source(["cat/1.png", "dog/1.png"]).infer().features
    assert open_source(["cat", "dog"]).files == [Path("cat/1.png"), Path("dog/1.png")]
    for paths in (["cat", "other/cat"], ["cat", "dog/1.png"]):
        with raises_argument_error("source", expected="a list of subfolders of the same folder"):
            open_source(paths)


def test_files_named_twice_are_read_once(tmp_path):
    draw(tmp_path / "1.png")
    draw(tmp_path / "2.png")
    files = open_source([tmp_path / "2.png", tmp_path / "*.png", tmp_path / "1.png"]).files
    assert files == [tmp_path / "2.png", tmp_path / "1.png"]
