"""Results that are kept, so that nothing is made again while code, options and data stay the same."""

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Callable, Mapping

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
    """Returns the result of that name in a directory if it is of the same origin, else makes and writes it.

    Args:
      directory: where it lies, made if need be.
      name: of its files.
      origin: all that it depends on, as JSON can write it.
      make: makes it.
    """
    path, arrays_path = directory / f"{name}.json", directory / f"{name}.npz"
    if path.exists():
        kept = artifacts.read_json(path)
        if kept["origin"] == as_json(origin):
            return Result(kept["figures"], _read_arrays(arrays_path))
    directory.mkdir(parents=True, exist_ok=True)
    for each in (path, arrays_path):
        each.unlink(missing_ok=True)
    result = make()
    if result.arrays:
        np.savez(arrays_path, **result.arrays)
    # Written last: without it nothing is kept.
    artifacts.write_json(path, {"origin": origin, "figures": result.figures})
    return result


def continue_or_discard(folder: pathlib.Path, begun: pathlib.Path, origin: Mapping) -> None:
    """Leaves what lies in a folder if it was begun with the same origin, else removes it; the origin is noted.

    Args:
      folder: of what is long in the making and can be continued, such as a training.
      begun: JSON file beside it that notes the origin, its directory made if need be.
      origin: all that it depends on, as JSON can write it.
    """
    if begun.exists() and artifacts.read_json(begun) == as_json(origin):
        return
    begun.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    begun.parent.mkdir(parents=True, exist_ok=True)
    artifacts.write_json(begun, origin)


def as_json(value: Mapping) -> dict:
    """Returns what JSON reads back: tuples are lists."""
    return json.loads(json.dumps(value))


def _read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    with np.load(path) as arrays:
        return dict(arrays)
