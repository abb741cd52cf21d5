"""Location of errors in the files of recipes, and tracebacks that start there."""

import sys
import traceback
from types import TracebackType


def location(error: BaseException) -> str:
    """Returns the file and the line of the recipe in which an error or its cause was raised, or an empty string."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}"
    lines = [
        f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        for trace in _frames(error)
        if trace.tb_frame.f_code.co_filename in _recipe_files()
    ]
    if lines:
        return lines[-1]
    return location(error.__cause__) if error.__cause__ is not None else ""


def short_traceback(error: BaseException) -> str:
    """Returns the traceback of an error, without the calls before the first one in a recipe."""
    inner = (trace for trace in _frames(error) if trace.tb_frame.f_code.co_filename in _recipe_files())
    lines = traceback.format_exception(type(error), error, next(inner, None), chain=False)
    return "".join(lines)


def _frames(error: BaseException) -> list[TracebackType]:
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames


def _recipe_files() -> set[str]:
    """Returns the paths of all recipe files that have been imported, at least partially."""
    modules = [module for name, module in sys.modules.copy().items() if name.startswith("tensorsmith_recipe_")]
    return {str(module.__file__) for module in modules}
