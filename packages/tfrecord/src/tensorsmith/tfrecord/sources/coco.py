"""Images with COCO annotations, stored in one JSON file for all images."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tensorsmith.tfrecord.sources.boxes import Annotated, AnnotatedImages, Box
from tensorsmith.tfrecord.sources.files import UnreadableError
from tensorsmith.tfrecord.sources.source import Reject


class Coco(AnnotatedImages):
    """Data source for the images and bounding boxes in a COCO annotation file.

    Classes are numbered in the order of their ids. The annotation file is read into memory completely; the images are
    not.

    Args:
        files: List whose only element is the path of the COCO annotation file.
        root: Folder that contains the images, possibly in subfolders. If `None`, the folder of the annotation file is
            used, or its parent if that folder is named `annotations`.
        resize: Height and width to which all images are resized, or `None`.
        channels: Number of channels to which the images are decoded, or `None` to determine it from the images.
    """

    flag = "is_crowd"

    def __init__(
        self,
        files: list[Path],
        root: Path | None = None,
        resize: Sequence[int] | None = None,
        channels: int | None = None,
    ) -> None:
        self.files, path, self.resize, self.channels = files[:1], files[0], resize, channels
        try:
            content = json.loads(path.read_bytes())
            names = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
            self._images: list[dict[str, Any]] = [dict(entry) for entry in content["images"]]
            self._boxes: dict[Any, list[dict[str, Any]]] = {entry["id"]: [] for entry in self._images}
            strays = [entry for entry in content["annotations"] if entry["image_id"] not in self._boxes]
            for entry in content["annotations"]:
                self._boxes.get(entry["image_id"], strays).append(entry)
            self.names = [names[number] for number in sorted(names)]
        except (ValueError, TypeError, RecursionError) as error:
            raise UnreadableError(path, f"not a COCO file: {error}") from None
        except KeyError as error:
            raise UnreadableError(path, f"not a COCO file: {error} is missing") from None
        if strays:
            raise UnreadableError(path, f"an annotation refers to the unknown image {strays[0]['image_id']!r}")
        if len(set(self.names)) < len(self.names):
            raise UnreadableError(path, "two categories have the same name")
        self._names = names
        above = path.parent.parent if path.parent.name == "annotations" else path.parent
        self._places = _Places(root or above)
        self.files += dict.fromkeys(found for image in self._images for found in self._found(image))

    def annotated(self) -> Iterator[Annotated | Reject]:
        """Yields all annotated images, in file order."""
        path = self.files[0]
        for row, image in enumerate(self._images, 1):
            try:
                boxes = [self._box(entry) for entry in self._boxes[image["id"]]]
                yield Annotated(path, row, self._places.find(str(image["file_name"])), boxes)
            except (KeyError, TypeError, ValueError) as error:
                problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                yield Reject(str(path), row, "", f"image {image['id']!r}: {problem}")

    def _found(self, image: dict[str, Any]) -> list[Path]:
        """Returns a list with the path of an image. The list is empty if the path does not exist or is ambiguous."""
        try:
            position = self._places.find(str(image["file_name"]))
        except (KeyError, ValueError):
            return []
        return [position] if position.is_file() else []

    def _box(self, entry: dict[str, Any]) -> Box:
        left, top, width, height = map(float, entry["bbox"])
        if entry["category_id"] not in self._names:
            raise ValueError(f"unknown category {entry['category_id']!r}")
        return Box(self._names[entry["category_id"]], left, top, left + width, top + height, bool(entry.get("iscrowd")))


class _Places:
    """Lookup of image paths by the file names in an annotation file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path:
        """Returns the path of the image with the given file name, which may not exist.

        Raises:
            ValueError: If several images have the name.
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
            raise ValueError(f"{len(found)} images in {self._root} are named {name}")
        return found[0]
