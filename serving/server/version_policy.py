"""Which folders of a base path are versions, and which of them should be loaded next."""

import pathlib
from collections.abc import Collection, Mapping

_MAX_VERSION = (1 << 63) - 1


def list_versions(base_path: pathlib.Path) -> dict[int, pathlib.Path]:
    """Returns the folders under `base_path` that are named by an integer, as version to folder.

    Other names are skipped, so a version can be built beside its place under a
    name such as `.124.tmp` and be published by one rename. Of two names of one
    number, such as `7` and `007`, the longer one counts.

    Raises:
      OSError: if the base path cannot be listed.
    """
    folders = [path for path in base_path.iterdir() if path.name.isascii() and path.name.isdecimal() and path.is_dir()]
    versions = {int(path.name): path for path in sorted(folders, key=lambda path: len(path.name))}
    return {version: path for version, path in versions.items() if version <= _MAX_VERSION}


def next_version_to_load(on_disk: Collection[int], loaded: Collection[int], loadable: Mapping[int, bool]) -> int | None:
    """Returns the version to load now, or `None`.

    That is the newest one on disk. Only while nothing at all is loaded may an
    older one stand in for a newer one that fails: after a restart the last
    good version serves, but a running server never steps back because the
    newest version is broken.

    Args:
      on_disk: versions whose folders exist.
      loaded: versions that serve.
      loadable: `False` for versions that failed and are not, or not yet, to be tried again.
    """
    for version in sorted(on_disk, reverse=True):
        if version in loaded:
            return None
        if loadable.get(version, True):
            return version
        if loaded:
            return None
    return None
