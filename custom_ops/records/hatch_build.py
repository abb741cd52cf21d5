"""Hatch build hook, imported from the parent folder in a checkout or from this folder in a source distribution."""

import sys
from pathlib import Path

sys.path.extend(map(str, Path(__file__).resolve().parents[:2]))
from library_hook import LibraryHook

__all__ = ["LibraryHook"]
