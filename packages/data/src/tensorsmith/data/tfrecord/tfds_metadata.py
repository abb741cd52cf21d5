"""The files that let TensorFlow Datasets open a folder of TFRecord files: `tfds.builder_from_directory(folder)`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorsmith.core import replace_file
from tensorsmith.data.tfrecord.schema import PICTURES, TEXTS, Feature, Schema

FEATURES = "tensorflow_datasets.core.features"
INFO = "dataset_info.json"


def write_tfds_metadata(
    folder: Path, name: str, schema: Schema, counts: Mapping[str, Sequence[int]], sizes: Mapping[str, int]
) -> bool:
    """Writes `dataset_info.json`, `features.json` and the names of classes.

    An optional feature is opened as a list of one value or none.

    Args:
        folder: Where the shards are.
        name: Of the data set.
        schema: Of its examples.
        counts: Split to the number of records in each shard.
        sizes: Split to its bytes.

    Returns:
        Whether it was done: TensorFlow Datasets reads no `tf.train.SequenceExample`, and no texts of which several
        sizes vary.
    """
    if any(feature.sequence or (feature.is_shaped and not feature.is_raw) for feature in schema.features.values()):
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
            with replace_file(folder / f"{feature_name.replace('/', '-')}.labels.txt") as draft:
                draft.write_text("".join(f"{label}\n" for label in feature.labels), encoding="utf-8")
    for file, value in (("features.json", features), (INFO, info)):
        with replace_file(folder / file) as draft:
            draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return True


def _json(feature: Feature) -> dict[str, Any]:
    """A feature in the words of TensorFlow Datasets."""
    if feature.labels and not feature.optional:
        kind = f"{FEATURES}.class_label_feature.ClassLabel"
        return {"pythonClassName": kind, "classLabel": {"numClasses": str(len(feature.labels))}}
    shape = (None, *feature.shape) if feature.optional else feature.shape
    if feature.encoding in PICTURES and not feature.optional:
        picture = {"shape": _shape(shape), "dtype": "uint8", "encodingFormat": feature.encoding}
        return {"pythonClassName": f"{FEATURES}.image_feature.Image", "image": picture}
    stored_as_text = feature.dtype in TEXTS or feature.encoding in (*PICTURES, "wav")
    if stored_as_text and feature.encoding:
        shape = (None,) if feature.optional else ()
    dtype = "string" if stored_as_text else "float32" if feature.kind == "float" else feature.dtype
    encoding = "bytes" if feature.is_raw else "none"
    tensor = {"shape": _shape(shape), "dtype": dtype, "encoding": encoding}
    return {"pythonClassName": f"{FEATURES}.tensor_feature.Tensor", "tensor": tensor}


def _shape(shape: tuple[int | None, ...]) -> dict[str, Any]:
    return {"dimensions": [str(-1 if size is None else size) for size in shape]} if shape else {}
