"""Error of a failed check."""


class ConformanceError(AssertionError):
    """Error of a component that fails a check. The message describes the problem and suggests a fix."""


def expect(condition: bool, message: str) -> None:
    """Raises `ConformanceError(message)` unless `condition` holds."""
    if not condition:
        raise ConformanceError(message)
