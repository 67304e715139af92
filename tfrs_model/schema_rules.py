"""The error of a schema that breaks a rule, and the checks that its parts share."""

from collections.abc import Iterable, Mapping
from typing import Any


class SchemaError(ValueError):
    """The schema breaks a rule; the message names the key, what came and the remedy.

    Args:
      message: the sentence.
      key: where in the schema, from its root: keys of objects and positions in lists.
    """

    def __init__(self, message: str, key: tuple[str | int, ...] = ()):
        super().__init__(message)
        self.key = key

    def within(self, *key: str | int) -> "SchemaError":
        """Returns the same error, found below this key."""
        return SchemaError(str(self), (*key, *self.key))


def dotted(key: tuple[str | int, ...]) -> str:
    """Returns a key as people write it: `("query_features", 0, "kind")` is `query_features[0].kind`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def require_name(key: tuple[str | int, ...], value: Any) -> None:
    """Refuses what is no non-empty string."""
    if not isinstance(value, str) or not value:
        raise SchemaError(f"{dotted(key)} must be a non-empty string, but is {value!r}.", key)


def refuse_unknown_keys(key: tuple[str | int, ...], raw: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuses an object that has other keys than the known ones."""
    known = list(known)
    unknown = sorted(set(raw) - set(known), key=str)
    if unknown:
        raise SchemaError(
            f"{dotted(key) or 'the schema'} has unknown key{'s' if len(unknown) > 1 else ''} "
            f"{', '.join(map(repr, unknown))}; known keys are {', '.join(known)}.",
            (*key, unknown[0]),
        )


def is_integer(value: Any) -> bool:
    """Returns whether a JSON value is an integer, which `true` is not."""
    return isinstance(value, int) and not isinstance(value, bool)
