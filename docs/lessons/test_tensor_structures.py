"""Facts about strings and about ragged tensors, sparse tensors, tensor arrays, sets and queues.

A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019, appendix F. Expected
values are printed there.
"""

import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf

CAFE = [99, 97, 102, 233]  # code points
WORDS = ["Café", "Coffee", "caffè", "咖啡"]
DECODED = [[67, 97, 102, 233], [67, 111, 102, 102, 101, 101], [99, 97, 102, 102, 232], [21654, 21857]]


def test_a_string_is_a_scalar_of_bytes_in_utf_8():
    string = tf.constant("café")
    assert (string.shape, string.dtype) == ((), tf.string)
    assert string.numpy() == b"caf\xc3\xa9"
    assert tf.constant(b"hello world").numpy() == b"hello world"


def test_the_length_of_a_string_is_in_bytes_or_in_characters():
    assert tf.strings.length("café").numpy() == 5
    assert tf.strings.length(WORDS, unit="UTF8_CHAR").numpy().tolist() == [4, 6, 5, 2]


def test_a_unicode_string_is_an_array_of_code_points():
    points = tf.constant([ord(letter) for letter in "café"])
    assert points.numpy().tolist() == CAFE
    string = tf.strings.unicode_encode(points, "UTF-8")
    assert string.numpy().decode() == "café"
    assert tf.strings.unicode_decode(string, "UTF-8").numpy().tolist() == CAFE


def test_decoded_strings_are_a_ragged_tensor():
    ragged = tf.strings.unicode_decode(WORDS, "UTF-8")
    assert ragged.to_list() == DECODED
    assert ragged.values.shape == (17,)
    assert ragged.row_splits.numpy().tolist() == [0, 4, 10, 15, 17]
    assert ragged.shape.as_list() == [4, None]  # the first dimension is uniform
    assert ragged[1].numpy().tolist() == DECODED[1]


def test_ragged_tensors_are_concatenated_by_rows_or_row_by_row():
    ragged = tf.ragged.constant(DECODED)
    below, beside = [[65, 66], [], [67]], [[68, 69, 70], [71], [], [72, 73]]
    assert tf.concat([ragged, tf.ragged.constant(below)], axis=0).to_list() == DECODED + below
    assert tf.concat([ragged, tf.ragged.constant(beside)], axis=1).to_list() == [
        [67, 97, 102, 233, 68, 69, 70],
        [67, 111, 102, 102, 101, 101, 71],
        [99, 97, 102, 102, 232],
        [21654, 21857, 72, 73],
    ]


def test_a_ragged_tensor_is_padded_to_a_dense_tensor():
    ragged = tf.ragged.constant(DECODED)
    np.testing.assert_array_equal(
        ragged.to_tensor(),
        [
            [67, 97, 102, 233, 0, 0],
            [67, 111, 102, 102, 101, 101],
            [99, 97, 102, 102, 232, 0],
            [21654, 21857, 0, 0, 0, 0],
        ],
    )
    assert ragged.to_tensor(default_value=-1)[0].numpy().tolist() == [67, 97, 102, 233, -1, -1]
    assert tf.RaggedTensor.from_sparse(ragged.to_sparse()).to_list() == DECODED


SPARSE = {"indices": [[0, 1], [1, 0], [2, 3]], "values": [1.0, 2.0, 3.0], "dense_shape": [3, 4]}
DENSE = [[0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 3]]


