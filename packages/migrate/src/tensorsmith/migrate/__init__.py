"""Codemod that migrates scripts from TensorFlow Addons to tensorsmith and Keras 3."""

from tensorsmith.migrate.errors import NotWrittenError, SkippedError, UnreadableError
from tensorsmith.migrate.files import MigratedFile, migrate_files
from tensorsmith.migrate.notebook import migrate_notebook
from tensorsmith.migrate.rewrite import Migrated, migrate_script

__all__ = [
    "Migrated",
    "MigratedFile",
    "NotWrittenError",
    "SkippedError",
    "UnreadableError",
    "migrate_files",
    "migrate_notebook",
    "migrate_script",
]
