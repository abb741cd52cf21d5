"""Codemod that migrates scripts from TensorFlow Addons to tensorsmith and Keras 3."""

from tensorsmith.migrate.files import MigratedFile, migrate_files
from tensorsmith.migrate.notebook import migrate_notebook
from tensorsmith.migrate.parsing import UnreadableError
from tensorsmith.migrate.rewrite import Migrated, migrate_script

__all__ = ["Migrated", "MigratedFile", "UnreadableError", "migrate_files", "migrate_notebook", "migrate_script"]
