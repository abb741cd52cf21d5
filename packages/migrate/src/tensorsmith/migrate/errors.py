"""Reasons for which a file is not migrated. Messages follow the path of the file, and start with `:`."""


class UnreadableError(Exception):
    """Error raised if a script cannot be read or parsed.

    The message starts with the line number, as in `:3:`, if known.
    """


class NotWrittenError(Exception):
    """Error raised if a file must not or cannot be replaced, for example because somebody else has changed it."""


class SkippedError(Exception):
    """Error raised if a file is too large, or if a symbolic link leads out of the given paths and is not followed."""
