"""Public names of the subpackage, which `tensorsmith.data` does not import, as they require TensorFlow."""

import inspect
from pathlib import Path

import keras

from tensorsmith.data import preprocessing
from tensorsmith.testing.conformance_file import FILE_NAME, load_rows


def test_layers_are_registered_and_tested():
    public = [getattr(preprocessing, name) for name in preprocessing.__all__]
    layers = {thing for thing in public if inspect.isclass(thing) and issubclass(thing, keras.layers.Layer)}
    rows = load_rows(Path(__file__).with_name(FILE_NAME)).values()
    assert layers == {row.make if inspect.isclass(row.make) else type(row.make(**row.kwargs)) for row in rows}
    for layer in layers:
        assert keras.saving.get_registered_name(layer) == f"tensorsmith>{layer.__name__}"
