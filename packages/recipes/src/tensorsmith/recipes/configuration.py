"""Configuration of a recipe, resolved from defaults, YAML files and flags. All errors are reported together."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import jsonargparse
import yaml

from tensorsmith.core import (
    ArgumentError,
    UnreadableFileError,
    Verbatim,
    argument_error,
    check,
    did_you_mean,
    parse_yaml,
    read_text,
)
from tensorsmith.data import names
from tensorsmith.recipes.catalog import RecipeFile, all_recipes, find_recipe, recipe_path
from tensorsmith.recipes.field_types import accepts_none, as_list, closest_choice, describe, is_list, to_flow_yaml
from tensorsmith.recipes.run_settings import RUN_SETTINGS, RunSettings
from tensorsmith.recipes.trust import check_script

SEEDS = (0, 2**32 - 1)  # of NumPy
LARGEST = 2**53  # above, integers are not exact in JSON, and too large for the sizes of arrays


def read_yaml(path: Path, name: str = "config") -> dict[str, Any]:
    """Return the mapping that a YAML file contains.

    Args:
        path: Path of the YAML file.
        name: Name of the argument, for error messages.

    Raises:
        ValueError: If the file cannot be read, or does not contain a YAML mapping.
    """
    special = path.exists() and not path.is_file()  # reading a named pipe would not return
    check(not special, name, Verbatim(f"{path}, which is not a regular file"), "a YAML file")
    try:
        values = parse_yaml(read_text(path))
    except OSError as error:
        raise argument_error(name, str(path), "a readable file", error.strerror or str(error)) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        where = " ".join(str(error).split())
        raise UnreadableFileError.like(argument_error(name, str(path), "a valid YAML file", where)) from error
    if not isinstance(values, dict):
        raise argument_error(
            name,
            type(values).__name__,
            "a mapping of fields to values",
            f"write one `field: value` pair per line in {path}",
        )
    others = [key for key in values if not isinstance(key, str)]
    if others:
        received = Verbatim(f"{path} with the key {others[0]!r}")
        raise UnreadableFileError.like(argument_error(name, received, "a mapping whose keys are strings"))
    return values


def recipe_in(values: Mapping[str, Any], run: Path | None = None, trust: bool = False) -> RecipeFile:
    """Return the recipe that a configuration file specifies.

    Args:
        values: Content of the configuration file.
        run: Run folder that contains the configuration file, or `None`.
        trust: If `True`, the recipe may be any file. If `False`, it must be a recipe of the catalog, or a file in the
            current folder or its subfolders, and outside of the run folder.

    Raises:
        ValueError: If `values` does not name a recipe, or if the recipe does not exist or is not trusted.
    """
    if "recipe" not in values:
        remedy = "add a line such as `recipe: mlp/digits` to the configuration file"
        raise argument_error("recipe", None, "the name of a recipe", remedy)
    name = str(values["recipe"])
    if not trust:
        check_script("recipe", recipe_path(name), run)
    return find_recipe(name)


def resolve(recipe: RecipeFile, values: Mapping[str, Any]) -> Any:
    """Return the `Config` of a recipe, with the default values overridden by the given values.

    Raises:
        ArgumentError: If there are unknown fields or invalid values. The message lists all of them.
    """
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(recipe.declaration.config_class)
    known = [field.name for field in dataclasses.fields(recipe.declaration.config_class)]
    types = get_type_hints(recipe.declaration.config_class)
    resolved, mistakes = {}, []
    for name, value in values.items():
        if name == "recipe":
            continue
        if name not in known:
            guess = did_you_mean(str(name), known) or f"use one of the fields {', '.join(known)}"
            expected = f"omitted ({recipe.name} has no such field)"
            if name in RUN_SETTINGS:
                expected, guess = "omitted (it is a setting of `tensorsmith run` only)", ""
            if name == "data":
                readers = [each.name for each in all_recipes() if "path" in each.comments.get("data", "")]
                guess = f"choose a recipe that reads your own data: {', '.join(readers)}"
            mistakes.append(str(argument_error(name, value, expected, guess)))
            continue
        kind = types[name]
        value = as_list(value) if is_list(kind) else value
        try:
            parsed = parser.parse_object({name: value}, defaults=False)
            invalid = value is None and not accepts_none(kind)
        except jsonargparse.ArgumentError:
            invalid = True
        low, high = SEEDS if name == "seed" else (-LARGEST, LARGEST)
        if invalid:
            mistakes.append(str(argument_error(name, value, describe(kind), closest_choice(kind, value))))
        elif not all(low <= number <= high for number in _integers(parsed[name])):
            mistakes.append(str(argument_error(name, value, f"an integer from {low} to {high}")))
        else:
            resolved[name] = _plain(parsed[name])
            if name == "data":
                resolved[name] = _absolute(resolved[name])
    if mistakes:
        raise ArgumentError("\n".join(mistakes))
    return recipe.declaration.config_class(**resolved)


def resolve_run(recipe: RecipeFile, values: Mapping[str, Any]) -> tuple[Any, RunSettings]:
    """Return the `Config` of a recipe and the settings of a run, with the defaults overridden by the given values.

    Raises:
        ArgumentError: If there are unknown fields or invalid values. The message lists them.
    """
    errors, config, settings = [], None, RunSettings()
    try:
        config = resolve(recipe, {name: value for name, value in values.items() if name not in RUN_SETTINGS})
    except ArgumentError as error:
        errors.append(error)
    try:
        given = {name: value for name, value in values.items() if name in RUN_SETTINGS}
        callbacks = given.pop("callbacks", ())
        check(isinstance(callbacks, list | tuple), "callbacks", callbacks, "a list")
        settings = RunSettings(**given, callbacks=tuple(callbacks))
    except ArgumentError as error:
        errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ArgumentError("\n".join(map(str, errors)))
    return config, settings


def _absolute(data: Any) -> Any:
    """Return the absolute path of a folder or file, so that a run can be evaluated and resumed in another folder."""
    is_path = isinstance(data, str) and data not in names() and Path(data).exists()
    return str(Path(data).absolute()) if is_path else data


def _integers(value: Any) -> list[int]:
    """Return the integers in a value or a nested list of values."""
    if isinstance(value, tuple | list):
        return [number for item in value for number in _integers(item)]
    return [value] if isinstance(value, int) else []


def _plain(value: Any) -> Any:
    """Return the value with jsonargparse number types, such as PositiveInt, converted to YAML-serializable types."""
    if isinstance(value, tuple | list):
        return type(value)(_plain(item) for item in value)
    return next((kind(value) for kind in (bool, int, float) if isinstance(value, kind)), value)


def from_flags(flags: Sequence[str]) -> dict[str, Any]:
    """Return flags of the form `--field value` or `--field=value` as a mapping, with values parsed as YAML.

    A flag that is followed by several values, as in `--units 128 64`, is mapped to a list.

    Raises:
        ValueError: If an argument is neither a flag nor its value.
    """
    values: dict[str, Any] = {}
    words = list(flags)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or len(word) == 2:
            raise argument_error("arguments", word, "have the form --field value")
        name, equals, text = word[2:].partition("=")
        texts = [text] if equals else []
        while words and not equals and not words[0].startswith("--"):
            texts.append(words.pop(0))
        if not texts:
            raise argument_error(word, None, "followed by a value", f"pass {word} VALUE")
        parsed = [_parse_value(name, text) for text in texts]
        values[name.replace("-", "_")] = parsed if len(parsed) > 1 else parsed[0]
    return values


def _parse_value(name: str, text: str) -> Any:
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise argument_error(f"--{name}", text, "a YAML value, such as 3, 0.1, true or [1, 2]") from error


def to_yaml(recipe: RecipeFile, config: Any) -> str:
    """Return a resolved configuration as YAML for `run --config`, with a comment on each field."""
    lines = [f"recipe: {recipe.path if recipe.name.endswith('.py') else recipe.name}"]
    values = dataclasses.asdict(config)
    for name, comment in recipe.comments.items():
        lines.append(f"{name}: {to_flow_yaml(values[name])}" + (f"  # {comment}" if comment else ""))
    return "\n".join(lines) + "\n"
