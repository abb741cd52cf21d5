"""Images with Pascal VOC annotations, stored in one XML file per image."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from tensorsmith.tfrecord.sources.boxes import Annotated, AnnotatedImages, Box
from tensorsmith.tfrecord.sources.files import UnreadableError
from tensorsmith.tfrecord.sources.source import Reject


class Voc(AnnotatedImages):
    """Data source for images with XML annotations in the same folder, or in a separate folder such as `Annotations`.

    Classes are numbered in the order of their names. An image without an annotation is rejected.

    Args:
        files: Paths of the image and annotation files.
        resize: Height and width to which all images are resized, or `None`.
        channels: Number of channels to which the images are decoded, or `None` to determine it from the images.
    """

    flag = "is_difficult"

    def __init__(self, files: list[Path], resize: Sequence[int] | None = None, channels: int | None = None) -> None:
        self.files, self.resize, self.channels = files, resize, channels
        self._annotations = [path for path in files if path.suffix.lower() == ".xml"]
        images = [path for path in files if path.suffix.lower() != ".xml"]
        self._images = {path.name: path for path in images}
        self._by_stem = {path.stem: path for path in images}
        double = next((path for path in images if self._images[path.name] != path), None)
        if double is not None:
            raise UnreadableError(double, f"duplicate image name, see {self._images[double.name]}")
        found = (_read(path) for path in self._annotations)
        self.names = sorted({box.name for one in found if isinstance(one, Annotated) for box in one.boxes})

    def annotated(self) -> Iterator[Annotated | Reject]:
        """Yields all annotated images in file order, and then the images without annotations."""
        seen = set()
        for path in self._annotations:
            found = _read(path)
            if isinstance(found, Annotated):
                image = self._images.get(found.image.name) or self._by_stem.get(path.stem, found.image)
                found = replace(found, image=image)
            seen.add(found.image if isinstance(found, Annotated) else self._by_stem.get(path.stem))
            yield found
        for path in self._images.values():
            if path not in seen:
                yield Reject(str(path), 1, "", "the image has no annotation")


def _read(path: Path) -> Annotated | Reject:
    """Reads an annotation file. Returns the annotated image, or a `Reject` if the file is invalid."""
    try:
        root = ElementTree.parse(path).getroot()
        boxes = [_box(element) for element in root.iter("object")]
        height, width = int(root.findtext("size/height", "0")), int(root.findtext("size/width", "0"))
    except (ElementTree.ParseError, ValueError) as error:
        return Reject(str(path), 1, "", f"invalid annotation: {error}")
    named = Path(root.findtext("filename", path.stem).strip()).name
    return Annotated(path, 1, path.with_name(named), boxes, (height, width) if height and width else None)


def _box(element: ElementTree.Element) -> Box:
    name = element.findtext("name", "").strip()
    sides = [element.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    if not name or None in sides:
        raise ValueError("an object has no name or bndbox")
    left, top, right, bottom = (float(side or "") for side in sides)
    return Box(name, left, top, right, bottom, element.findtext("difficult", "0").strip() == "1")
