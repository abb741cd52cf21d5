"""Values of configuration fields as YAML on a single line."""

from typing import Any

import yaml


def to_flow_yaml(value: Any) -> str:
    """Return a value as YAML on a single line."""
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
