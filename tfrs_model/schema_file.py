"""A schema's JSON text, and the line on which each of its keys stands."""

import json
import pathlib
import re
from typing import Any

from tfrs_model.schema_rules import SchemaError, dotted

Key = tuple[str | int, ...]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class SchemaFile:
    """A file of JSON that was read.

    Args:
      path: where it is.

    Raises:
      SchemaError: if it is missing or unreadable, is not JSON (the line is named) or gives a key twice.
    """

    def __init__(self, path: str | pathlib.Path):
        self._path = path
        text = self._text()
        try:
            self.content: Any = json.loads(text)
        except json.JSONDecodeError as error:
            raise SchemaError(f"Schema file {path} is not JSON: line {error.lineno}: {error.msg}.") from error
        except RecursionError as error:
            raise SchemaError(f"Schema file {path} nests its lists and objects too deep to be a schema.") from error
        self._lines = self._lines_of_keys(text)

    def located(self, error: SchemaError) -> SchemaError:
        """Returns an error that also names the file, the line and the key it speaks of."""
        key = error.key
        while key not in self._lines:
            key = key[:-1]
        name = f", key {dotted(error.key)}" if error.key else ""
        return SchemaError(f"Schema file {self._path}, line {self._lines[key]}{name}: {error}", error.key)

    def _text(self) -> str:
        try:
            return pathlib.Path(self._path).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise SchemaError(f"Schema file {self._path} does not exist.") from error
        except UnicodeDecodeError as error:
            raise SchemaError(f"Schema file {self._path} must be UTF-8, but byte {error.start} is not.") from error
        except OSError as error:
            raise SchemaError(f"Schema file {self._path} cannot be read: {error.strerror}.") from error

    def _lines_of_keys(self, text: str) -> dict[Key, int]:
        """Returns the line of every key, item and the whole; the text is known to be JSON."""
        lines: dict[Key, int] = {}
        # The key of each open list or object, and of what comes next in it: a position, or a key once it was read.
        open_keys: list[Key] = []
        following: list[str | int | None] = []
        line, counted_to = 1, 0
        for match in _TOKEN.finditer(text):
            token = match.group()
            line, counted_to = line + text.count("\n", counted_to, match.start()), match.start()
            if token in ("}", "]"):
                open_keys.pop()
                following.pop()
            elif token == ",":
                following[-1] = following[-1] + 1 if isinstance(following[-1], int) else None
            elif token != ":":
                key = (*open_keys[-1], following[-1]) if open_keys else ()
                if open_keys and following[-1] is None:
                    following[-1] = json.loads(token)
                    self._note(lines, (*open_keys[-1], following[-1]), line)
                    continue
                lines.setdefault(key, line)
                if token in ("{", "["):
                    open_keys.append(key)
                    following.append(None if token == "{" else 0)
        return lines

    def _note(self, lines: dict[Key, int], key: Key, line: int) -> None:
        if key in lines:
            raise SchemaError(
                f"Schema file {self._path}, line {line}, key {dotted(key)}: the key already stands on line "
                f"{lines[key]}; remove one of the two."
            )
        lines[key] = line
