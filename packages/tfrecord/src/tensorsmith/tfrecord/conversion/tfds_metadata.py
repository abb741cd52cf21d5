"""Metadata files that let `tfds.builder_from_directory(folder)` open a folder of TFRecord files."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorsmith.core import replace_file
from tensorsmith.core.types import Shape
from tensorsmith.tfrecord.schema import IMAGES, STRINGS, Feature, Schema

FEATURES = "tensorflow_datasets.core.features"
FEATURES_FILE, INFO, LABELS_SUFFIX = "features.json", "dataset_info.json", ".labels.txt"


def tfds_files(folder: Path, schema: Schema) -> list[Path]:
    """Returns the paths of all files that `write_tfds_metadata` may write."""
    labels = [_labels_path(folder, name) for name, feature in schema.features.items() if feature.labels]
    return [folder / INFO, folder / FEATURES_FILE, *labels]


def write_tfds_metadata(
    folder: Path,
    name: str,
    schema: Schema,
    counts: Mapping[str, Sequence[int]],
    sizes: Mapping[str, int],
    compression: str = "none",
) -> bool:
    """Writes the TFDS metadata files `dataset_info.json` and `features.json`, and files with the label names.

    An optional feature is read as a list with one value or none. If its size varies, a missing value is read as an
    empty list.

    Args:
        folder: Folder that contains the shards.
        name: Name of the data set.
        schema: Schema of the examples.
        counts: Mapping from split names to sequences with the number of records in each shard.
        sizes: Mapping from split names to the size of each split in bytes.
        compression: Compression of the shards: "none", "gzip" or "zlib".

    Returns:
        `True` if the metadata was written. TensorFlow Datasets does not support compressed shards,
        `tf.train.SequenceExample`, strings with several variable dimensions, and optional values of variable size that
        are stored as bytes; nothing is written in these cases.
    """
    if compression != "none" or not all(map(_is_readable, schema.features.values())):
        return False
    content = {feature_name: _json(feature) for feature_name, feature in schema.features.items()}
    features = {
        "type": f"{FEATURES}.features_dict.FeaturesDict",
        "content": {"features": content},
        "proto_cls": "tensorflow_datasets.FeaturesDict",
    }
    splits = [
        {
            "name": split,
            "numBytes": str(sizes[split]),
            "shardLengths": [str(count) for count in lengths],
            "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        }
        for split, lengths in counts.items()
    ]
    info = {"name": name, "version": "1.0.0", "fileFormat": "tfrecord", "splits": splits}
    for feature_name, feature in schema.features.items():
        if feature.labels:
            with replace_file(_labels_path(folder, feature_name)) as draft:
                draft.write_text("".join(f"{label}\n" for label in feature.labels), encoding="utf-8")
    for file, value in ((FEATURES_FILE, features), (INFO, info)):
        with replace_file(folder / file) as draft:
            draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return True


def _labels_path(folder: Path, name: str) -> Path:
    return folder / f"{name.replace('/', '-')}{LABELS_SUFFIX}"


def _is_readable(feature: Feature) -> bool:
    texts = feature.is_shaped and not feature.is_raw
    gaps = feature.optional and feature.is_raw and None in feature.shape
    return not (feature.sequence or texts or gaps)


def _json(feature: Feature) -> dict[str, Any]:
    """Returns the JSON description of a feature in the `features.json` format of TFDS."""
    if feature.labels and not feature.optional:
        kind = f"{FEATURES}.class_label_feature.ClassLabel"
        return {"pythonClassName": kind, "classLabel": {"numClasses": str(len(feature.labels))}}
    if feature.optional and feature.is_raw:
        values = {"feature": _json(dataclasses.replace(feature, optional=False, default=None)), "length": "-1"}
        return {"pythonClassName": f"{FEATURES}.sequence_feature.Sequence", "sequence": values}
    shape = (None, *feature.shape) if feature.optional and None not in feature.shape else feature.shape
    if feature.encoding in IMAGES and not feature.optional:
        image = {"shape": _shape(shape), "dtype": feature.dtype}
        image |= {"encodingFormat": feature.encoding} if feature.encoding != "image" else {}
        return {"pythonClassName": f"{FEATURES}.image_feature.Image", "image": image}
    stored_as_text = feature.dtype in STRINGS or feature.encoding in (*IMAGES, "wav")
    if stored_as_text and feature.encoding:
        shape = (None,) if feature.optional else ()
    dtype = "string" if stored_as_text else "float32" if feature.kind == "float" else feature.dtype
    encoding = "bytes" if feature.is_raw else "none"
    tensor = {"shape": _shape(shape), "dtype": dtype, "encoding": encoding}
    return {"pythonClassName": f"{FEATURES}.tensor_feature.Tensor", "tensor": tensor}


def _shape(shape: Shape) -> dict[str, Any]:
    return {"dimensions": [str(-1 if size is None else size) for size in shape]} if shape else {}
