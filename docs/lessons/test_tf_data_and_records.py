"""Facts about `tf.data`, TFRecord files and protocol buffers.

A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019, chapter 13. Expected
values are those printed there, unless they follow from NumPy or the protocol.
"""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def lists(dataset):
    return [batch.tolist() for batch in dataset.as_numpy_iterator()]


def test_repeat_before_batch():
    dataset = tf.data.Dataset.range(10).repeat(3).batch(7)
    assert lists(dataset)[1:2] + lists(dataset)[-1:] == [[7, 8, 9, 0, 1, 2, 3], [8, 9]]
    assert [len(batch) for batch in tf.data.Dataset.range(10).repeat(3).batch(7, drop_remainder=True)] == [7] * 4


def test_shuffle_with_seed():
    tf.random.set_seed(87654321)  # the default seed of TensorFlow
    dataset = tf.data.Dataset.range(10).repeat(3).shuffle(buffer_size=5, seed=42).batch(7)
    assert lists(dataset) == [
        [0, 2, 3, 6, 7, 9, 4],
        [5, 0, 1, 1, 8, 6, 5],
        [4, 8, 7, 1, 2, 3, 0],
        [5, 4, 2, 7, 8, 9, 9],
        [3, 6],
    ]


def test_shuffle_with_small_buffer():
    """Tests that the element at position i is from the first i + buffer elements, so none is much too early."""
    order = np.array(list(tf.data.Dataset.range(1000).shuffle(5, seed=0).as_numpy_iterator()))
    assert (order - np.arange(1000)).max() <= 4
    assert sorted(order) == list(range(1000))


def test_shuffle_without_reshuffling():
    once = tf.data.Dataset.range(20).shuffle(20, seed=1, reshuffle_each_iteration=False).repeat(2).batch(20)
    first, second = lists(once)
    assert first == second
    first, second = lists(tf.data.Dataset.range(20).shuffle(20, seed=1).repeat(2).batch(20))
    assert first != second


def test_interleave_cycles(tmp_path):
    """Tests that five of seven files are read concurrently, one line from each in turn, followed by the other two."""
    for file in range(7):
        (tmp_path / f"{file}.csv").write_text("header\n" + "".join(f"{file}{row}\n" for row in range(3)))
    by_hand = [f"{file}{row}" for row in range(3) for file in range(5)] + [
        f"{file}{row}" for row in range(3) for file in (5, 6)
    ]
    paths = tf.data.Dataset.list_files(f"{tmp_path}/*.csv", shuffle=False)
    dataset = paths.interleave(lambda path: tf.data.TextLineDataset(path).skip(1), cycle_length=5)
    assert [line.decode() for line in dataset.as_numpy_iterator()] == by_hand


def test_interleave_files_of_different_lengths():
    sizes = tf.constant([1, 1, 4], tf.int64)
    dataset = tf.data.Dataset.range(3).interleave(
        lambda file: tf.data.Dataset.range(10 * file, 10 * file + sizes[file]), cycle_length=3
    )
    assert list(dataset.as_numpy_iterator()) == [0, 10, 20, 21, 22, 23]


HEADER = "MedInc,HouseAge,AveRooms,AveBedrms,Popul,AveOccup,Lat,Long,MedianHouseValue"
ROW = "4.2083,44.0,5.3232,0.9171,846.0,2.3370,37.47,-122.2,2.782"


