"""Export of models for use without tensorsmith."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tensorsmith import ops
from tensorsmith.core import Verbatim, check, replace_file, temporary_folder

MARK = "saved_model.pb"  # file in the folder of a SavedModel
OURS = "Tensorsmith"  # prefix of the names of the compiled ops


def export(
    model: keras.Model, path: str | os.PathLike[str], *, input_shapes: Sequence[Sequence[int | None]] | None = None
) -> None:
    """Exports a model for inference as a SavedModel folder, or as a TFLite file if `path` ends with `.tflite`.

    The model is traced with the reference implementations of compiled kernels, so that the exported model does not
    depend on tensorsmith. An existing export at `path` is replaced once the new one is complete. Other files and
    folders are not replaced.

    Args:
        model: Built Keras model to export.
        path: Path of a folder, or of a file that ends with `.tflite`.
        input_shapes: Shape of each tensor in `model.inputs`, including the batch axis. Defaults to the shapes that the
            model was built with. TFLite requires static shapes and uses a batch size of 1 by default.

    Raises:
        ValueError: If `path` is a folder or file that is not an export, the model is not built, the shapes are
            incompatible with it, sizes for TFLite are unknown, or a `tf.function` in the model still contains a
            compiled kernel.

    Example:
        >>> import keras, tempfile
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> folder = tempfile.mkdtemp()
        >>> export(model, f"{folder}/model")
        >>> exported = tf.saved_model.load(f"{folder}/model")
        >>> exported.serve(tf.ones((5, 3))).shape
        TensorShape([5, 2])
    """
    target = Path(path)
    lite = target.suffix == ".tflite"
    names = [file.name for file in target.iterdir()] if target.is_dir() else []
    exported = target.is_file() if lite else target.is_dir() and (MARK in names or not names)
    free = exported or not os.path.lexists(target)
    check(free, "path", str(target), "an earlier export or a new path", "remove what it contains, or pass another path")
    signature = _signature(model, input_shapes, lite)
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(target.parent) as folder:
        draft = folder / "model"
        with ops.use("reference"):
            model.export(draft, format="tf_saved_model", verbose=False, input_signature=signature)
        check(
            not _kernels_in(draft),
            "model",
            Verbatim("a model with a tf.function that was traced with compiled kernels"),
            "traced without compiled kernels",
            "build the model inside `tensorsmith.ops.use('reference')` and load its weights",
        )
        if lite:
            with replace_file(target) as file:
                file.write_bytes(_lite(draft))
            return
        if target.exists():
            target.rename(folder / "before")
        shutil.move(draft, target)


def export_once(model: keras.Model, parent: str | os.PathLike[str]) -> str:
    """Exports a model to a subfolder that is named after its configuration and weights, unless it exists already.

    Use it for a model that becomes a layer of another one, such as `tensorsmith.layers.HubLayer`: as long as the model
    does not change, neither does the path.

    Args:
        model: Built Keras model to export.
        parent: Path of the folder that contains the subfolder.

    Returns:
        The path of the subfolder.

    Raises:
        ValueError: If the model cannot be exported; see `export`.

    Example:
        >>> import keras, tempfile
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> folder = tempfile.mkdtemp()
        >>> export_once(model, folder) == export_once(model, folder)
        True
    """
    content = b"".join([model.to_json().encode(), *(weight.tobytes() for weight in model.get_weights())])
    target = Path(parent) / f"export-{hashlib.sha256(content).hexdigest()}"
    if not target.exists():
        export(model, target)
    return str(target)


def _signature(model: keras.Model, input_shapes: Sequence[Sequence[int | None]] | None, lite: bool) -> Any:
    """Returns the input signature, structured like the model inputs, or `None` for the default of Keras."""
    check(
        model.built,
        "model",
        Verbatim("a model that is not built"),
        "built",
        "call the model once, or start it with keras.Input",
    )
    if input_shapes is None and not lite:
        return None
    inputs = getattr(model, "inputs", None) or []
    check(
        bool(inputs),
        "model",
        Verbatim("a model without `inputs`"),
        "built from keras.Input to have fixed shapes",
    )
    shapes = [(1, *tensor.shape[1:]) for tensor in inputs]
    if input_shapes is not None:
        shapes = [tuple(shape) for shape in input_shapes]
        built = [tensor.shape for tensor in inputs]
        fits = len(shapes) == len(built) and all(
            tf.TensorShape(one).is_compatible_with(other) for one, other in zip(shapes, built, strict=True)
        )
        check(fits, "input_shapes", shapes, f"a list of shapes, one for each input, that are compatible with {built}")
    check(
        not lite or all(None not in shape for shape in shapes),
        "input_shapes",
        shapes,
        "a list of shapes without None for TFLite",
        "pass `input_shapes` with fixed batch sizes and lengths, which TFLite requires",
    )
    specs = [tf.TensorSpec(shape, tensor.dtype, tensor.name) for shape, tensor in zip(shapes, inputs, strict=True)]
    structure = inputs[0] if isinstance(model, keras.Sequential) else model.input  # set by the first call
    return [keras.tree.pack_sequence_as(structure, specs)]


def _kernels_in(saved_model: Path) -> bool:
    """Returns `True` if a graph in the SavedModel contains a compiled kernel."""
    saved = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    graphs = [meta.graph_def for meta in saved.meta_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for function in graph.library.function for node in function.node_def]
    return any(node.op.startswith(OURS) for node in nodes)


def _lite(saved_model: Path) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=["serve"])
    content: bytes = converter.convert()
    return content
