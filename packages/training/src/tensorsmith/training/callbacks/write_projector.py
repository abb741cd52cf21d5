"""Files for the embedding projector of TensorBoard."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tensorsmith.core import check, printable, replace_file
from tensorsmith.core.types import TensorLike

VECTORS, LABELS, CONFIG = "vectors.tsv", "metadata.tsv", "projector_config.pbtxt"


def write_projector(folder: str | os.PathLike[str], vectors: TensorLike, labels: Sequence[str]) -> None:
    r"""Writes vectors with labels, such as word embeddings, for the embedding projector of TensorBoard.

    `tensorboard --logdir FOLDER` shows the vectors under "Projector", reduced to two or three dimensions by PCA, t-SNE
    or UMAP. If `--logdir` is a parent of the folder, the folder must also contain event files, such as the folder
    `train` of `keras.callbacks.TensorBoard`.

    The files are `vectors.tsv`, `metadata.tsv` and `projector_config.pbtxt`, which replace those of a previous call.
    Each file is written atomically, and the configuration, without which the projector ignores the others, last.

    Unprintable characters of labels, such as tabs and newlines, are written as escape sequences. The projector skips
    empty lines, so that an empty label, such as that of the padding in a vocabulary, is written as `''`.

    Args:
        folder: Folder for the files, which is created if it does not exist.
        vectors: Vectors of shape `(count, size)`, such as the weights of a `keras.layers.Embedding`.
        labels: Sequence of strings, one for each vector.

    Raises:
        ValueError: If `vectors` is not a non-empty matrix of finite numbers, or `labels` does not contain a string for
            each vector.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import keras
        >>> embedding = keras.layers.Embedding(3, 2)
        >>> embedding.build()
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_projector(folder, embedding.embeddings, ["", "to", "be"])
        >>> (folder / "metadata.tsv").read_text()
        "''\nto\nbe\n"
    """
    array = np.asarray(keras.ops.convert_to_numpy(vectors), np.float32)
    check(array.ndim == 2 and array.size > 0, "vectors", array.shape, "have shape (count, size), both of them > 0")
    check(bool(np.isfinite(array).all()), "vectors", "NaN or infinite values", "finite numbers")
    check(all(isinstance(label, str) for label in labels), "labels", labels, "a sequence of strings")
    check(len(labels) == len(array), "labels", len(labels), f"contain a string for each of the {len(array)} vectors")
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    # Without a configuration, an interrupted call cannot leave vectors with the labels of a previous call.
    (path / CONFIG).unlink(missing_ok=True)
    with replace_file(path / VECTORS) as draft:
        np.savetxt(draft, array, fmt="%.9g", delimiter="\t")  # the digits that identify a float32
    with replace_file(path / LABELS) as draft:
        draft.write_text("".join(f"{_line(label)}\n" for label in labels), encoding="utf-8")
    with replace_file(path / CONFIG) as draft:
        draft.write_text(f'embeddings {{\n  tensor_path: "{VECTORS}"\n  metadata_path: "{LABELS}"\n}}\n')


def _line(label: str) -> str:
    return printable(label) if label.strip() else repr(label)
