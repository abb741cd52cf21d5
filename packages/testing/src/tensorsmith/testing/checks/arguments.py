"""Errors about arguments."""

from tensorsmith.testing.errors import ConformanceError, expect
from tensorsmith.testing.rows import Row


def bad_arguments(row: Row) -> None:
    """Bad arguments raise ValueError with the argument's name, what was received and what is expected."""
    for replaced, fragment in row.bad:
        call = f"{row.title}({', '.join(f'{name}={value!r}' for name, value in replaced.items())})"
        try:
            row.make(**{**row.kwargs, **replaced})
        except ValueError as error:
            message = str(error)
        else:
            raise ConformanceError(f"{call} raises nothing, expected a ValueError with {fragment!r}.")
        expect(fragment in message, f"{call} raises {message!r}, which lacks {fragment!r}.")
        named = [name for name in replaced if name in message]
        expect(bool(named), f"{call} raises {message!r}, which names none of the arguments {list(replaced)}.")
        expect(
            any(repr(replaced[name]) in message for name in named),
            f"{call} raises {message!r}, which does not show the value it received.",
        )
        expect("expected" in message.lower(), f"{call} raises {message!r}, which does not say what is expected.")
