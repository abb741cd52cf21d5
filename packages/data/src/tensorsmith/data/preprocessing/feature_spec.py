"""Preprocessing models built from the features of a schema, adapted in one pass over the data."""

import copy
import dataclasses
import json
import logging
import os
import warnings
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np

from tensorsmith.core import (
    ArgumentError,
    Progress,
    UnreadableFileError,
    Verbatim,
    argument_error,
    check,
    did_you_mean,
    read_text,
    replace_file,
)
from tensorsmith.data.preprocessing.choices import Categorical, Cross, FeatureChoice, default_choice, values_per_example
from tensorsmith.data.preprocessing.feature_model import FeatureModel
from tensorsmith.data.preprocessing.feature_rows import as_read, as_rows, number_of_batches
from tensorsmith.data.preprocessing.impute import FillStatistics, Impute
from tensorsmith.data.preprocessing.imputer import Imputer
from tensorsmith.data.preprocessing.spec_file import (
    choice_of,
    describe_choice,
    describe_statistics,
    restore_statistics,
)
from tensorsmith.data.preprocessing.statistics import TokenCounts
from tensorsmith.tfrecord import Schema
from tensorsmith.tfrecord.schema import FLOATS, NAN, STRINGS

FEW_STRINGS, MOST_STRINGS = 100, 1000  # distinct strings; between these numbers, it depends on how often they repeat
LARGEST_FILE = 50_000_000  # bytes
logger = logging.getLogger(__name__)


