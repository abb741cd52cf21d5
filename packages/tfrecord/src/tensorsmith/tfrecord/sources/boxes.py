"""What annotations of images have in common: boxes with classes."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tensorsmith.tfrecord.schema import Feature
from tensorsmith.tfrecord.sources.batches import in_batches
from tensorsmith.tfrecord.sources.image_files import ImageShapes, read_image
from tensorsmith.tfrecord.sources.source import Batch, Reject
from tensorsmith.tfrecord.sources.table import Table

TYPES = (
    ("image", pa.binary()),
    ("bbox", pa.list_(pa.list_(pa.float32(), 4))),
    ("label", pa.list_(pa.int64())),
    ("label_text", pa.list_(pa.string())),
)
OUTSIDE = 1.0  # pixels that a box may reach out of its image, by rounding; it is cut there


@dataclass(frozen=True)
class Box:
    """An object in an image, in pixels; flagged where it is not to be found like others."""

    name: str
    left: float
    top: float
    right: float
    bottom: float
    flagged: bool = False

    def relative(self, height: int, width: int) -> list[float]:
        """Top, left, bottom and right as parts of the image, as TensorFlow and TFDS have them.

        Raises:
            ValueError: It is not in the image.
        """
        fits = -OUTSIDE <= self.left <= self.right <= width + OUTSIDE
        if not (fits and -OUTSIDE <= self.top <= self.bottom <= height + OUTSIDE):
            box = f"left {self.left:g}, top {self.top:g}, right {self.right:g}, bottom {self.bottom:g}"
            raise ValueError(f"received a box with {box}, expected one within {width} x {height} pixels")
        parts = (self.top / height, self.left / width, self.bottom / height, self.right / width)
        return [min(max(part, 0.0), 1.0) for part in parts]


@dataclass(frozen=True)
class Annotated:
    """An image and what is said of it.

    Attributes:
        annotation: The file with the annotation.
        row: The annotation's number there.
        image: The image's file.
        boxes: Its objects.
        size: Height and width by the annotation, where it has them.
    """

    annotation: Path
    row: int
    image: Path
    boxes: list[Box]
    size: tuple[int, int] | None = None


class AnnotatedImages(Table):
    """A row for each annotated image: the features `image`, `bbox` (top, left, bottom, right in 0..1), `label` (the
    classes' numbers), `label_text` (their names) and a flag, with a value in each for each object.

    Attributes:
        flag: The name of the flag, as TFDS has it.
        names: The names of all classes, by number.
    """

    flag: str
    names: list[str]

    @abstractmethod
    def annotated(self) -> Iterator[Annotated | Reject]:
        """All annotations, in an order that is always the same."""

    def rows(self) -> Iterator[Batch]:
        """All rows."""
        self._shapes = ImageShapes()
        numbers = {name: number for number, name in enumerate(self.names)}
        rows = ((self._row(found, numbers), _place(found)) for found in self.annotated())
        yield from in_batches(rows, str(self.files[0]), pa.schema([*TYPES, (self.flag, pa.list_(pa.bool_()))]))

    def known(self) -> Mapping[str, Feature]:
        """All features."""
        return {
            "image": self._shapes.feature,
            "bbox": Feature("float32", (None, 4)),
            "label": Feature("int64", (None,)),
            "label_text": Feature("string", (None,)),
            self.flag: Feature("bool", (None,)),
        }

    def _row(self, found: Annotated | Reject, numbers: Mapping[str, int]) -> dict[str, Any] | Reject:
        if isinstance(found, Reject):
            return found
        try:
            image = read_image(found.image)
        except FileNotFoundError:
            return Reject(str(found.annotation), found.row, "image", f"there is no image {found.image}")
        except ValueError as error:
            return Reject(str(found.image), 1, "", str(error))
        height, width, _ = image.shape
        try:
            if found.size not in (None, (height, width)):
                said = "{1} x {0}".format(*found.size or ())
                raise ValueError(f"received boxes for {said} pixels, expected {width} x {height}, which the image has")
            boxes = [box.relative(height, width) for box in found.boxes]
        except ValueError as error:
            return Reject(str(found.annotation), found.row, "bbox", str(error))
        self._shapes.add(image)
        names = [box.name for box in found.boxes]
        flags = [box.flagged for box in found.boxes]
        labels = [numbers[name] for name in names]
        return {"image": image.data, "bbox": boxes, "label": labels, "label_text": names, self.flag: flags}


def _place(found: Annotated | Reject) -> tuple[str, int]:
    return (str(found.annotation), found.row) if isinstance(found, Annotated) else (found.file, found.row)
