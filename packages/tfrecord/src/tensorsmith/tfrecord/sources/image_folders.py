"""Image files as a data source, optionally in one folder per class."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tensorsmith.tfrecord.schema import Feature, Schema
from tensorsmith.tfrecord.sources.batches import in_batches
from tensorsmith.tfrecord.sources.classes import Classes
from tensorsmith.tfrecord.sources.image_files import ImageShapes, channels_of, read_image, resize_image
from tensorsmith.tfrecord.sources.source import Batch, Reject
from tensorsmith.tfrecord.sources.table import TableSource


class ImageFolders(TableSource):
    """Data source for image files with the feature `image` and, for images in class folders, `label`.

    Args:
        files: Paths of the image files.
        root: Parent folder of the class folders, or `None` if the images have no classes.
        resize: Height and width to which all images are resized, or `None`.
        channels: Number of channels to which the images are decoded, or `None` to determine it from the images.
    """

    by_file = True

    def __init__(
        self,
        files: list[Path],
        root: Path | None = None,
        resize: Sequence[int] | None = None,
        channels: int | None = None,
    ) -> None:
        self.files, self._resize, self._channels = files, resize, channels
        self._classes, self._shapes = Classes(root, files), ImageShapes(channels)
        self._name = str(root or self.files[0].parent)

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        return self._rows(self._channels)

    def rows_for(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches. Comments are then on the number of channels in the schema."""
        return self._rows(channels_of(schema))

    def _rows(self, channels: int | None) -> Iterator[Batch]:
        self._shapes = ImageShapes(channels)
        types = [("image", pa.binary())] + [("label", pa.int64())] * bool(self._classes.names)
        rows = ((self._row(path), (str(path), 1)) for path in self.files)
        yield from in_batches(rows, self._name, pa.schema(types), 1 + self.before, verified=("image",))

    def known(self) -> Mapping[str, Feature]:
        """Returns the features of the data source, including the image sizes, the encoding and the class names."""
        label = {"label": Feature("int64", labels=self._classes.names)} if self._classes.names else {}
        return {"image": self._shapes.feature, **label}

    def comments(self) -> list[str]:
        """Returns sentences on the channels and the orientation of the images."""
        return self._shapes.comments("image")

    def _row(self, path: Path) -> dict[str, Any] | Reject:
        try:
            label = {"label": self._classes.number_of(path)} if self._classes.names else {}
            image = resize_image(read_image(path), self._resize)
        except ValueError as error:
            return Reject(str(path), 1, "", str(error))
        self._shapes.add(image)
        return {"image": image.data, **label}
