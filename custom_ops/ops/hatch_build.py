"""Build hook shared by both distributions, located in the parent folder of a checkout or in this folder of an sdist."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[:2]))
from library_hook import LibraryHook

__all__ = ["LibraryHook"]
