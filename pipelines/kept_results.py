"""Results that are kept, so that nothing is made again while code, options and data stay the same."""

import dataclasses
import io
import json
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipelines import artifacts


@dataclasses.dataclass(frozen=True)
class Result:
    """What was made.

    Attributes:
      figures: as JSON can write them.
      arrays: by name; there may be none.
    """

    figures: Mapping
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


def keep(directory: pathlib.Path, name: str, origin: Mapping, make: Callable[[], Result]) -> Result:
    """Returns the result of that name in a directory if it is whole and of the same origin, else makes and writes it.

    Args:
      directory: where it lies, made if need be.
      name: of its files.
      origin: all that it depends on, as JSON can write it.
      make: makes it.
    """
    if (kept := read(directory, name, origin)) is not None:
        return kept
    path, arrays_path = _paths(directory, name)
    directory.mkdir(parents=True, exist_ok=True)
    result = make()
    packed = io.BytesIO()
    np.savez(packed, **result.arrays)
    artifacts.write_bytes(arrays_path, packed.getvalue())
    # Written last: without it nothing is kept.
    about = {"origin": origin, "figures": result.figures, "arrays_sha256": artifacts.sha256_of_file(arrays_path)}
    artifacts.write_json(path, about)
    return result


def read(directory: pathlib.Path, name: str, origin: Mapping) -> Result | None:
    """Returns what is kept, or `None` where nothing is, it is of another origin, or its files are not as written."""
    path, arrays_path = _paths(directory, name)
    kept = _read_json(path)
    if not isinstance(kept, dict) or kept.get("origin") != as_json(origin) or not arrays_path.exists():
        return None
    if kept.get("arrays_sha256") != artifacts.sha256_of_file(arrays_path):
        return None
    with np.load(arrays_path) as arrays:
        return Result(kept["figures"], dict(arrays))


def continue_or_discard(folder: pathlib.Path, begun: pathlib.Path, origin: Mapping) -> None:
    """Leaves what lies in a folder if it was begun with the same origin, else removes it; the origin is noted.

    Args:
      folder: of what is long in the making and can be continued, such as a training.
      begun: JSON file beside it that notes the origin, its directory made if need be.
      origin: all that it depends on, as JSON can write it.
    """
    if _read_json(begun) == as_json(origin):
        return
    begun.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    begun.parent.mkdir(parents=True, exist_ok=True)
    artifacts.write_json(begun, origin)


def as_json(value: Mapping) -> dict:
    """Returns what JSON reads back: tuples are lists."""
    return json.loads(json.dumps(value))


def _paths(directory: pathlib.Path, name: str) -> tuple[pathlib.Path, pathlib.Path]:
    """Returns where the figures of a result lie, and its arrays."""
    return directory / f"{name}.json", directory / f"{name}.npz"


def _read_json(path: pathlib.Path) -> Any:
    """Returns what a JSON file holds, `None` where it is missing or damaged."""
    try:
        return artifacts.read_json(path)
    except artifacts.ArtifactError:
        return None
