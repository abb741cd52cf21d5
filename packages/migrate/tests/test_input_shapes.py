"""Tests of the migration of integer shapes of inputs, which Keras 3 rejects."""

import keras
import pytest

SHAPES = {  # code, the shape in it, and the shape after the migration, or `None` if a comment is given
    "literal": ("", "120", "(120,)"),
    "parentheses": ("", "(120)", "(120,)"),
    "array": ("", "x.shape[1]", "(x.shape[1],)"),
    "last axis": ("", "x.shape[-1]", "(x.shape[-1],)"),
    "as_list": ("", "y.get_shape().as_list()[1]", "(y.get_shape().as_list()[1],)"),
    "length": ("", "len(columns)", "(len(columns),)"),
    "sum": ("", "len(columns) + 1", "(len(columns) + 1,)"),
    "name": ("n = 3\n", "n", "(n,)"),
    "names": ("m = 3\nn = 2 * m\n", "n", "(n,)"),
    "tuple": ("", "(120,)", "(120,)"),
    "list": ("", "[None, 3]", "[None, 3]"),
    "slice": ("", "x.shape[1:]", "x.shape[1:]"),
    "concatenation": ("", "(n,) + x.shape[1:]", "(n,) + x.shape[1:]"),
    "tuple with a name": ("n = (3, 4)\n", "n", "n"),
    "tuple that is a parameter": ("def f(input_shape):\n    ", "input_shape", "input_shape"),
    "attribute": ("", "self.img_shape", "self.img_shape"),
    "parameter": ("def f(n):\n    ", "n", None),
    "setting": ("", "args.dim", None),
    "import": ("from settings import DIM\n", "DIM", None),
    "two values": ("n = 3\nn = (3,)\n", "n", None),
    "element": ("", "sizes[0]", None),
}
CALLS = ("tf.keras.Input({})", "tf.keras.layers.Input(shape={}, name='a')", "keras.layers.InputLayer({})")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", SHAPES)
def test_shapes_of_inputs(migrated, name, call):
    """Keras 2 accepts an integer instead of a tuple of one integer."""
    before, shape, after = SHAPES[name]
    line, comment, result = migrated(f"{before}x = {call.format(shape)}")
    assert line.strip() == f"x = {call.format(after or shape)}"
    assert result.complete is (after is not None)
    if after is None:
        assert "write (n,) instead of an integer n" in result.script.decode()


def test_integer_shape_with_old_name(migrated):
    line, _, result = migrated("x = keras.layers.InputLayer(input_shape=3)")
    assert (line, result.complete) == ("x = keras.layers.InputLayer(shape=(3,))", True)


@pytest.mark.parametrize(
    "make", [keras.Input, lambda shape: keras.layers.Input(shape=shape, name="a"), keras.layers.InputLayer]
)
def test_shapes_that_keras_accepts(make):
    with pytest.raises(ValueError, match="Cannot convert"):
        make(3)
    make((3,))