class FeatureSpec:
    """Preprocessing of the features in a schema by Keras models, which are saved together with the trained model.

    A spec provides two models. `preprocessing` has no trainable weights and takes a dictionary of features as they are
    read. It can be mapped over a data set, be part of the model, or be used in one way for training and in the other
    for serving, with identical results. `encoder` takes its output, converts class indices to one-hot vectors and
    embeddings, and returns one tensor. Features without an explicit choice are preprocessed by their type:

    - numbers, one or a list of them, and dates and times: `Standardize()`; bool: `Passthrough()`;
    - integers with `labels`: `Lookup` of their classes; strings: `Lookup()` of those in the data. If there are very
      many distinct strings, as in identifiers, `adapt` warns.

    Args:
        schema: Schema of the examples. Features that are used must have a fixed size. They must occur in all examples,
            or have a `default`.
        choices: Mapping from names to preprocessing options. A name must be the name of a feature in the schema. If the
            option is a `Cross` or has a `feature` argument, the name can be chosen freely and becomes the name of an
            additional output.
        exclude: Names of features that are not preprocessed by default, such as the target. Options in `choices` still
            apply to these features.
        impute: Mapping from names of features to `Impute`, which replaces missing values before any other preprocessing
            of the feature. It is required for features whose default in the schema is "nan". Other defaults are values
            like any other unless the feature is imputed.

    Raises:
        ValueError: If choices are incompatible with the features; the message lists all mistakes.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.data.preprocessing import Bucketize, Lookup
        >>> from tensorsmith.tfrecord import Feature
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

    def __init__(
        self,
        schema: Schema,
        choices: Mapping[str, FeatureChoice] | None = None,
        exclude: Iterable[str] = (),
        impute: Mapping[str, Impute] | None = None,
    ):
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
        self._usual, self._excluded = set(usual), left_out
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
        used = set(self._sources.values())
        self._impute = dict(impute or {})
        self._indicators = {f"{name}_missing": name for name, one in self._impute.items() if one.add_indicator}
        mistakes += self._imputed(schema, used)
        for name, choice in self._choices.items():
            mistakes += (
                self._crossed(schema, name, choice) if isinstance(choice, Cross) else self._of(schema, name, choice)
            )
        if mistakes:
            raise ValueError("\n".join(map(str, mistakes)))
        check(bool(self._sources), "exclude", left_out, "a proper subset of the features")
        self._schema = {name: feature for name, feature in schema.features.items() if name in used}
        self._features = {name: as_read(feature) for name, feature in self._schema.items()}
        self._gathered: dict[str, Any] = {}  # statistics of all data since the last reset
        self._fills: dict[str, FillStatistics] = {}  # statistics of missing values since the last reset

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
        ragged = feature.optional and feature.default is None
        if feature.sequence or ragged or None in feature.shape or feature.encoding == "wav":
            expected = "a feature of fixed size that is required or has a default"
            remedy = "add `default` to the feature in the schema, such as `default: nan`, or" if ragged else ""
            return [argument_error(name, feature, expected, f"{remedy} add the feature to `exclude`".strip())]
        if source in self._impute:
            feature = self._impute[source].result(feature)
        incompatibility = choice.incompatibility(feature)
        return (
            [argument_error(name, feature.dtype, f"contain {incompatibility} to be used with {type(choice).__name__}")]
            if incompatibility
            else []
        )

    def _imputed(self, schema: Schema, used: Collection[str]) -> list[ArgumentError]:
        """Returns the validation errors of the imputation of missing values."""
        expected = "contain only features that are preprocessed"
        mistakes = [
            argument_error("impute", name, expected, did_you_mean(name, used))
            for name in self._impute
            if name not in used or name not in schema.features
        ]
        for name, feature in schema.features.items():
            if name not in used:
                continue
            if name in self._impute:
                mistakes += self._impute[name].mistakes(name, feature)
            elif feature.default == NAN and feature.dtype not in STRINGS:
                remedy = f'pass `impute={{"{name}": Impute("median")}}`, or another strategy'
                mistakes.append(
                    argument_error(name, Verbatim("the default nan"), "imputed if it can be missing", remedy)
                )
        mistakes += [
            argument_error(name, self._choices[name], f"omitted, as it is the name of the indicator of {source}")
            for name, source in self._indicators.items()
            if name in self._choices
        ]
        return mistakes

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
        fills = {name: one.statistics(seed) for name, one in self._impute.items()}
        fills = fills if reset else copy.deepcopy(self._fills)
        examples = 0
        with Progress("tensorsmith.data") as progress:
            for batch in progress.track(dataset, "adapting", number_of_batches(dataset), "batches"):
                features = self._rows(batch[0] if isinstance(batch, tuple) else batch)
                size = len(next(iter(features.values())))
                for name, fill in fills.items():
                    missing = self._impute[name].is_missing(self._schema[name], features[name])
                    features[name] = features[name][~missing].astype(self._dtype(name))
                    fill.update(features[name], int(missing.sum()))
                for name, statistics in gathered.items():
                    if statistics is not None and len(features[self._sources[name]]):
                        statistics.update(features[self._sources[name]])
                examples += size
        check(examples > 0, "dataset", dataset, "contain at least one example")
        logger.info("adapted to %d examples", examples)
        layers = self._made(gathered, fills)
        self._warn_of_many_strings(gathered)
        for name in ("preprocessing", "encoder"):
            self.__dict__.pop(name, None)
        self._layers = layers
        self._gathered, self._fills = gathered, fills

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves the spec and the statistics of the data as a JSON file.

        Args:
            path: Path of the file.

        Raises:
            ValueError: If an option is an instance of a class of your own, or if the statistics are too large.
        """
        described = {
            "schema": Schema(self._schema).to_yaml(),
            "choices": {name: describe_choice(choice) for name, choice in self._choices.items()},
            "impute": {name: dataclasses.asdict(impute) for name, impute in self._impute.items()},
            "adapted": bool(self._gathered),
            "statistics": {name: describe_statistics(gathered) for name, gathered in self._gathered.items()},
            "fills": {name: describe_statistics(fill) for name, fill in self._fills.items()},
        }
        text = json.dumps(described)  # ASCII characters
        received, expected = Verbatim(f"{len(text):,} bytes"), f"at most {LARGEST_FILE:,} bytes of statistics"
        check(len(text) <= LARGEST_FILE, "path", received, expected, "exclude features with many distinct strings")
        with replace_file(path) as draft:
            draft.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "FeatureSpec":
        """Returns the spec in a file that `save` has written. The embeddings of its encoder are new.

        Args:
            path: Path of the file.

        Raises:
            UnreadableFileError: If the file is damaged.
        """
        try:
            described = json.loads(read_text(path, LARGEST_FILE))
            schema = Schema.from_yaml(described["schema"])
            choices = {name: choice_of(choice) for name, choice in described["choices"].items()}
            impute = {name: Impute(**arguments) for name, arguments in described["impute"].items()}
            spec = cls(schema, choices, [name for name in schema.features if name not in choices], impute)
            if described["adapted"]:
                spec._restore(described["statistics"], described["fills"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            received = Verbatim(f"{os.fspath(path)} ({type(error).__name__}: {error})")
            raise UnreadableFileError.like(argument_error("path", received, "a file of FeatureSpec.save")) from error
        return spec

    def _restore(self, statistics: Mapping[str, Any], fills: Mapping[str, Any]) -> None:
        """Sets the statistics to those of another spec with the same choices."""
        self._gathered = {
            name: restore_statistics(self._choices[name].statistics(0), statistics[name]) for name in self._sources
        }
        self._fills = {name: restore_statistics(one.statistics(0), fills[name]) for name, one in self._impute.items()}
        self._layers = self._made(self._gathered, self._fills)

    def _warn_of_many_strings(self, gathered: Mapping[str, Any]) -> None:
        """Warns about features that are one-hot encoded by default although they have very many distinct strings."""
        found = {
            name: (len(statistics.counts), statistics.documents)
            for name, statistics in gathered.items()
            if name in self._usual and isinstance(statistics, TokenCounts)
        }
        found = {name: (count, total) for name, (count, total) in found.items() if _are_many(count, total)}
        if not found:
            return
        shown = [f"{name} ({count:,} distinct strings in {total:,} examples)" for name, (count, total) in found.items()]
        hashed = ", ".join(f'"{name}": Hash(100)' for name in found)
        message = (
            f"{' and '.join(shown)} will be one-hot encoded in {sum(count for count, _ in found.values()):,} columns. "
            f"To omit identifiers, pass exclude={json.dumps([*self._excluded, *found])}. To encode strings in fewer "
            f"columns, pass choices={{{hashed}}}, or Text() for strings of several words. If the strings are dates or "
            "numbers, see the comments of `tensorsmith tfrecord infer`. To keep all columns, pass Lookup()."
        )
        warnings.warn(message, stacklevel=3)

    def _dtype(self, name: str) -> Any:
        """Returns the NumPy dtype of the values of a feature that are not missing."""
        feature = self._impute[name].result(self._schema[name])
        return object if feature.dtype in STRINGS else feature.dtype

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
        rows = {name: as_rows(name, feature, batch[name]) for name, feature in self._features.items()}
        infinite = [
            name
            for name, values in rows.items()
            if values.dtype.name in (*FLOATS, "float64")
            and not (np.isfinite(values) | (np.isnan(values) & (name in self._impute))).all()
        ]
        check(
            not infinite,
            "dataset",
            Verbatim(f"NaN or infinity in {', '.join(infinite)}"),
            "contain only finite numbers",
            "pass `impute` to replace NaN",
        )
        sizes = {name: len(values) for name, values in rows.items()}
        check(
            len(set(sizes.values())) == 1,
            "dataset",
            sizes,
            "contain batches with the same number of examples of each feature",
        )
        return rows

    def _made(self, gathered: Mapping[str, Any], fills: Mapping[str, FillStatistics]) -> dict[str, list[Any]]:
        """Returns a dict that maps option names to new preprocessing layers. Crosses are excluded."""
        layers, mistakes = {}, []
        for name, source in self._sources.items():
            feature, statistics = self._features[source], gathered.get(name)
            try:
                if source in self._impute:
                    if statistics is not None:
                        statistics = fills[source].completed(statistics, self._schema[source])
                    feature = self._impute[source].result(self._schema[source])
                layers[name] = self._choices[name].layers(feature, statistics)
            except ValueError as error:
                mistakes.append(f"{name}: {error}")
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return layers

    @cached_property
    def _layers(self) -> dict[str, list[Any]]:
        """Preprocessing layers of all options except crosses. Raises an error if `adapt` must be called first."""
        unknown = [name for name in self._sources if self._choices[name].statistics(0) is not None]
        unknown += [name for name, one in self._impute.items() if one.strategy != "constant" and name not in unknown]
        if unknown:
            features = ", ".join(map(repr, unknown))
            raise ArgumentError(f"Features {features} have no statistics yet. Call `adapt` of the spec first.")
        return self._made({}, {})

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
        layers_of = self._layers  # raises an error if `adapt` must be called first
        for name, source in self._indicators.items():
            outputs[name] = self._imputer(source, "indicator")(flat[source])
        for source in self._impute:
            flat[source] = self._imputer(source)(flat[source])
        for name, layers in layers_of.items():
            outputs[name] = flat[self._sources[name]]
            for layer in layers:
                outputs[name] = layer(outputs[name])
        for name, choice in self._choices.items():
            if isinstance(choice, Cross):
                outputs[name] = choice.join([outputs[feature] for feature in choice.features])
        return FeatureModel(inputs, {name: outputs[name] for name in [*self._choices, *self._indicators]})

    def _imputer(self, name: str, output: str = "values") -> Imputer:
        """Returns a layer that replaces or indicates the missing values of a feature."""
        impute, feature = self._impute[name], self._schema[name]
        fill = self._fills.get(name) or impute.statistics(0)  # a constant does not depend on the data
        return impute.layer(feature, fill.fill_value(feature), output)

    @cached_property
    def encoder(self) -> FeatureModel:
        """`FeatureModel` that maps the output of `preprocessing` to one tensor of shape `(batch, features)`.

        The output has the compute dtype of the dtype policy; `preprocessing` is exact under any policy.

        Features are concatenated in the order of the schema, followed by additional choices and indicators. The model
        contains the embeddings, which are trained with the model that it is part of.
        """
        inputs, parts = {}, []
        for name, tensor in self.preprocessing.output.items():
            inputs[name] = part = keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
            choice = self._choices.get(name)  # `None` for an indicator
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


def _are_many(distinct: int, total: int) -> bool:
    """Returns `True` if strings are too many for one-hot vectors, or if most examples have their own string."""
    return distinct > MOST_STRINGS or (distinct > FEW_STRINGS and distinct > total / 2)
