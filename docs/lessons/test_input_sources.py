"""Facts about `tf.data`: sources other than TFRecord files, and transformations of datasets.

A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019, chapter 13.
Expected values follow from NumPy and SQLite.
"""

import sqlite3

import numpy as np
import tensorflow as tf

NUMBERS = tf.data.Dataset.range(5)


def values(dataset):
    """Returns the elements of a dataset as Python numbers and lists."""
    elements = dataset.as_numpy_iterator()
    return [tf.nest.map_structure(lambda value: np.asarray(value).tolist(), element) for element in elements]


def test_lines_of_text_without_the_header(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("word\nsun\nrain\n")
    assert values(tf.data.TextLineDataset(path).skip(1)) == [b"sun", b"rain"]


def test_records_of_a_fixed_length(tmp_path):
    rows = np.arange(12, dtype="float32").reshape(3, 4)
    path = tmp_path / "rows.bin"
    path.write_bytes(b"HEAD" + rows.tobytes() + b"END")
    records = tf.data.FixedLengthRecordDataset(str(path), record_bytes=16, header_bytes=4, footer_bytes=3)
    decoded = records.map(lambda record: tf.io.decode_raw(record, tf.float32))
    np.testing.assert_array_equal(list(decoded.as_numpy_iterator()), rows)


def test_rows_of_a_query(tmp_path):
    path = tmp_path / "goods.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE goods (name TEXT, price REAL, pieces INTEGER)")
        connection.executemany("INSERT INTO goods VALUES (?, ?, ?)", [("pen", 1.5, 3), ("ink", 4.0, 1)])
    connection.close()
    query = "SELECT name, price FROM goods WHERE pieces > 0 ORDER BY price"
    dataset = tf.data.experimental.SqlDataset("sqlite", str(path), query, (tf.string, tf.float64))
    assert values(dataset) == [(b"pen", 1.5), (b"ink", 4.0)]


def test_columns_of_a_csv_file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("name,age,city\nAda,36,London\nBlaise,,Paris\n")
    selected = tf.data.experimental.CsvDataset(str(path), [tf.string, -1], header=True, select_cols=[0, 1])
    assert values(selected) == [(b"Ada", 36), (b"Blaise", -1)]
    # This function infers the dtypes and the names of the columns, and yields batches for `fit`.
    batches = tf.data.experimental.make_csv_dataset(
        str(path), batch_size=2, label_name="city", num_epochs=1, shuffle=False
    )
    ((features, cities),) = values(batches)
    assert features == {"name": [b"Ada", b"Blaise"], "age": [36, 0]}
    assert cities == [b"London", b"Paris"]


def test_datasets_are_combined_by_concatenation_or_in_pairs():
    tens = tf.data.Dataset.range(10, 13)
    assert values(NUMBERS.concatenate(tens)) == [0, 1, 2, 3, 4, 10, 11, 12]
    assert values(tf.data.Dataset.zip(NUMBERS, tens)) == [(0, 10), (1, 11), (2, 12)]


def test_a_dataset_is_reduced_or_divided_into_shards():
    assert NUMBERS.reduce(np.int64(0), lambda total, number: total + number).numpy() == 10
    assert [values(NUMBERS.shard(2, index)) for index in range(2)] == [[0, 2, 4], [1, 3]]


def test_each_element_is_mapped_to_several():
    assert values(NUMBERS.take(4).flat_map(tf.data.Dataset.range)) == [0, 0, 1, 0, 1, 2]


def test_a_window_is_a_dataset():
    windows = NUMBERS.window(3, shift=1, drop_remainder=True)
    assert values(windows.flat_map(lambda window: window.batch(3))) == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]


def test_elements_of_different_lengths_are_padded_in_a_batch():
    dataset = NUMBERS.skip(1).take(3).map(lambda number: tf.fill([number], number))
    assert values(dataset.padded_batch(3)) == [[[1, 0, 0], [2, 2, 0], [3, 3, 3]]]
    (ragged,) = dataset.ragged_batch(3)
    assert ragged.to_list() == [[1], [2, 2], [3, 3, 3]]


def test_from_tensors_yields_one_element_and_from_tensor_slices_one_for_each_row():
    rows = [[1, 2], [3, 4]]
    assert values(tf.data.Dataset.from_tensors(rows)) == [rows]
    assert values(tf.data.Dataset.from_tensor_slices(rows)) == rows


def test_rejection_resampling_changes_the_class_distribution():
    dataset = tf.data.Dataset.range(4000).map(lambda number: int(number % 10 == 0))  # 10 % of class 1
    balanced = dataset.rejection_resample(lambda label: label, [0.5, 0.5], [0.9, 0.1], seed=1)
    labels = [label for _, label in balanced.as_numpy_iterator()]
    assert abs(np.mean(labels) - 0.5) < 0.05
    assert 700 < len(labels) < 1000  # 400 examples of class 1, and as many of class 0


def test_a_snapshot_is_read_from_disk_after_the_first_pass(tmp_path):
    computed = []

    def square(number):
        computed.append(int(number))
        return np.int64(number**2)

    squares = NUMBERS.map(lambda number: tf.ensure_shape(tf.numpy_function(square, [number], tf.int64), []))
    snapshot = squares.snapshot(str(tmp_path))
    assert [values(snapshot), values(snapshot)] == [[0, 1, 4, 9, 16]] * 2
    assert computed == [0, 1, 2, 3, 4]


def test_prefetching_to_a_cpu_is_prefetching():
    """On a GPU, the elements would be in its memory, and no transformation could follow."""
    batches = NUMBERS.batch(2)
    prefetched = batches.apply(tf.data.experimental.prefetch_to_device("/cpu:0"))
    assert type(prefetched) is type(batches.prefetch(1))
    assert values(prefetched) == values(batches) == [[0, 1], [2, 3], [4]]
    assert [batch.device[-5:] for batch in prefetched] == ["CPU:0"] * 3