def test_csv_reader(tmp_path):
    """Tests a CSV reader: list files, interleave lines, shuffle, batch, parse and scale, prefetch."""
    rows = np.random.default_rng(0).normal(size=(95, 9)).astype("float32")
    for file in range(8):
        lines = [",".join(f"{value:.9g}" for value in row) for row in rows[file::8]]
        (tmp_path / f"my_train_{file:02}.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    mean, deviation = rows[:, :8].mean(axis=0), rows[:, :8].std(axis=0)

    def preprocess(lines):
        columns = tf.io.decode_csv(lines, [0.0] * 8 + [tf.constant([], tf.float32)])
        return (tf.stack(columns[:-1], axis=1) - mean) / deviation, tf.stack(columns[-1:], axis=1)

    paths = tf.data.Dataset.list_files(f"{tmp_path}/my_train_*.csv", seed=42)
    dataset = paths.interleave(lambda path: tf.data.TextLineDataset(path).skip(1), cycle_length=5)
    dataset = dataset.shuffle(10_000, seed=42).batch(32).map(preprocess).prefetch(1)
    batches = list(dataset.as_numpy_iterator())
    assert [x.shape for x, _ in batches] == [(32, 8), (32, 8), (31, 8)]
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert y.shape == (95, 1)
    assert not np.array_equal(y[:, 0], rows[:, 8])
    order, expected = np.argsort(y[:, 0]), rows[np.argsort(rows[:, 8])]
    np.testing.assert_array_equal(y[order, 0], expected[:, 8])
    np.testing.assert_allclose(x[order], (expected[:, :8] - mean) / deviation, rtol=1e-5, atol=1e-5)


def test_csv_defaults_and_required_fields():
    defaults = [0.0] * 8 + [tf.constant([], tf.float32)]
    fields = tf.io.decode_csv(ROW, defaults)
    np.testing.assert_allclose(fields, [float(field) for field in ROW.split(",")], rtol=1e-6)
    assert [float(field) for field in tf.io.decode_csv(",,,,,,,,5.0", defaults)] == [0.0] * 8 + [5.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Field 8 is required but missing"):
        tf.io.decode_csv(",,,,,,,,", defaults)


@pytest.fixture(scope="module")
def people():
    """`syntax = "proto3"; message Person { string name = 1; int32 id = 2; repeated string email = 3; }`."""
    file = descriptor_pb2.FileDescriptorProto(name="person.proto", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    person = file.message_type.add(name="Person")
    person.field.add(name="name", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    person.field.add(name="id", number=2, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
    person.field.add(name="email", number=3, type=kinds.TYPE_STRING, label=kinds.LABEL_REPEATED)
    return descriptor_pb2.FileDescriptorSet(file=[file])


ALICE = b"\n\x05Alice\x10{\x1a\x07a@b.com\x1a\x07c@d.com"


def test_protobuf_serialization(people):
    pool = descriptor_pool.DescriptorPool()
    pool.Add(people.file[0])
    person_class = message_factory.GetMessageClass(pool.FindMessageTypeByName("Person"))
    person = person_class(name="Alice", id=123, email=["a@b.com"])
    person.email.append("c@d.com")
    assert person.SerializeToString() == ALICE
    assert len(ALICE) == 27
    assert person_class.FromString(ALICE) == person


def test_decode_proto(people):
    sizes, values = tf.io.decode_proto(
        ALICE,
        "Person",
        ["name", "id", "email"],
        [tf.string, tf.int32, tf.string],
        descriptor_source=b"bytes://" + people.SerializeToString(),
    )
    assert sizes.numpy().tolist() == [1, 1, 2]
    assert [value.numpy().tolist() for value in values] == [[b"Alice"], [123], [b"a@b.com", b"c@d.com"]]


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_record_overhead(tmp_path, compression):
    path = str(tmp_path / "my_data.tfrecord")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type=compression)) as writer:
        writer.write(b"This is the first record")
        writer.write(ALICE)
    if not compression:
        assert tf.io.gfile.stat(path).length == 24 + 16 + 27 + 16
    dataset = tf.data.TFRecordDataset(path, compression)
    assert list(dataset.as_numpy_iterator()) == [b"This is the first record", ALICE]


def test_parse_batches_of_examples(tmp_path):
    feature = {
        "name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"Alice"])),
        "id": tf.train.Feature(int64_list=tf.train.Int64List(value=[123])),
        "emails": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"a@b.com", b"c@d.com"])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    path = tmp_path / "my_contacts.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(12):
            writer.write(example)
    described = {
        "name": tf.io.FixedLenFeature([], tf.string, default_value=""),
        "id": tf.io.FixedLenFeature([], tf.int64, default_value=0),
        "emails": tf.io.VarLenFeature(tf.string),
    }
    dataset = tf.data.TFRecordDataset(path).batch(10).map(lambda records: tf.io.parse_example(records, described))
    sizes = []
    for batch in dataset:
        sizes.append(len(batch["id"]))
        assert set(batch["id"].numpy()) == {123}
        emails = tf.sparse.to_dense(batch["emails"], default_value=b"")
        np.testing.assert_array_equal(emails, [[b"a@b.com", b"c@d.com"]] * sizes[-1])
    assert sizes == [10, 2]


def test_cache_before_shuffle():
    read = []

    def generate():
        for number in range(8):
            read.append(number)
            yield number

    source = tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec([], tf.int64))
    dataset = source.cache().shuffle(8, seed=1).repeat(3).batch(8).prefetch(1)
    epochs = lists(dataset)
    assert read == list(range(8))
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert all(sorted(epoch) == read for epoch in epochs)
