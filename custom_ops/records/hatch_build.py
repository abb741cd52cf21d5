"""Build hook shared by both distributions, one folder up in a checkout and next to this file in an sdist."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[:2]))
from library_hook import LibraryHook

__all__ = ["LibraryHook"]
