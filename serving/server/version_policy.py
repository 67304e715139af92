"""Which folders of a base path are versions, which of them are to serve, and which is loaded next."""

import dataclasses
import pathlib
from collections.abc import Collection, Sequence

_MAX_VERSION = (1 << 63) - 1


@dataclasses.dataclass(frozen=True)
class Latest:
    """The newest versions serve; while none of them can be loaded, an older one stands in.

    Attributes:
      num_versions: how many of them.
    """

    num_versions: int = 1

    def wanted(self, on_disk: Collection[int]) -> list[int]:
        """Returns the versions that are to serve, newest first."""
        return sorted(on_disk, reverse=True)[: self.num_versions]

    def stand_ins(self, on_disk: Collection[int]) -> list[int]:
        """Returns what serves while nothing that is wanted can, the best first."""
        return sorted(on_disk, reverse=True)[self.num_versions :]


@dataclasses.dataclass(frozen=True)
class All:
    """Every version serves."""

    def wanted(self, on_disk: Collection[int]) -> list[int]:
        """Returns the versions that are to serve, newest first."""
        return sorted(on_disk, reverse=True)

    def stand_ins(self, on_disk: Collection[int]) -> list[int]:
        """Returns none: there are no others."""
        del on_disk
        return []


@dataclasses.dataclass(frozen=True)
class Specific:
    """The named versions serve, and no others.

    Attributes:
      versions: their numbers.
    """

    versions: frozenset[int]

    def wanted(self, on_disk: Collection[int]) -> list[int]:
        """Returns the versions that are to serve, newest first."""
        return sorted(self.versions.intersection(on_disk), reverse=True)

    def stand_ins(self, on_disk: Collection[int]) -> list[int]:
        """Returns none: what was not named is not to serve."""
        del on_disk
        return []


VersionPolicy = Latest | All | Specific


def list_versions(base_path: pathlib.Path) -> dict[int, pathlib.Path]:
    """Returns the folders under `base_path` that are named by an integer, as version to folder.

    Other names are skipped, so a version can be built beside its place under a
    name such as `.124.tmp` and be published by one rename. Of two names of one
    number, such as `7` and `007`, the longer one counts. Links are followed.

    Raises:
      OSError: if the base path cannot be listed.
    """
    named = [path for path in base_path.iterdir() if path.name.isascii() and path.name.isdecimal()]
    folders = [path for path in named if _may_be_folder(path)]
    versions = {int(path.name): path for path in sorted(folders, key=lambda path: len(path.name))}
    return {version: path for version, path in versions.items() if version <= _MAX_VERSION}


def _may_be_folder(path: pathlib.Path) -> bool:
    """Returns whether something is a folder, or cannot be looked at: then loading it will say why.

    To pass over it would have an older version serve, and to fail would hide the versions beside it.
    """
    try:
        return path.is_dir()
    except OSError:
        return True


def to_load(policy: VersionPolicy, on_disk: Collection[int], loaded: Collection[int]) -> list[int]:
    """Returns the versions that might be loaded now, the most urgent first.

    Only while nothing at all is loaded may a stand-in be: after a restart the
    last good version serves, but a running server never steps back because the
    newest version is broken.

    Args:
      policy: which versions are to serve.
      on_disk: versions whose folders exist.
      loaded: versions that serve.
    """
    wanted = [version for version in policy.wanted(on_disk) if version not in loaded]
    return wanted if loaded else wanted + policy.stand_ins(on_disk)


def no_longer_wanted(wanted: Sequence[int], loaded: Collection[int]) -> list[int]:
    """Returns the loaded versions that may go: none, before one that is wanted serves in their place."""
    if not any(version in loaded for version in wanted):
        return []
    return [version for version in loaded if version not in wanted]
