"""Benchmark `tensorsmith bench tabular`: `FeatureSpec` compared with `keras.utils.FeatureSpace` on the Adult data set.

Both standardize the 6 numeric columns, look up the strings of the 8 others with one out-of-vocabulary index, and return
one vector of one-hot vectors and numbers for each example. The cases measure the time to adapt to the 27,561 training
examples, the time to map batches of 256 of them in a `tf.data` pipeline, and the size of the saved `.keras` file.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensorsmith.benchmarks.benchmark import Benchmark
from tensorsmith.benchmarks.calls import Calls

BATCH = 256
UNITS = {"adapt": "ms", "map": "ms", "saved_size": "kB"}
PROVIDERS = ("tensorsmith", "keras")


class _Size:
    """Size of a saved model, which each measurement saves anew."""

    def __init__(self, save: Callable[[Path], None]) -> None:
        self._save = save

    def first(self) -> float:
        """Return 0, as a size has no first step."""
        return 0.0

    def turn(self) -> float:
        """Return the size in kB."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            self._save(path)
            return path.stat().st_size / 1e3


def _prepare(case: str, provider: str) -> Calls | _Size:
    """Return an implementation that is ready to be measured on a benchmark case."""
    import tensorflow as tf

    from tensorsmith.data import load

    features = load("adult", "train").features
    batches = tf.data.Dataset.from_tensor_slices(features).batch(BATCH).cache()
    adapted = adapted_spec if provider == "tensorsmith" else adapted_space
    if case == "adapt":
        return Calls(lambda: adapted(features, batches))
    vectors, save = adapted(features, batches)
    if case == "saved_size":
        return _Size(save)
    mapped = batches.map(vectors, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    def work() -> None:
        for _ in mapped:
            pass

    return Calls(work)


def adapted_spec(features: dict[str, Any], batches: Any) -> tuple[Callable[[Any], Any], Callable[[Path], None]]:
    """Return a function from batches to vectors, and a function that saves it, of an adapted `FeatureSpec`."""
    from tensorsmith.data.preprocessing import FeatureModel, FeatureSpec
    from tensorsmith.tfrecord import Feature, Schema

    dtypes = {name: "float32" if values.dtype == "float32" else "string" for name, values in features.items()}
    spec = FeatureSpec(Schema({name: Feature(dtype) for name, dtype in dtypes.items()}))
    spec.adapt(batches)
    inputs = spec.inputs()
    model = FeatureModel(inputs, spec.encoder(spec.preprocessing(inputs)))
    return model, model.save


def adapted_space(features: dict[str, Any], batches: Any) -> tuple[Callable[[Any], Any], Callable[[Path], None]]:
    """Return a function from batches to vectors, and a function that saves it, of an adapted `FeatureSpace`."""
    from keras.utils import FeatureSpace

    numeric = [name for name, values in features.items() if values.dtype == "float32"]
    space = FeatureSpace(
        {
            name: FeatureSpace.float_normalized()
            if name in numeric
            else FeatureSpace.string_categorical(num_oov_indices=1)
            for name in features
        },
        output_mode="concat",
    )
    space.adapt(batches)
    return space, space.save


BENCHMARK = Benchmark(
    cases=UNITS,
    providers=lambda case: dict.fromkeys(PROVIDERS, True),
    prepare=_prepare,
    unit=lambda case: UNITS[case],
    lower_is_better=True,
    targets=lambda case: {},
)
