"""Images with one JSON file for all, as COCO has them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorsmith.tfrecord.sources.boxes import Annotated, AnnotatedImages, Box
from tensorsmith.tfrecord.sources.files import UnreadableError
from tensorsmith.tfrecord.sources.source import Reject


class Coco(AnnotatedImages):
    """The images that a file names, with their boxes. Classes are numbered in the order of their ids. The whole file
    is read into memory; the images are not.

    Args:
        files: The file with the annotations.
        root: Where the images are, in it or in a folder of it; `None` looks from the file's own folder on, and from
            the one above where that is called `annotations`.
    """

    flag = "is_crowd"

    def __init__(self, files: list[Path], root: Path | None = None) -> None:
        self.files, path = files[:1], files[0]
        try:
            content = json.loads(path.read_bytes())
            names = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
            self._images: list[dict[str, Any]] = [dict(entry) for entry in content["images"]]
            self._boxes: dict[Any, list[dict[str, Any]]] = {entry["id"]: [] for entry in self._images}
            strays = [entry for entry in content["annotations"] if entry["image_id"] not in self._boxes]
            for entry in content["annotations"]:
                self._boxes.get(entry["image_id"], strays).append(entry)
            self.names = [names[number] for number in sorted(names)]
        except (ValueError, TypeError) as error:
            raise UnreadableError(path, f"it is no COCO file: {error}") from None
        except KeyError as error:
            raise UnreadableError(path, f"it is no COCO file: it lacks {error}") from None
        if strays:
            raise UnreadableError(
                path, f"an annotation is of image {strays[0]['image_id']!r}, which is not among its images"
            )
        if len(set(self.names)) < len(self.names):
            raise UnreadableError(path, "two of its categories have one name")
        self._names = names
        above = path.parent.parent if path.parent.name == "annotations" else path.parent
        self._places = _Places(root or above)
        self.files += dict.fromkeys(found for image in self._images for found in self._found(image))

    def annotated(self) -> Iterator[Annotated | Reject]:
        """All images, in the order of the file."""
        path = self.files[0]
        for row, image in enumerate(self._images, 1):
            try:
                boxes = [self._box(entry) for entry in self._boxes[image["id"]]]
                yield Annotated(path, row, self._places.find(str(image["file_name"])), boxes)
            except (KeyError, TypeError, ValueError) as error:
                problem = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
                yield Reject(str(path), row, "", f"image {image['id']!r}: {problem}")

    def _found(self, image: dict[str, Any]) -> list[Path]:
        """The image, where there is one and only one."""
        try:
            place = self._places.find(str(image["file_name"]))
        except (KeyError, ValueError):
            return []
        return [place] if place.is_file() else []

    def _box(self, entry: dict[str, Any]) -> Box:
        left, top, width, height = map(float, entry["bbox"])
        if entry["category_id"] not in self._names:
            raise ValueError(f"received category {entry['category_id']!r}, expected one of the file's categories")
        return Box(self._names[entry["category_id"]], left, top, left + width, top + height, bool(entry.get("iscrowd")))


class _Places:
    """Finds images in a folder by the names that an annotation has for them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path:
        """The image's path, or where it should have been.

        Raises:
            ValueError: Several images have the name.
        """
        direct = self._root / name
        if direct.exists():
            return direct
        if self._by_name is None:
            self._by_name = {}
            for folder, _, names in os.walk(self._root):
                for file in names:
                    self._by_name.setdefault(file, []).append(Path(folder) / file)
        found = self._by_name.get(direct.name, [direct])
        if len(found) > 1:
            raise ValueError(f"received {name}, as which {len(found)} images in {self._root} are called")
        return found[0]
