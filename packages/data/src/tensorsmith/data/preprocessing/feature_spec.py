"""Preprocessing models built from the features of a schema, adapted in one pass over the data."""

import copy
import logging
from collections.abc import Iterable, Mapping, Sized
from functools import cached_property
from typing import Any

import keras
import numpy as np

from tensorsmith.core import ArgumentError, Progress, Verbatim, argument_error, check, did_you_mean
from tensorsmith.core.types import TensorLike
from tensorsmith.data.preprocessing.choices import Categorical, Cross, FeatureChoice, default_choice, values_per_example
from tensorsmith.data.preprocessing.feature_model import FeatureModel
from tensorsmith.tfrecord import Feature, Schema
from tensorsmith.tfrecord.schema import FLOATS, STRINGS

logger = logging.getLogger(__name__)


class FeatureSpec:
    """Preprocessing of the features in a schema by Keras models, which are saved together with the trained model.

    A spec provides two models. `preprocessing` has no trainable weights and takes a dictionary of features as they are
    read. It can be mapped over a data set, be part of the model, or be used in one way for training and in the other
    for serving, with identical results. `encoder` takes its output, converts class indices to one-hot vectors and
    embeddings, and returns one tensor. Features without an explicit choice are preprocessed by their type:

    - numbers, one or a list of them: `Standardize()`; bool: `Passthrough()`;
    - integers with `labels`: `Lookup` of their classes; strings: `Lookup()` of those in the data.

    Args:
        schema: Schema of the examples. Features that are used must have a fixed size and occur in all examples.
        choices: Mapping from names to preprocessing options. A name must be the name of a feature in the schema. If the
            option is a `Cross` or has a `feature` argument, the name can be chosen freely and becomes the name of an
            additional output.
        exclude: Names of features that are not preprocessed by default, such as the target. Options in `choices` still
            apply to these features.

    Raises:
        ValueError: If choices are incompatible with the features; the message lists all mistakes.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.data.preprocessing import Bucketize, Lookup
        >>> schema = Schema({"age": Feature("float32"), "city": Feature("string"), "label": Feature("int64")})
        >>> choices = {"city": Lookup(embed=2), "young": Bucketize(2, feature="age")}
        >>> spec = FeatureSpec(schema, choices, exclude=["label"])
        >>> examples = {"age": [20.0, 40.0, 40.0, 20.0], "city": ["Oslo", "Rome", "Rome", "Rome"], "label": [0] * 4}
        >>> dataset = tf.data.Dataset.from_tensor_slices(examples).batch(2)
        >>> spec.adapt(dataset)
        >>> preprocessed = spec.preprocessing(next(iter(dataset)))
        >>> {name: tensor.numpy().ravel().tolist() for name, tensor in preprocessed.items()}
        {'age': [-1.0, 1.0], 'city': [2, 1], 'young': [0, 1]}
        >>> spec.encoder(preprocessed).shape
        TensorShape([2, 5])
    """

    def __init__(self, schema: Schema, choices: Mapping[str, FeatureChoice] | None = None, exclude: Iterable[str] = ()):
        check(not isinstance(exclude, str), "exclude", exclude, "a list of feature names")
        chosen, left_out = dict(choices or {}), list(exclude)
        usual = {
            name: default_choice(feature)
            for name, feature in schema.features.items()
            if name not in chosen and name not in left_out
        }
        mistakes = [
            argument_error("exclude", name, "contain only features of the schema", did_you_mean(name, schema.features))
            for name in left_out
            if name not in schema.features
        ]
        mistakes += [
            argument_error(
                name,
                schema.features[name].dtype,
                "have a dtype and a shape for which there is default preprocessing",
                "add the feature to `choices` or `exclude`",
            )
            for name, choice in usual.items()
            if choice is None
        ]
        made = {name: choice for name, choice in usual.items() if choice} | chosen
        order = [name for name in schema.features if name in made]
        self._choices: dict[str, FeatureChoice] = {name: made[name] for name in dict.fromkeys([*order, *made])}
        self._sources = {
            name: choice.feature or name for name, choice in self._choices.items() if not isinstance(choice, Cross)
        }
        names = dict.fromkeys([*self._choices, *self._sources.values()])
        mistakes += [
            argument_error(
                "choices",
                name,
                'not contain keys with "/"',
                'rename the feature in the schema and the data set, because Keras does not allow "/" in names',
            )
            for name in names
            if "/" in name
        ]
        for name, choice in self._choices.items():
            mistakes += (
                self._crossed(schema, name, choice) if isinstance(choice, Cross) else self._of(schema, name, choice)
            )
        if mistakes:
            raise ValueError("\n".join(map(str, mistakes)))
        check(bool(self._sources), "exclude", left_out, "a proper subset of the features")
        used = set(self._sources.values())
        self._features = {name: feature for name, feature in schema.features.items() if name in used}
        self._gathered: dict[str, Any] = {}  # statistics of all data since the last reset

    def _of(self, schema: Schema, name: str, choice: FeatureChoice) -> list[ArgumentError]:
        """Returns the validation errors of the preprocessing options of one feature."""
        source = self._sources[name]
        if source not in schema.features:
            return [
                argument_error(
                    "choices",
                    source,
                    "contain only features of the schema as keys",
                    did_you_mean(source, schema.features),
                )
            ]
        feature = schema.features[source]
        if feature.sequence or feature.optional or None in feature.shape or feature.encoding == "wav":
            expected = "a required feature of fixed size"
            return [argument_error(name, feature, expected, "add the feature to `exclude`")]
        incompatibility = choice.incompatibility(feature)
        return (
            [argument_error(name, feature.dtype, f"contain {incompatibility} to be used with {type(choice).__name__}")]
            if incompatibility
            else []
        )

    def _crossed(self, schema: Schema, name: str, cross: Cross) -> list[ArgumentError]:
        """Returns the validation errors of a feature cross."""
        known = [
            other
            for other, source in self._sources.items()
            if isinstance(self._choices[other], Categorical)
            and source in schema.features
            and values_per_example(schema.features[source]) == 1
        ]
        expected = "the name of a Lookup, Hash or Bucketize of a single value"
        return [
            argument_error(name, feature, expected, did_you_mean(feature, known))
            for feature in cross.features
            if feature not in known
        ]

    def inputs(self) -> dict[str, Any]:
        """Returns new `keras.Input` tensors for the features in the schema, for use in a functional model."""
        return {
            name: keras.Input(feature.shape, dtype="string" if feature.dtype in STRINGS else feature.dtype, name=name)
            for name, feature in self._features.items()
        }

    def adapt(self, dataset: Iterable[Any], seed: int = 0, reset: bool = True) -> None:
        """Computes the statistics for all layers in one pass over the data.

        Memory use is bounded: vocabularies are limited to the 1,000,000 most frequent tokens (see `TokenCounts`), and
        quantiles are exact for up to 200,000 values and estimated from a sample for more (see `Quantiles`).

        Args:
            dataset: Batches as returned by `examples`: dictionaries of tensors or arrays, or tuples that start with
                such a dictionary.
            seed: Random seed for sampling. Quantiles of large data sets are estimated from a random sample.
            reset: If `True`, previous statistics are discarded. If `False`, the result is that of the previous data and
                the new data together.

        Raises:
            ValueError: If `dataset` is empty or infinite, if a batch does not match the schema, if numbers are not
                finite, if there are too few distinct values for bins, or if `reset` is `False` before the first call.
        """
        if not reset:
            remedy = "adapt it to all data at once"
            check(bool(self._gathered), "reset", reset, "True for a FeatureSpec that has not been adapted", remedy)
        new = {name: self._choices[name].statistics(seed) for name in self._sources}
        gathered = new if reset else copy.deepcopy(self._gathered)
        examples = 0
        with Progress("tensorsmith.data") as progress:
            for batch in progress.track(dataset, "adapting", _number_of_batches(dataset), "batches"):
                features = self._rows(batch[0] if isinstance(batch, tuple) else batch)
                size = len(next(iter(features.values())))
                for name, statistics in gathered.items():
                    if statistics is not None and size:
                        statistics.update(features[self._sources[name]])
                examples += size
        check(examples > 0, "dataset", dataset, "contain at least one example")
        logger.info("adapted to %d examples", examples)
        layers = self._made(gathered)
        for name in ("preprocessing", "encoder"):
            self.__dict__.pop(name, None)
        self._layers = layers
        self._gathered = gathered

    def _rows(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the features of a batch as arrays of shape `(batch, values)`."""
        check(
            isinstance(batch, Mapping),
            "dataset",
            Verbatim(f"batches of type {type(batch).__name__}"),
            "contain batches that are dictionaries",
        )
        missing = [name for name in self._features if name not in batch]
        check(not missing, "dataset", sorted(batch), f"contain batches with the features {', '.join(missing)}")
        rows = {name: _as_rows(name, feature, batch[name]) for name, feature in self._features.items()}
        infinite = [
            name
            for name, values in rows.items()
            if values.dtype.name in (*FLOATS, "float64") and not np.isfinite(values).all()
        ]
        check(
            not infinite,
            "dataset",
            Verbatim(f"NaN or infinity in {', '.join(infinite)}"),
            "contain only finite numbers",
        )
        sizes = {name: len(values) for name, values in rows.items()}
        check(
            len(set(sizes.values())) == 1,
            "dataset",
            sizes,
            "contain batches with the same number of examples of each feature",
        )
        return rows

    def _made(self, gathered: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Returns a dict that maps option names to new preprocessing layers. Crosses are excluded."""
        layers, mistakes = {}, []
        for name, source in self._sources.items():
            try:
                layers[name] = self._choices[name].layers(self._features[source], gathered.get(name))
            except ValueError as error:
                mistakes.append(f"{name}: {error}")
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return layers

    @cached_property
    def _layers(self) -> dict[str, list[Any]]:
        """Preprocessing layers of all options except crosses. Raises an error if `adapt` must be called first."""
        unknown = [name for name in self._sources if self._choices[name].statistics(0) is not None]
        if unknown:
            features = ", ".join(map(repr, unknown))
            raise ArgumentError(
                f"Features {features} have no statistics yet. Call `adapt` of the spec first.", name="spec"
            )
        return self._made({})

    @cached_property
    def preprocessing(self) -> FeatureModel:
        """`FeatureModel` that maps raw features to a dictionary of tensors: float32 values or class indices.

        Numbers are cast to the dtypes of the schema.

        Raises:
            ValueError: If a layer needs statistics of the data and `adapt` was not called.
        """
        inputs, outputs = self.inputs(), {}
        flat = {
            name: keras.layers.Reshape((values_per_example(feature),), dtype="float64")(inputs[name])
            for name, feature in self._features.items()
        }
        for name, layers in self._layers.items():
            outputs[name] = flat[self._sources[name]]
            for layer in layers:
                outputs[name] = layer(outputs[name])
        for name, choice in self._choices.items():
            if isinstance(choice, Cross):
                outputs[name] = choice.join([outputs[feature] for feature in choice.features])
        return FeatureModel(inputs, {name: outputs[name] for name in self._choices})

    @cached_property
    def encoder(self) -> FeatureModel:
        """`FeatureModel` that maps the output of `preprocessing` to one tensor of shape `(batch, features)`.

        The output has the compute dtype of the dtype policy; `preprocessing` is exact under any policy.

        Features are concatenated in the order of the schema, followed by additional choices. The model contains the
        embeddings, which are trained with the model that it is part of.
        """
        inputs, parts = {}, []
        for name, tensor in self.preprocessing.output.items():
            inputs[name] = part = keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
            choice = self._choices[name]
            if isinstance(choice, Categorical):
                size = choice.size(self._layers.get(name, ()))
                if choice.embed is None:
                    vectors = keras.layers.CategoryEncoding(size, output_mode="one_hot")(part)
                else:
                    vectors = keras.layers.Embedding(size, choice.embed, name=f"{name}_embedding")(part)
                part = keras.layers.Flatten()(vectors)
            parts.append(part)
        joined = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
        return FeatureModel(inputs, joined)


def _as_rows(name: str, feature: Feature, values: TensorLike) -> np.ndarray:
    """Returns the values of a feature as an array of shape `(batch, values)`."""
    array, width = np.asarray(values), values_per_example(feature)
    fits = array.ndim > 0 and array.size == len(array) * width
    check(fits, name, array.shape, f"have shape {(None, *feature.shape)}", "call `dataset.batch`")
    texts = feature.dtype in STRINGS
    check(
        texts == (array.dtype.kind in "OSU"), name, array.dtype.name, f"have dtype {feature.dtype} to match the schema"
    )
    rows = array.reshape(len(array), width)
    if texts:
        return _as_bytes(name, rows)
    cast = rows.astype(feature.dtype)
    lost = feature.dtype not in (*FLOATS, "float64") and not np.array_equal(cast, rows)
    check(
        not lost,
        name,
        Verbatim(f"numbers that {feature.dtype} cannot represent"),
        f"contain numbers of dtype {feature.dtype} to match the schema",
    )
    return cast


def _as_bytes(name: str, rows: np.ndarray) -> np.ndarray:
    """Encodes an array of strings as an array of bytes."""
    found = [text.encode() if isinstance(text, str) else text for text in rows.ravel().tolist()]
    wrong = next((text for text in found if not isinstance(text, bytes)), b"")
    check(isinstance(wrong, bytes), name, wrong, "contain only strings")
    encoded = np.empty(len(found), object)
    encoded[:] = found
    return encoded.reshape(rows.shape)


def _number_of_batches(dataset: Iterable[Any]) -> int | None:
    """Returns the number of batches in a dataset, or `None` if it is unknown.

    Raises:
        ValueError: If the dataset is infinite.
    """
    if not hasattr(dataset, "cardinality"):
        return len(dataset) if isinstance(dataset, Sized) else None
    count = int(dataset.cardinality())
    check(
        count != -1,
        "dataset",
        dataset,
        "finite",
        "call `adapt` before `repeat`, or select a finite number of batches with `take`",
    )
    return count if count >= 0 else None