def test_a_sparse_tensor_stores_indices_in_reading_order():
    np.testing.assert_array_equal(tf.sparse.to_dense(tf.SparseTensor(**SPARSE)), DENSE)
    unordered = tf.SparseTensor(SPARSE["indices"][::-1], SPARSE["values"][::-1], SPARSE["dense_shape"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of order"):
        tf.sparse.to_dense(unordered)
    np.testing.assert_array_equal(tf.sparse.to_dense(tf.sparse.reorder(unordered)), DENSE)


def test_a_sparse_tensor_can_be_multiplied_by_a_number_but_not_added_to_it():
    sparse = tf.SparseTensor(**SPARSE)
    np.testing.assert_allclose(tf.sparse.to_dense(sparse * 3.14), 3.14 * np.array(DENSE), rtol=1e-6)
    with pytest.raises(TypeError, match="unsupported operand"):
        sparse + 42.0


def filled(**arguments):
    array = tf.TensorArray(tf.float32, **arguments)
    for index, row in enumerate([[1.0, 2.0], [3.0, 10.0], [5.0, 7.0]]):
        array = array.write(index, tf.constant(row))
    return array


def test_reading_from_a_tensor_array_clears_the_item():
    array = filled(size=3)
    assert array.read(1).numpy().tolist() == [3, 10]
    assert array.stack().numpy().tolist() == [[1, 2], [0, 0], [5, 7]]
    kept = filled(size=3, clear_after_read=False)
    assert kept.read(1).numpy().tolist() == [3, 10]
    assert kept.stack().numpy().tolist() == [[1, 2], [3, 10], [5, 7]]


def test_a_tensor_array_has_a_fixed_size_unless_it_is_dynamic():
    with pytest.raises(tf.errors.OutOfRangeError, match="not resizeable"):
        filled(size=2)
    assert filled(size=0, dynamic_size=True).stack().shape == (3, 2)


def test_in_a_graph_a_write_is_lost_unless_its_result_is_assigned():
    def squares(assign):
        array = tf.TensorArray(tf.int32, size=3, element_shape=[])
        for index in range(3):
            written = array.write(index, index**2)
            array = written if assign else array
        return array.stack()

    in_graph = tf.function(squares)
    assert [function(True).numpy().tolist() for function in (squares, in_graph)] == [[0, 1, 4], [0, 1, 4]]
    assert [function(False).numpy().tolist() for function in (squares, in_graph)] == [[0, 1, 4], [0, 0, 0]]


def dense(sets, **arguments):
    return tf.sparse.to_dense(sets, **arguments).numpy().tolist()


def test_sets_are_the_last_axis_of_a_tensor():
    first, second = tf.constant([[1, 5, 9]]), tf.constant([[5, 6, 9, 11]])
    assert dense(tf.sets.union(first, second)) == [[1, 5, 6, 9, 11]]
    assert dense(tf.sets.intersection(first, second)) == [[5, 9]]
    assert dense(tf.sets.difference(first, second)) == [[1]]
    assert tf.sets.size(tf.sets.union(first, second)).numpy().tolist() == [5]


def test_the_padding_of_shorter_sets_is_an_element():
    union = tf.sets.union(tf.constant([[1, 5, 9], [10, 0, 0]]), tf.constant([[5, 6, 9, 11], [13, 0, 0, 0]]))
    assert dense(union) == [[1, 5, 6, 9, 11], [0, 10, 13, 0, 0]]
    assert dense(union, default_value=-1) == [[1, 5, 6, 9, 11], [0, 10, 13, -1, -1]]


def test_sets_contain_strings_but_no_floats():
    union = tf.sets.union(tf.constant([["sun", "rain"]]), tf.constant([["rain", "wind"]]))
    assert dense(union, default_value="") == [[b"rain", b"sun", b"wind"]]
    with pytest.raises(TypeError, match="float32"):
        tf.sets.union(tf.constant([[1.0]]), tf.constant([[2.0]]))


def test_a_queue_returns_records_in_the_order_in_which_they_were_added():
    queue = tf.queue.FIFOQueue(3, [tf.int32, tf.string], shapes=[(), ()])
    queue.enqueue([10, b"windy"])
    queue.enqueue([15, b"sunny"])
    assert queue.size().numpy() == 2
    assert [value.numpy() for value in queue.dequeue()] == [10, b"windy"]
    queue.enqueue_many([[13, 16], [b"cloudy", b"rainy"]])
    numbers, names = queue.dequeue_many(3)
    assert numbers.numpy().tolist() == [15, 13, 16]
    assert names.numpy().tolist() == [b"sunny", b"cloudy", b"rainy"]


def test_a_padding_queue_pads_records_of_different_shapes():
    queue = tf.queue.PaddingFIFOQueue(3, [tf.int32], shapes=[(None,)])
    for record in ([1], [2, 3, 4], [5, 6]):
        queue.enqueue([record])
    assert queue.dequeue_many(3).numpy().tolist() == [[1, 0, 0], [2, 3, 4], [5, 6, 0]]


def test_a_priority_queue_returns_records_of_low_priority_first():
    queue = tf.queue.PriorityQueue(4, [tf.string], shapes=[()])
    for record in ((5, "late"), (1, "first"), (3, "second"), (3, "third")):
        queue.enqueue([np.int64(record[0]), record[1]])
    assert [queue.dequeue()[1].numpy() for _ in range(4)] == [b"first", b"second", b"third", b"late"]


def test_a_random_queue_returns_all_records_in_another_order():
    queue = tf.queue.RandomShuffleQueue(20, 0, [tf.int32], shapes=[()], seed=1)
    queue.enqueue_many([list(range(20))])
    order = queue.dequeue_many(20).numpy().tolist()
    assert order != list(range(20))
    assert sorted(order) == list(range(20))


def test_an_empty_queue_waits_for_a_record():
    queue = tf.queue.FIFOQueue(1, [tf.int32], shapes=[()])
    with concurrent.futures.ThreadPoolExecutor() as executor:
        result = executor.submit(queue.dequeue)
        with pytest.raises(TimeoutError):
            result.result(timeout=0.1)
        queue.enqueue([7])
        assert result.result(timeout=10).numpy() == 7
