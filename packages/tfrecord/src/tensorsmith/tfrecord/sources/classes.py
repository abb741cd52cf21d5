"""Class labels given by folder names."""

from pathlib import Path


class Classes:
    """Class indices of files in folders. The class folders are numbered in alphabetical order.

    Args:
        root: Parent folder of the class folders, or `None` if there are no classes.
        files: Paths of the files whose class indices are determined.

    Attributes:
        names: Sorted class names. Empty if all files are directly in the folder.
    """

    def __init__(self, root: Path | None, files: list[Path]) -> None:
        self._root = root
        inside = [] if root is None else [file.relative_to(root).parts for file in files]
        self.names = tuple(sorted({parts[0] for parts in inside if len(parts) > 1}))

    def number_of(self, file: Path) -> int:
        """Returns the class index of a file.

        Raises:
            ValueError: If the file is not in a class folder.
        """
        parts = file.relative_to(self._root).parts if self._root else ()
        if len(parts) < 2:
            raise ValueError(f"a file must be in one of the class folders {', '.join(self.names)}")
        return self.names.index(parts[0])
