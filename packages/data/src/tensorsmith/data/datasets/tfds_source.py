"""Loading of data sets from TensorFlow Datasets, converted to the format of this package."""

import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tensorsmith.core import argument_error, check, did_you_mean
from tensorsmith.data.datasets.dataset import Dataset
from tensorsmith.data.datasets.obtain import DataNotFoundError, is_offline

CONNECT_SECONDS = 5.0


def load_from_tfds(name: str, split: str, folder: Path | None = None) -> Dataset:
    """Loads one split of a TFDS data set into memory, after preparing the data set if necessary.

    uint8 images become float32 in [0, 1], class labels int32, and strings `str`, as in the data sets of this package.

    Args:
        name: Name of the TFDS data set, including the configuration if the data set has several configurations, such as
            "mnist" or "glue/sst2".
        split: TFDS split, which may be a slice such as "train[:10%]".
        folder: Folder that is passed to TFDS as `data_dir`. If `None`, the default folder of TFDS is used.

    Raises:
        ValueError: If the name or split does not exist, if the data set has no supervised keys, or if its examples
            have different sizes.
        DataNotFoundError: If the data set is not prepared and cannot be prepared.
        ImportError: If TFDS is not installed.
    """
    from tensorsmith.data.tfds import tfds

    check(isinstance(split, str), "split", split, "a string such as 'train' or 'train[:10%]'")
    builder = _builder(tfds, name, folder)
    keys = builder.info.supervised_keys
    is_pair = isinstance(keys, tuple) and len(keys) == 2 and all(isinstance(key, str) for key in keys)
    remedy = "use `tfds.load`, which returns examples as dictionaries"
    check(is_pair, "name", name, "the name of a TFDS data set with supervised keys (features and a label)", remedy)
    described, label = (builder.info.features[key] for key in keys)
    sizes = [spec.shape for spec in _leaves(described.get_tensor_spec()) + _leaves(label.get_tensor_spec())]
    is_regular = all(None not in size for size in sizes)
    check(is_regular, "name", name, "the name of a data set whose examples all have the same shape", remedy)
    if not builder.is_prepared():
        _prepare(builder, name)
    known = list(builder.info.splits)
    try:
        dataset = builder.as_dataset(split=split, batch_size=-1, shuffle_files=False, as_supervised=True)
    except (ValueError, KeyError):
        remedy = did_you_mean(str(split), known)
        raise argument_error("split", split, f"one of {', '.join(known)}, or a slice of one of them", remedy) from None
    features, labels = tfds.as_numpy(dataset)
    redistribution = builder.info.redistribution_info
    return Dataset(
        name=name,
        split=split,
        features=_converted(tfds, described, features),
        labels=_converted(tfds, label, labels),
        class_names=_class_names(tfds, label),
        feature_names=tuple(features) if isinstance(features, dict) else (),
        source=f"TFDS {builder.info.full_name}, {builder.info.homepage}",
        licence=(redistribution and redistribution.license) or "none stated by TFDS",
    )


def _builder(tfds: ModuleType, name: str, folder: Path | None) -> Any:
    check(isinstance(name, str), "name", name, "the name of a TFDS data set, such as 'mnist'")
    try:
        return tfds.builder(name, data_dir=folder)
    except ValueError as error:
        base, _, configuration = name.partition("/")
        known = tfds.list_builders(with_community_datasets=False)
        if base not in known:
            remedy = did_you_mean(base, known)
            raise argument_error("name", name, "the name of a TFDS data set, such as 'mnist'", remedy) from None
        configurations = tuple(tfds.builder_cls(base).builder_configs)
        remedy = did_you_mean(configuration, configurations) or str(error).splitlines()[0]
        raise argument_error("name", name, f"an existing configuration of {base}", remedy) from None


def _prepare(builder: Any, name: str) -> None:
    """Downloads and prepares a data set with TFDS.

    Raises:
        DataNotFoundError: If this fails; the message gives the reason.
    """
    tried = [(f"TFDS folder {builder.data_dir}", "not prepared")]
    try:
        # Checked first, as TFDS itself retries for minutes if a host does not answer.
        for address in {urlsplit(address).netloc: address for address in builder.url_infos or ()}.values():
            _check_answer(address)
        builder.download_and_prepare()
    except DataNotFoundError:  # raised by a builder of this package
        raise
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        tried.append(("TFDS download and preparation", reason.splitlines()[0]))
        locations = [f"  {number}. {location}: {why}" for number, (location, why) in enumerate(tried, 1)]
        lines = [
            f'Could not obtain data set "{name}". Sources tried:',
            *locations,
            f"For manual installation, run `tfds build {name}` on a machine with network access and copy the folder.",
            f"Published by: {builder.info.homepage}",
        ]
        raise DataNotFoundError(name, tuple(tried), "\n".join(lines)) from error


def _check_answer(address: str) -> None:
    """Raises an `OSError` if the host of a URL does not respond. The HTTP status is ignored."""
    if is_offline():
        raise OSError("skipped, TENSORSMITH_OFFLINE is set")
    if not address.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=CONNECT_SECONDS).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except OSError as error:
        raise OSError(f"no answer from {urlsplit(address).netloc}: {getattr(error, 'reason', error)}") from error


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for branch in tree.values() for leaf in _leaves(branch)]
    return [tree]


def _converted(tfds: ModuleType, described: Any, values: Any) -> Any:
    """Converts TFDS features to the dtypes of this package, for example images to float32 in [0, 1]."""
    if isinstance(values, dict):
        return {name: _converted(tfds, described[name], column) for name, column in values.items()}
    if isinstance(described, tfds.features.Text):
        return np.array([value.decode() for value in values], object)
    if isinstance(described, tfds.features.Image) and values.dtype == np.uint8:
        return np.divide(values, 255, dtype=np.float32)
    return values.astype(np.int32) if _class_names(tfds, described) else values


def _class_names(tfds: ModuleType, described: Any) -> tuple[str, ...]:
    """Returns the names of the classes of a label, or of the label "classes" if there are labels of several kinds."""
    if isinstance(described, tfds.features.FeaturesDict):
        return _class_names(tfds, described["classes"]) if "classes" in described else ()
    if isinstance(described, tfds.features.Sequence):
        described = described.feature
    return tuple(described.names) if isinstance(described, tfds.features.ClassLabel) else ()
