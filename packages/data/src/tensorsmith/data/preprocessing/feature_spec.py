"""From the features of a schema to the layers of a model, by one pass over the data."""

import logging
from collections.abc import Iterable, Mapping, Sized
from functools import cached_property
from typing import Any

import keras
import numpy as np

from tensorsmith.core import ArgumentError, Progress, Verbatim, argument_error, check, did_you_mean
from tensorsmith.core.types import TensorLike
from tensorsmith.data.preprocessing.choices import Choice, Cross, Indices, default_choice, values_per_example
from tensorsmith.data.preprocessing.feature_model import FeatureModel
from tensorsmith.tfrecord import Feature, Schema
from tensorsmith.tfrecord.schema import FLOATS, STRINGS

logger = logging.getLogger(__name__)


class FeatureSpec:
    """What is done with each feature of a schema, as Keras models that are saved with the rest of the model.

    There are two. `preprocessing` has no trainable weights and takes a dictionary of features as they are read: map a
    data set with it, or put it into the model, or train with the one and serve with the other; the numbers are the
    same. `encoder` takes what it returns, makes one-hot vectors and embeddings of numbers of classes, and returns one
    tensor. What a feature is decides what is done with it, unless another choice was made:

    - numbers, one or a list of them: `Standardize()`; bool: `Keep()`;
    - integers with `labels`: `Lookup` of their classes; strings: `Lookup()` of those in the data.

    Args:
        schema: Of the examples. Features that are used have one size, and are in all examples.
        choices: Name to what is done. The name is that of the schema's feature, or of another output where the choice
            says of which `feature`, or is a `Cross`.
        without: Features with which nothing else is done than was chosen, such as the target.

    Raises:
        ValueError: Choices do not fit the features; all mistakes are told together.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.data.preprocessing import Bucketize, Lookup
        >>> schema = Schema({"age": Feature("float32"), "city": Feature("string"), "label": Feature("int64")})
        >>> choices = {"city": Lookup(embed=2), "young": Bucketize(2, feature="age")}
        >>> spec = FeatureSpec(schema, choices, without=["label"])
        >>> examples = {"age": [20.0, 40.0, 40.0, 20.0], "city": ["Oslo", "Rome", "Rome", "Rome"], "label": [0] * 4}
        >>> dataset = tf.data.Dataset.from_tensor_slices(examples).batch(2)
        >>> spec.adapt(dataset)
        >>> preprocessed = spec.preprocessing(next(iter(dataset)))
        >>> {name: tensor.numpy().ravel().tolist() for name, tensor in preprocessed.items()}
        {'age': [-1.0, 1.0], 'city': [2, 1], 'young': [0, 1]}
        >>> spec.encoder(preprocessed).shape
        TensorShape([2, 5])
    """

    def __init__(self, schema: Schema, choices: Mapping[str, Choice] | None = None, without: Iterable[str] = ()):
        check(not isinstance(without, str), "without", without, "a list of names")
        chosen, left_out = dict(choices or {}), list(without)
        usual = {
            name: default_choice(feature)
            for name, feature in schema.features.items()
            if name not in chosen and name not in left_out
        }
        mistakes = [
            argument_error("without", name, "a feature of the schema", did_you_mean(name, schema.features))
            for name in left_out
            if name not in schema.features
        ]
        mistakes += [
            argument_error(name, schema.features[name].dtype, "a choice", "make one, or leave it out by `without`")
            for name, choice in usual.items()
            if choice is None
        ]
        made = {name: choice for name, choice in usual.items() if choice} | chosen
        order = [name for name in schema.features if name in made]
        self._choices: dict[str, Choice] = {name: made[name] for name in dict.fromkeys([*order, *made])}
        self._sources = {
            name: choice.feature or name for name, choice in self._choices.items() if not isinstance(choice, Cross)
        }
        names = dict.fromkeys([*self._choices, *self._sources.values()])
        mistakes += [
            argument_error(
                "choices", name, 'names without "/", which Keras refuses', "rename it in schema and data set"
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
        check(bool(self._sources), "without", left_out, "some feature that is not left out")
        used = set(self._sources.values())
        self._features = {name: feature for name, feature in schema.features.items() if name in used}

    def _of(self, schema: Schema, name: str, choice: Choice) -> list[ArgumentError]:
        """What is wrong with a choice for a feature."""
        source = self._sources[name]
        if source not in schema.features:
            return [argument_error("choices", source, "a feature of the schema", did_you_mean(source, schema.features))]
        feature = schema.features[source]
        if feature.sequence or feature.optional or None in feature.shape or feature.encoding == "wav":
            expected = "a feature of one size that is in all examples"
            return [argument_error(name, feature, expected, "leave it out by `without`")]
        misfit = choice.misfit(feature)
        return [argument_error(name, feature.dtype, f"{misfit} for {type(choice).__name__}")] if misfit else []

    def _crossed(self, schema: Schema, name: str, cross: Cross) -> list[ArgumentError]:
        """What is wrong with the features of a cross."""
        known = [
            other
            for other, source in self._sources.items()
            if isinstance(self._choices[other], Indices)
            and source in schema.features
            and values_per_example(schema.features[source]) == 1
        ]
        expected = "the name of a Lookup, Hash or Bucketize of one value"
        return [
            argument_error(name, feature, expected, did_you_mean(feature, known))
            for feature in cross.features
            if feature not in known
        ]

    def inputs(self) -> dict[str, Any]:
        """New inputs for a functional model, a `keras.Input` for each feature, as the schema describes it."""
        return {
            name: keras.Input(feature.shape, dtype="string" if feature.dtype in STRINGS else feature.dtype, name=name)
            for name, feature in self._features.items()
        }

    def adapt(self, dataset: Iterable[Any], seed: int = 0) -> None:
        """Gathers what all layers have to know of the data, in one pass, and forgets what was gathered before.

        Memory stays bounded: vocabularies are of the 1,000,000 most frequent tokens (see `TokenCounts`), quantiles are
        exact for 200,000 values and of a sample for more (see `Quantiles`).

        Args:
            dataset: Batches, as of `examples`: name to tensor or array, or tuples of which these are the first.
            seed: Of the values that quantiles are taken of.

        Raises:
            ValueError: `dataset` has no example or no end, a batch lacks features or has others than the schema says,
                there are numbers that are not finite, or there are too few different values for bins.
        """
        gathered = {name: self._choices[name].statistics(seed) for name in self._sources}
        examples = 0
        with Progress("tensorsmith.data") as progress:
            for batch in progress.track(dataset, "adapting", _number_of_batches(dataset), "batches"):
                features = self._rows(batch[0] if isinstance(batch, tuple) else batch)
                size = len(next(iter(features.values())))
                for name, statistics in gathered.items():
                    if statistics is not None and size:
                        statistics.update(features[self._sources[name]])
                examples += size
        check(examples > 0, "dataset", dataset, "at least one example")
        logger.info("adapted to %d examples", examples)
        layers = self._made(gathered)
        for name in ("preprocessing", "encoder"):
            self.__dict__.pop(name, None)
        self._layers = layers

    def _rows(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The features of a batch as arrays, `(batch, values)`."""
        check(isinstance(batch, Mapping), "dataset", Verbatim(type(batch).__name__), "batches that are dictionaries")
        missing = [name for name in self._features if name not in batch]
        check(not missing, "dataset", sorted(batch), f"features {', '.join(missing)} in each batch")
        rows = {name: _as_rows(name, feature, batch[name]) for name, feature in self._features.items()}
        infinite = [
            name
            for name, values in rows.items()
            if values.dtype.name in (*FLOATS, "float64") and not np.isfinite(values).all()
        ]
        check(not infinite, "dataset", Verbatim(f"NaN or infinity in {', '.join(infinite)}"), "finite numbers")
        sizes = {name: len(values) for name, values in rows.items()}
        check(len(set(sizes.values())) == 1, "dataset", sizes, "as many examples of each feature")
        return rows

    def _made(self, gathered: Mapping[str, Any]) -> dict[str, list[Any]]:
        """The layers of each choice but crosses."""
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
        """The layers where `adapt` made none."""
        unknown = [name for name in self._sources if self._choices[name].statistics(0) is not None]
        check(not unknown, "spec", Verbatim(f"{', '.join(unknown)} not adapted"), "to know the data", "call `adapt`")
        return self._made({})

    @cached_property
    def preprocessing(self) -> FeatureModel:
        """A `FeatureModel` of name to tensors, from features as they are read: float32, or integers of classes.

        Numbers are cast to the types that the schema has.

        Raises:
            ValueError: There is a layer that has to know the data, and `adapt` was not called.
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
        """A `FeatureModel` of one tensor, `(batch, features)`, from what `preprocessing` returns.

        Its type is that which the dtype policy computes in; `preprocessing` is exact under any policy.

        Its parts are beside each other in the order of the schema, and then of further choices. It has the embeddings,
        which are trained with the model that it is part of.
        """
        inputs, parts = {}, []
        for name, tensor in self.preprocessing.output.items():
            inputs[name] = part = keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
            choice = self._choices[name]
            if isinstance(choice, Indices):
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
    """Values of a feature in a batch as an array, `(batch, values)`."""
    array, width = np.asarray(values), values_per_example(feature)
    fits = array.ndim > 0 and array.size == len(array) * width
    check(fits, name, array.shape, f"a batch of the shape {(None, *feature.shape)}", "use `dataset.batch`")
    texts = feature.dtype in STRINGS
    check(texts == (array.dtype.kind in "OSU"), name, array.dtype.name, f"{feature.dtype}, as in the schema")
    rows = array.reshape(len(array), width)
    if texts:
        return _as_bytes(name, rows)
    cast = rows.astype(feature.dtype)
    lost = feature.dtype not in (*FLOATS, "float64") and not np.array_equal(cast, rows)
    check(not lost, name, Verbatim(f"numbers that {feature.dtype} cannot hold"), f"{feature.dtype}, as in the schema")
    return cast


def _as_bytes(name: str, rows: np.ndarray) -> np.ndarray:
    """Texts as bytes, whatever form they have."""
    found = [text.encode() if isinstance(text, str) else text for text in rows.ravel().tolist()]
    wrong = next((text for text in found if not isinstance(text, bytes)), b"")
    check(isinstance(wrong, bytes), name, wrong, "texts")
    encoded = np.empty(len(found), object)
    encoded[:] = found
    return encoded.reshape(rows.shape)


def _number_of_batches(dataset: Iterable[Any]) -> int | None:
    """How many batches there are, where that is known.

    Raises:
        ValueError: They have no end.
    """
    if not hasattr(dataset, "cardinality"):
        return len(dataset) if isinstance(dataset, Sized) else None
    count = int(dataset.cardinality())
    check(count != -1, "dataset", dataset, "batches that end", "adapt before `repeat`, or `take` some")
    return count if count >= 0 else None
