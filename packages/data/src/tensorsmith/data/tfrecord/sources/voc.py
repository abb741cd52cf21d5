"""Pictures with an XML file each, as Pascal VOC has them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from tensorsmith.data.tfrecord.sources.boxes import Annotated, AnnotatedImages, Box
from tensorsmith.data.tfrecord.sources.files import UnreadableError
from tensorsmith.data.tfrecord.sources.source import Reject


class Voc(AnnotatedImages):
    """Pictures with annotations beside them, or in a folder of their own such as `Annotations`. Classes are numbered in
    the order of their names. A picture without an annotation is a reject.

    Args:
        files: Pictures and annotations.
    """

    flag = "is_difficult"

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self._annotations = [path for path in files if path.suffix.lower() == ".xml"]
        pictures = [path for path in files if path.suffix.lower() != ".xml"]
        self._pictures = {path.name: path for path in pictures}
        self._by_stem = {path.stem: path for path in pictures}
        double = next((path for path in pictures if self._pictures[path.name] != path), None)
        if double is not None:
            raise UnreadableError(double, f"another picture has this name: {self._pictures[double.name]}")
        found = (_read(path) for path in self._annotations)
        self.names = sorted({box.name for one in found if isinstance(one, Annotated) for box in one.boxes})

    def annotated(self) -> Iterator[Annotated | Reject]:
        """All annotations, and then pictures without one, sorted by name."""
        seen = set()
        for path in self._annotations:
            found = _read(path)
            if isinstance(found, Annotated):
                picture = self._pictures.get(found.picture.name) or self._by_stem.get(path.stem, found.picture)
                found = replace(found, picture=picture)
            seen.add(found.picture if isinstance(found, Annotated) else self._by_stem.get(path.stem))
            yield found
        for path in self._pictures.values():
            if path not in seen:
                yield Reject(str(path), 1, "", "it has no annotation")


def _read(path: Path) -> Annotated | Reject:
    """An annotation; the picture as it names it."""
    try:
        root = ElementTree.parse(path).getroot()
        boxes = [_box(element) for element in root.iter("object")]
        height, width = int(root.findtext("size/height", "0")), int(root.findtext("size/width", "0"))
    except (ElementTree.ParseError, ValueError) as error:
        return Reject(str(path), 1, "", f"it is no sound annotation: {error}")
    named = Path(root.findtext("filename", path.stem).strip()).name
    return Annotated(path, 1, path.with_name(named), boxes, (height, width) if height and width else None)


def _box(element: ElementTree.Element) -> Box:
    name = element.findtext("name", "").strip()
    sides = [element.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    if not name or None in sides:
        raise ValueError("an object lacks its name or its bndbox")
    return Box(name, *(float(side or "") for side in sides), element.findtext("difficult", "0").strip() == "1")
