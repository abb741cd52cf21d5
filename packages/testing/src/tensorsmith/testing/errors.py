"""Error raised by a failed conformance check."""


class ConformanceError(AssertionError):
    """Error raised if a component fails a check. The message describes the problem and suggests a fix."""


def expect(condition: bool, message: str) -> None:
    """Raises `ConformanceError(message)` unless `condition` is true."""
    if not condition:
        raise ConformanceError(message)
