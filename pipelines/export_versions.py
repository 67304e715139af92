"""The versions of an export directory: numbered folders, of which a server serves the highest.

A version that is taken back keeps its content under a hidden name, `.withdrawn-<number>`; its number is not given
again.
"""

import os
import pathlib
import re

from pipelines import publishing

_WITHDRAWN = ".withdrawn-"


class ExportVersionError(ValueError):
    """There is no version to go back to."""


def numbers(export_dir: str | os.PathLike[str]) -> list[int]:
    """Returns the versions that are served or could be, ascending."""
    return _numbers(export_dir, "")


def newest(export_dir: str | os.PathLike[str]) -> int | None:
    """Returns the version that a server serves, or `None` if there is none."""
    return max(numbers(export_dir), default=None)


def next_number(export_dir: str | os.PathLike[str]) -> int:
    """Returns the first number above every one that was ever given."""
    return 1 + max([0, *numbers(export_dir), *_numbers(export_dir, _WITHDRAWN)])


def withdrawn_numbers(export_dir: str | os.PathLike[str]) -> list[int]:
    """Returns the versions that were taken back and are kept, ascending."""
    return _numbers(export_dir, _WITHDRAWN)


def withdrawn_dir(export_dir: str | os.PathLike[str], number: int) -> pathlib.Path:
    """Returns where a version lies once it was taken back."""
    return pathlib.Path(export_dir) / f"{_WITHDRAWN}{number}"


def roll_back_to(export_dir: str | os.PathLike[str], number: int) -> list[int]:
    """Takes all versions above one back, the newest first, each by one rename, so that this one is served.

    Returns:
      The versions that were taken back.

    Raises:
      ExportVersionError: if there is no such version.
    """
    found = numbers(export_dir)
    if number not in found:
        raise ExportVersionError(
            f"Version {number} is to be served, but {export_dir} holds {found or 'none'}; name one."
        )
    newer = [each for each in reversed(found) if each > number]
    for each in newer:
        _withdraw(pathlib.Path(export_dir), each)
    return newer


def roll_back(export_dir: str | os.PathLike[str]) -> tuple[int, int]:
    """Takes the newest version back by one rename, so that the one before it is served.

    Returns:
      The version that was taken back and the one that is served now.

    Raises:
      ExportVersionError: if there are not two versions.
    """
    found = numbers(export_dir)
    if len(found) < 2:
        raise ExportVersionError(
            f"--rollback needs a version before the newest one, but {export_dir} holds {found or 'none'}; "
            "export a good one instead."
        )
    _withdraw(pathlib.Path(export_dir), found[-1])
    return found[-1], found[-2]


def retire(export_dir: str | os.PathLike[str], num_kept: int) -> list[int]:
    """Removes all but the newest versions, and what was withdrawn before the oldest that stays.

    Each goes by one rename before its files are removed, so that a server never finds half of one.

    Returns:
      The versions that were removed.
    """
    directory = pathlib.Path(export_dir)
    found = numbers(export_dir)
    old, kept = found[:-num_kept], found[-num_kept:]
    withdrawn = [each for each in _numbers(export_dir, _WITHDRAWN) if kept and each < kept[0]]
    for name in [*map(str, old), *(f"{_WITHDRAWN}{each}" for each in withdrawn)]:
        publishing.remove_directory(directory / name)
    return old


def sweep(export_dir: str | os.PathLike[str]) -> None:
    """Removes what killed exports left beside the versions; the work of a live one stays."""
    directory = pathlib.Path(export_dir)
    leftovers = (re.match(r"\.([0-9]+|\.withdrawn-[0-9]+)\.tmp-", entry.name) for entry in directory.glob(".*.tmp-*"))
    for name in sorted({leftover[1] for leftover in leftovers if leftover}):
        publishing.sweep(directory / name)


def _withdraw(directory: pathlib.Path, number: int) -> None:
    publishing.move_directory(directory / str(number), directory / f"{_WITHDRAWN}{number}")


def _numbers(export_dir: str | os.PathLike[str], prefix: str) -> list[int]:
    names = (entry.name for entry in pathlib.Path(export_dir).glob(f"{prefix}*"))
    pattern = re.compile(re.escape(prefix) + "([0-9]+)")
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))
