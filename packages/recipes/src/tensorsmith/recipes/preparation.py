"""Values that a recipe prepares once, before its run or before the first of several runs that share them."""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import logging
import os
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.core import ArgumentError, load_tensorflow, read_text, replace_file
from tensorsmith.recipes.catalog import RecipeFile
from tensorsmith.recipes.prepared_values import damaged, load_values, save_values
from tensorsmith.recipes.recipe_run import RecipeRun
from tensorsmith.recipes.run_folder import versions
from tensorsmith.recipes.single_training import preserved_random_state
from tensorsmith.recipes.trust import check_content
from tensorsmith.runs import SupervisedRecipe

if TYPE_CHECKING:
    import keras

PREPARED = "prepared"  # in a run folder, or in the folder of several runs that share it
FACTS = "preparation.json"
SHARED = ("comparison.yaml", "search.yaml")  # one of these files is in the folder of several runs

log = logging.getLogger("tensorsmith.recipes")


def preparation_folder(run: Path) -> Path:
    """Return the folder of prepared values of a run: that of a comparison or search around it, or else its own."""
    around = run.absolute().parents[:3]  # runs/NAME/comparison/VARIANT/SETTING/seed-0
    shared = (folder for folder in around if any((folder / name).is_file() for name in SHARED))
    return next(shared, run) / PREPARED


class Preparation:
    """Supervised recipe, together with the values that its function `prepare` returns.

    Values are stored, and used again by a run whose configuration has equal values of the fields that `prepare` has
    read, with the same source of the recipe and the same versions of packages. One process prepares at a time.

    Args:
        file: Recipe file.
        folder: Folder in which the values are stored. It is created if the recipe has a function `prepare`.
        train_recipe: Function that trains another recipe (see `RecipeRun`).
        trust: If `True`, stored models may contain code.
    """

    def __init__(
        self,
        file: RecipeFile,
        folder: Path,
        train_recipe: "Callable[[str, Mapping[str, Any], Path], keras.Model]",
        trust: bool = False,
    ) -> None:
        assert isinstance(file.recipe, SupervisedRecipe)
        self._file, self._recipe = file, file.recipe
        self._folder, self._train_recipe, self._trust = folder, train_recipe, trust
        self._found: tuple[Any, Path] | None = None  # configuration and folder of the last values
        self._is_stored = False  # `True` if an earlier process or call has prepared them

    @functools.cached_property
    def recipe(self) -> SupervisedRecipe:
        """Recipe whose functions take a configuration only."""
        recipe = self._recipe
        if recipe.prepare is None:
            return recipe
        return dataclasses.replace(
            recipe,
            prepare=None,
            build_data=lambda config: self._build(recipe.build_data, config),
            build_trainer=lambda config: self._build(recipe.build_trainer, config),
        )

    def _build(self, function: Callable[[Any, Any], Any], config: Any) -> Any:
        """Call a function of the recipe. Errors name the folder of the values if these were stored before."""
        values = self.values(config)
        import tensorflow as tf

        errors_of_ops = tf.errors.InvalidArgumentError, tf.errors.NotFoundError  # for other dtypes and shapes
        try:
            return function(config, values)
        except (AttributeError, LookupError, TypeError, ValueError, *errors_of_ops) as error:
            if not self._is_stored or isinstance(error, ArgumentError) or self._found is None:
                raise
            raise damaged(self._found[1], error, "a folder of values that the recipe can use") from error

    def values(self, config: Any) -> dict[str, Any]:
        """Return the values for a configuration, which are prepared if they are not stored.

        Each call returns new objects, so that a model that is trained further does not change what others receive.
        After the first call, the random seed is set anew, so that what follows does not depend on the preparation.

        Raises:
            ValueError: If a value cannot be stored, or a stored value is damaged.
        """
        if self._recipe.prepare is None:
            return {}
        if self._found is None or self._found[0] != config:
            self._found = (config, self._stored_or_prepared(config))
        with preserved_random_state():
            return load_values(self._found[1], self._file.variables, self._trust)

    def _stored_or_prepared(self, config: Any) -> Path:
        """Return the folder of the values for a configuration, and set the random seed."""
        load_tensorflow()
        import keras

        if not self._trust and self._folder.is_dir():
            check_content(self._folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        with _lock(self._folder, self._file.name):
            stored = self._stored(config)
            folder = stored or self._prepared(config)
            self._is_stored = stored is not None
        keras.utils.set_random_seed(config.seed)
        return folder

    def _stored(self, config: Any) -> Path | None:
        """Return the folder of stored values that a configuration can use."""
        known = {"source": self._source, "versions": versions()}
        for path in sorted(self._folder.glob(f"*/{FACTS}")):
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):  # damaged
                facts = json.loads(read_text(path))
                same = all(_agree(name, value, config) for name, value in facts.pop("fields").items())
                if same and facts == known:
                    return path.parent
        return None

    def _prepared(self, config: Any) -> Path:
        """Call the function `prepare`, store the values, and return their folder.

        The name of the folder depends on all fields, so that an interrupted preparation is resumed by the same run.
        """
        import keras

        assert self._recipe.prepare is not None
        known = {"source": self._source, "versions": versions()}
        fields = {name: _plain(value) for name, value in dataclasses.asdict(config).items()}
        digest = hashlib.sha256(json.dumps([fields, known]).encode()).hexdigest()
        entry = self._folder / digest[:16]
        entry.mkdir(exist_ok=True)
        log.info("Preparing %s.", self._file.name)
        read: set[str] = set()
        recorded = _recording(config, read)
        run = RecipeRun(recorded, entry, entry / "trainings", self._train_recipe)
        keras.utils.set_random_seed(config.seed)
        before = _random_state()
        values = self._recipe.prepare(recorded, run)
        if _random_state() != before:
            read.add("seed")
        save_values(values, entry, self._file.variables)
        with replace_file(entry / FACTS) as draft:  # last, because it marks the values as complete
            draft.write_text(json.dumps({"fields": {name: fields[name] for name in sorted(read)}, **known}, indent=2))
        return entry

    @property
    def _source(self) -> str:
        return hashlib.sha256(self._file.path.read_bytes()).hexdigest()


def _recording(config: Any, read: set[str]) -> Any:
    """Return a copy of a configuration that adds the names of the fields that are read to a set."""
    names = {field.name for field in dataclasses.fields(config)}

    def get(self: Any, name: str) -> Any:
        if name in names:
            read.add(name)
        return object.__getattribute__(self, name)

    kind = type(config)
    copy: Any = object.__new__(type(kind.__name__, (kind,), {"__getattribute__": get, "__module__": kind.__module__}))
    copy.__dict__.update(vars(config))
    read.clear()
    return copy


def _agree(name: str, stored: Any, config: Any) -> bool:
    """Return `True` if the value of a field is the stored one, except for the choice that "auto" has led to."""
    value = _plain(getattr(config, name))
    return bool(value == stored) or (name == "jit" and isinstance(stored, str))


def _plain(value: Any) -> Any:
    """Return a value as it is read from JSON."""
    return json.loads(json.dumps(value, default=str))


def _random_state() -> Any:
    """Return the state of the generators from which Keras draws seeds."""
    state: Any = np.random.get_state(legacy=False)
    return random.getstate(), state["state"]["key"].tobytes(), state["state"]["pos"]


@contextlib.contextmanager
def _lock(folder: Path, name: str) -> Iterator[None]:
    """Context manager that waits for other processes that prepare in the same folder."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    with os.fdopen(descriptor) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Waiting for another process, which prepares %s.", name)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
