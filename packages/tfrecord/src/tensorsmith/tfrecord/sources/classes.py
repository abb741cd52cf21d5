"""Folders whose names are the classes of the files in them."""

from pathlib import Path


class Classes:
    """Numbers classes by the sorted names of the folders directly in a folder.

    Args:
        root: The folder; `None` where there are no classes.
        files: All files.

    Attributes:
        names: The names; empty where all files lie in the folder itself.
    """

    def __init__(self, root: Path | None, files: list[Path]) -> None:
        self._root = root
        inside = [] if root is None else [file.relative_to(root).parts for file in files]
        self.names = tuple(sorted({parts[0] for parts in inside if len(parts) > 1}))

    def number_of(self, file: Path) -> int:
        """The class of a file.

        Raises:
            ValueError: It lies beside the folders of classes.
        """
        parts = file.relative_to(self._root).parts if self._root else ()
        if len(parts) < 2:
            raise ValueError(f"received a file beside the folders of classes, expected one in {', '.join(self.names)}")
        return self.names.index(parts[0])
