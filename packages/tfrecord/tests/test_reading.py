"""Reading TFRecord files: sequentially, compressed, damaged, by index, and with `tf.data`."""

import gzip
import zlib

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.core import ArgumentError
from tensorsmith.records import Column, Records, encode, frame, write
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import DamagedFileError, Index, examples, read, verify, write_index
from tensorsmith.tfrecord.shards import reading as files_module

FEATURES = {"x": tf.io.FixedLenFeature([], tf.int64), "text": tf.io.FixedLenFeature([], tf.string)}


def rows_of(first, last):
    texts = [f"{'long ' * (i % 7)}{i}" for i in range(first, last)]
    return {"x": Column.of(np.arange(first, last)), "text": Column.of(texts)}


@pytest.fixture
def folder(tmp_path):
    """Three files with the rows from 0 to 99; one is empty, and the first has an index."""
    for number, (first, last) in enumerate([(0, 40), (40, 40), (40, 100)]):
        path = tmp_path / f"{number}.tfrecord"
        with path.open("wb") as file:
            sizes = write(file, rows_of(first, last))
        if number == 0:
            write_index(path, sizes)
    return tmp_path


def paths(folder):
    return sorted(folder.glob("*.tfrecord"))


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_files_written_by_tensorflow(tmp_path, compression, monkeypatch):
    monkeypatch.setattr(files_module, "CHUNK", 1000)  # so that records span chunks, and some are larger
    messages = [b"x" * size for size in (0, 5, 990, 17, 4000, 1, 12_345)]
    path = tmp_path / "x"
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for message in messages:
            writer.write(message)
    found, offset = [], 0
    for part in read(path):
        assert (part.first, part.offset) == (len(found), offset)
        found += [part.records[row] for row in range(len(part.records))]
        offset += sum(len(message) + 16 for message in found[part.first :])
    assert found == messages
    assert verify(path, examples=False).records == 7


def test_empty_files(tmp_path):
    (tmp_path / "x").touch()
    assert list(read(tmp_path / "x")) == []
    assert len(Index.of([tmp_path / "x"])) == 0
    with pytest.raises(FileNotFoundError):
        list(read(tmp_path / "y"))


@pytest.mark.parametrize("position", [0, 9, 20, 990, 1005])
def test_error_message_locates_damage(tmp_path, position):
    data = frame(Records.of([b"a" * 984, b"b" * 100])).data.copy()
    data[position] ^= 4
    (tmp_path / "x").write_bytes(data)
    record = int(position >= 1000)
    problem = "length" if position % 1000 < 12 else "data"
    with pytest.raises(
        DamagedFileError, match=f"x: record {record}, at byte {record and '1,000'}: the {problem}"
    ) as caught:
        list(read(tmp_path / "x"))
    assert (caught.value.record, caught.value.offset) == (record, 1000 * record)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress])
