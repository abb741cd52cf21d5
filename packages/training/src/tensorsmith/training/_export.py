"""Exporting a model to run elsewhere, where there is no tensorsmith."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tensorsmith import ops
from tensorsmith.core import Verbatim, check, replace_file

OURS = "Tensorsmith"  # what the names of our ops begin with


def export(
    model: keras.Model, path: str | os.PathLike[str], *, input_shapes: Sequence[Sequence[int | None]] | None = None
) -> None:
    """Writes a model's inference for other programs: a SavedModel folder, or a TFLite file where `path` ends so.

    Compiled kernels are left out: the model is traced with their reference twins, so that whoever runs it needs nothing
    of tensorsmith. What was at `path` before is replaced once the new one is whole.

    Args:
        model: A built Keras model.
        path: A folder, or a file that ends in `.tflite`.
        input_shapes: A shape for each of `model.inputs`, the batch counted, in place of those it was built with. TFLite
            wants all sizes fixed, and takes a batch of 1 where nothing is said.

    Raises:
        ValueError: The model is not built, the shapes do not fit it, TFLite is asked for with unknown sizes, or a
            `tf.function` within the model still holds a compiled kernel.

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
    signature = _signature(model, input_shapes, lite)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}-") as folder:
        draft = Path(folder) / "model"
        with ops.use("reference"):
            model.export(draft, format="tf_saved_model", verbose=False, input_signature=signature)
        check(
            not _kernels_in(draft),
            "model",
            Verbatim("one with a tf.function that was traced with compiled kernels"),
            "a model that can be traced anew",
            "build the model inside `tensorsmith.ops.use('reference')` and load its weights",
        )
        if lite:
            with replace_file(target) as file:
                file.write_bytes(_lite(draft))
            return
        if target.exists():
            target.rename(Path(folder) / "before")
        shutil.move(draft, target)


def _signature(model: keras.Model, input_shapes: Sequence[Sequence[int | None]] | None, lite: bool) -> Any:
    """What the exported function takes, in the structure of the model's inputs; None leaves it to Keras."""
    check(
        model.built,
        "model",
        Verbatim("one that is not built"),
        "a built model",
        "call it once, or give it a keras.Input",
    )
    if input_shapes is None and not lite:
        return None
    inputs = getattr(model, "inputs", None) or []
    check(
        bool(inputs),
        "model",
        Verbatim("a model without `inputs`"),
        "one made from keras.Input, when shapes are to be fixed",
    )
    shapes = [(1, *tensor.shape[1:]) for tensor in inputs]
    if input_shapes is not None:
        shapes = [tuple(shape) for shape in input_shapes]
        built = [tensor.shape for tensor in inputs]
        fits = len(shapes) == len(built) and all(
            tf.TensorShape(one).is_compatible_with(other) for one, other in zip(shapes, built, strict=True)
        )
        check(fits, "input_shapes", shapes, f"a shape for each input that fits {built}")
    check(
        not lite or all(None not in shape for shape in shapes),
        "input_shapes",
        shapes,
        "sizes without None, since TFLite wants them fixed",
        "give `input_shapes` with a batch size and lengths",
    )
    specs = [tf.TensorSpec(shape, tensor.dtype, tensor.name) for shape, tensor in zip(shapes, inputs, strict=True)]
    structure = inputs[0] if isinstance(model, keras.Sequential) else model.input  # which it has once it is called
    return [keras.tree.pack_sequence_as(structure, specs)]


def _kernels_in(saved_model: Path) -> bool:
    """Whether a compiled kernel is in one of its graphs."""
    saved = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    graphs = [meta.graph_def for meta in saved.meta_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for function in graph.library.function for node in function.node_def]
    return any(node.op.startswith(OURS) for node in nodes)


def _lite(saved_model: Path) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=["serve"])
    content: bytes = converter.convert()
    return content
