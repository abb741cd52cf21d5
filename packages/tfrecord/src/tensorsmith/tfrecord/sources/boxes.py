"""Base class for data sources of images with bounding box annotations."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tensorsmith.tfrecord.schema import Feature, Schema
from tensorsmith.tfrecord.sources.batches import in_batches
from tensorsmith.tfrecord.sources.image_files import ImageShapes, channels_of, read_image, resize_image
from tensorsmith.tfrecord.sources.source import Batch, Reject
from tensorsmith.tfrecord.sources.table import TableSource

TYPES = (
    ("image", pa.binary()),
    ("bbox", pa.list_(pa.list_(pa.float32(), 4))),
    ("label", pa.list_(pa.int64())),
    ("label_text", pa.list_(pa.string())),
)
OUTSIDE = 1.0  # pixels by which a box may exceed its image due to rounding; the excess is clipped


@dataclass(frozen=True)
class Box:
    """Bounding box of an object in pixels. `flagged` marks difficult objects and crowds."""

    name: str
    left: float
    top: float
    right: float
    bottom: float
    flagged: bool = False

    def relative(self, height: int, width: int) -> list[float]:
        """Returns the top, left, bottom and right edges as fractions of the image size, as in TensorFlow and TFDS.

        Raises:
            ValueError: If the box is not within the image.
        """
        fits = -OUTSIDE <= self.left <= self.right <= width + OUTSIDE
        if not (fits and -OUTSIDE <= self.top <= self.bottom <= height + OUTSIDE):
            box = f"left {self.left:g}, top {self.top:g}, right {self.right:g}, bottom {self.bottom:g}"
            raise ValueError(f"a box must lie within {width} x {height} pixels, got {box}")
        parts = (self.top / height, self.left / width, self.bottom / height, self.right / width)
        return [min(max(part, 0.0), 1.0) for part in parts]


@dataclass(frozen=True)
class Annotated:
    """Path of an image file, and the content of its annotation.

    Attributes:
        annotation: Path of the annotation file.
        row: Number of the annotation in this file.
        image: Path of the image file.
        boxes: Objects in the image.
        size: Height and width given by the annotation, `None` if they are missing.
    """

    annotation: Path
    row: int
    image: Path
    boxes: list[Box]
    size: tuple[int, int] | None = None


class AnnotatedImages(TableSource):
    """Data source with one row per annotated image.

    The features are `image`, `bbox` (top, left, bottom, right in 0..1), `label` (class indices), `label_text` (class
    names) and a flag. Except for `image`, they have one value for each object.

    Attributes:
        flag: Name of the flag, as in TFDS.
        names: Class names, by index.
        resize: Height and width to which all images are resized, or `None`. Boxes are relative to the image size.
        channels: Number of channels to which the images are decoded, or `None` to determine it from the images.
    """

    flag: str
    names: list[str]
    resize: Sequence[int] | None = None
    channels: int | None = None
    _shapes = ImageShapes()  # of no images, until rows have been read

    @abstractmethod
    def annotated(self) -> Iterator[Annotated | Reject]:
        """Yields all annotated images, in a deterministic order."""

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        return self._rows(self.channels)

    def rows_for(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches. Comments are then on the number of channels in the schema."""
        return self._rows(channels_of(schema))

    def _rows(self, channels: int | None) -> Iterator[Batch]:
        self._shapes = ImageShapes(channels)
        numbers = {name: number for number, name in enumerate(self.names)}
        rows = ((self._row(found, numbers), _place(found)) for found in self.annotated())
        types = pa.schema([*TYPES, (self.flag, pa.list_(pa.bool_()))])
        yield from in_batches(rows, str(self.files[0]), types, verified=("image",))

    def known(self) -> Mapping[str, Feature]:
        """Returns all features of the data source."""
        return {
            "image": self._shapes.feature,
            "bbox": Feature("float32", (None, 4)),
            "label": Feature("int64", (None,)),
            "label_text": Feature("string", (None,)),
            self.flag: Feature("bool", (None,)),
        }

    def comments(self) -> list[str]:
        """Returns sentences on the channels and the orientation of the images."""
        return self._shapes.comments("image", can_turn=False)

    def _row(self, found: Annotated | Reject, numbers: Mapping[str, int]) -> dict[str, Any] | Reject:
        if isinstance(found, Reject):
            return found
        if not found.image.exists():
            return Reject(str(found.annotation), found.row, "image", f"image {found.image} does not exist")
        try:
            image = read_image(found.image)
        except ValueError as error:
            return Reject(str(found.image), 1, "", str(error))
        height, width, _ = image.shape
        try:
            if found.size not in (None, (height, width)):
                said = "{1} x {0}".format(*found.size or ())
                raise ValueError(f"boxes must be for the image size {width} x {height}, got boxes for {said} pixels")
            boxes = [box.relative(height, width) for box in found.boxes]
        except ValueError as error:
            return Reject(str(found.annotation), found.row, "bbox", str(error))
        try:
            # Not turned: the boxes refer to the pixels as they are stored, as in torchvision.
            image = resize_image(image, self.resize, turn=False)
        except ValueError as error:
            return Reject(str(found.image), 1, "", str(error))
        self._shapes.add(image)
        names = [box.name for box in found.boxes]
        flags = [box.flagged for box in found.boxes]
        labels = [numbers[name] for name in names]
        return {"image": image.data, "bbox": boxes, "label": labels, "label_text": names, self.flag: flags}


def _place(found: Annotated | Reject) -> tuple[str, int]:
    return (str(found.annotation), found.row) if isinstance(found, Annotated) else (found.file, found.row)
