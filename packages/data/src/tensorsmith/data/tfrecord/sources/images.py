"""Folders of pictures, in folders by class."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from tensorsmith.data.tfrecord.schema import Feature
from tensorsmith.data.tfrecord.sources.classes import Classes
from tensorsmith.data.tfrecord.sources.pictures import Shapes, in_batches, read_picture
from tensorsmith.data.tfrecord.sources.source import Batch, Reject
from tensorsmith.data.tfrecord.sources.table import Table


class Images(Table):
    """A row for each picture: the feature `image`, and `label` where they lie in folders by class.

    Args:
        files: The pictures.
        root: The folder that has the folders of classes; `None` where pictures have no class.
    """

    by_file = True

    def __init__(self, files: list[Path], root: Path | None = None) -> None:
        self.files = files
        self._classes, self._shapes = Classes(root, files), Shapes()
        self._name = str(root or self.files[0].parent)

    def rows(self) -> Iterator[Batch]:
        """All rows."""
        types = [("image", pa.binary())] + [("label", pa.int64())] * bool(self._classes.names)
        rows = ((self._row(path), (str(path), 1)) for path in self.files)
        yield from in_batches(rows, self._name, pa.schema(types), 1 + self.before)

    def known(self) -> Mapping[str, Feature]:
        """The pictures' size and encoding, and the names of classes."""
        label = {"label": Feature("int64", labels=self._classes.names)} if self._classes.names else {}
        return {"image": self._shapes.feature, **label}

    def _row(self, path: Path) -> dict[str, Any] | Reject:
        try:
            label = {"label": self._classes.number_of(path)} if self._classes.names else {}
            picture = read_picture(path)
        except ValueError as error:
            return Reject(str(path), 1, "", str(error))
        self._shapes.add(picture)
        return {"image": picture.data, **label}