@pytest.mark.parametrize("left", [1, 11, 12, 50, 115])
def test_truncated_files(tmp_path, pack, left):
    data = frame(Records.of([b"a" * 984, b"b" * 100])).data.tobytes()
    (tmp_path / "x").write_bytes(pack(data[: 1000 + left]))
    with pytest.raises(DamagedFileError, match="record 1, at byte 1,000: the file is truncated"):
        list(read(tmp_path / "x"))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_damaged_compression(tmp_path, pack):
    packed = pack(frame(Records.of([np.random.default_rng(0).bytes(5000)])).data.tobytes())
    for damaged in (packed[:-5], packed[: len(packed) // 2], packed[:100] + bytes(200) + packed[300:]):
        (tmp_path / "x").write_bytes(damaged)
        with pytest.raises(DamagedFileError, match="the compressed content is damaged|record 0"):
            list(read(tmp_path / "x"))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("more", [b"x", b"\1" * 3_000_000])
def test_trailing_data_after_compressed_content(tmp_path, pack, more):
    packed = pack(frame(Records.of([b"a" * 100])).data.tobytes())
    for behind in (more, packed[:-1]):
        (tmp_path / "x").write_bytes(packed + behind)
        with pytest.raises(DamagedFileError, match="the compressed data is corrupted"):
            verify(tmp_path / "x", examples=False)


def test_length_beyond_file(tmp_path):
    """Tests a length of 2^62 bytes with a valid checksum."""
    header = frame(Records(np.zeros(0, "uint8"), np.zeros(1, "int64"), np.zeros(1, "int64"))).data[:12].copy()
    whole = (2**62).to_bytes(8, "little")
    from tensorsmith.records.reference import _checksum

    header = np.frombuffer(whole + _checksum(whole), "uint8")
    for pack in (bytes, gzip.compress):
        (tmp_path / "x").write_bytes(pack(header.tobytes() + bytes(50)))
        with pytest.raises(DamagedFileError, match="bytes are missing"):
            list(read(tmp_path / "x"))


def test_foreign_files(tmp_path):
    (tmp_path / "x").write_text("name,age\nAda,36\n" * 3)
    with pytest.raises(DamagedFileError, match="is it a TFRecord file"):
        list(read(tmp_path / "x"))


def test_verify_reads_examples(folder):
    assert sum(verify(path).records for path in paths(folder)) == 100
    path = folder / "other"
    path.write_bytes(frame(Records.of([encode(rows_of(0, 1))[0], b"no example"])).data)
    position = len(encode(rows_of(0, 1)).data)
    with pytest.raises(DamagedFileError, match=f"record 1, at byte {position}: not a tf.train.Example"):
        verify(path)
    assert verify(path, examples=False).records == 2


def test_index(folder):
    index = Index.of(paths(folder))
    assert index.file.tolist() == [0] * 40 + [2] * 60
    for row in (0, 39, 40, 99):
        begin, size = index.begins[row], index.sizes[row]
        message = (folder / f"{index.file[row]}.tfrecord").read_bytes()[begin : begin + size]
        assert tf.train.Example.FromString(message).features.feature["x"].int64_list.value == [row]


def test_stale_index_is_ignored(folder):
    """Tests that an index of an older version of the file, or an invalid index, is ignored."""
    path = folder / "0.tfrecord"
    path.write_bytes(encode(rows_of(5, 8)).data)
    assert len(Index.of([path])) == 3
    (folder / "0.tfrecord.index").write_bytes(b"")
    assert len(Index.of([path])) == 3
    size = path.stat().st_size
    for save, sizes in ((np.savez, [1]), (np.save, [size, -32]), (np.save, [size - 16.0])):
        with (folder / "0.tfrecord.index").open("wb") as file:
            save(file, np.array(sizes))
        assert len(Index.of([path])) == 3
        if sizes != [size, -32]:
            with raises_argument_error(f"{path}.index", received="another file"):
                write_index(path)
    (folder / "0.tfrecord.index").unlink()
    write_index(path)
    assert np.load(folder / "0.tfrecord.index").tolist() == Index.of([path]).sizes.tolist()


def test_compressed_files_have_no_index(tmp_path):
    (tmp_path / "x").write_bytes(gzip.compress(encode(rows_of(0, 3)).data))
    with pytest.raises(ArgumentError, match="compressed with gzip"):
        Index.of([tmp_path / "x"])


def labels(dataset):
    return [int(x) for batch in dataset for x in batch["x"]]


def test_in_order(folder):
    dataset = examples(paths(folder), FEATURES, 32)
    assert labels(dataset) == list(range(100))
    assert dataset.cardinality() == 4
    assert next(iter(dataset))["text"][8] == b"long 8"
    whole = examples(paths(folder), FEATURES, 32, drop_remainder=True)
    assert (whole.cardinality(), whole.element_spec["x"].shape) == (3, (32,))


def test_global_shuffle(folder):
    dataset = examples(paths(folder), FEATURES, 32, shuffle=True, seed=3)
    first, second = labels(dataset), labels(dataset)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    again = examples(paths(folder), FEATURES, 32, shuffle=True, seed=3)
    assert [labels(again), labels(again)] == [first, second]
    assert np.abs(np.diff(first)).mean() > 20  # a third of 100, in expectation


@pytest.mark.parametrize("steps", [0, 1, 12, 13, 17, 51])
def test_iterator_checkpoint(folder, tmp_path, steps):
    """Tests a checkpoint in the middle of the second of several shuffled epochs, restored and read to the end."""

    def make():
        return iter(examples(paths(folder), FEATURES, 8, epochs=4, shuffle=True, seed=1))

    iterator = make()
    for _ in range(steps):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "position"))
    wanted = [batch["x"].numpy().tolist() for batch in iterator]
    assert len(wanted) == 4 * 13 - steps
    restored = make()
    tf.train.Checkpoint(iterator=restored).read(path).assert_consumed()
    assert [batch["x"].numpy().tolist() for batch in restored] == wanted


def test_several_epochs(folder):
    dataset = examples(paths(folder), FEATURES, 32, epochs=3, shuffle=True, seed=1)
    assert dataset.cardinality() == 12
    epochs = np.reshape(labels(dataset), (3, 100))
    assert (np.sort(epochs) == np.arange(100)).all()
    assert len({tuple(order) for order in epochs.tolist()}) == 3


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_invalid_batch_sizes(folder, batch_size):
    with pytest.raises(ArgumentError, match="batch_size"):
        examples(paths(folder), FEATURES, batch_size)


def test_files_must_be_a_list(folder):
    with pytest.raises(ArgumentError, match="files"):
        examples(str(folder / "0.tfrecord"), FEATURES, 2)
