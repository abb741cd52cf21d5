"""What a failed check raises."""


class ConformanceError(AssertionError):
    """A component broke a promise; the message says which, and how to mend it."""


def expect(condition: bool, message: str) -> None:
    """Raises `ConformanceError(message)` unless the condition holds."""
    if not condition:
        raise ConformanceError(message)
