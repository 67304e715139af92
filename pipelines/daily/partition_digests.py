"""What identifies the content of partitions, without reading again what has not changed since it was read."""

import pathlib

from pipelines import artifacts
from pipelines.daily.partitions import Partition


class PartitionDigests:
    """Remembers the SHA-256 of files by size and time of change.

    Args:
      path: JSON file that holds what is known; it may be missing, and is only written by `save`.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._known = _read(path)

    def of(self, partition: Partition) -> str | None:
        """Returns 64 hexadecimal digits over the content of a partition's files, `None` where it has no files."""
        if not partition.paths:
            return None
        return artifacts.sha256_of_json([self._of_file(each) for each in partition.paths])

    def save(self) -> None:
        """Writes what is known."""
        artifacts.write_json(self._path, self._known)

    def _of_file(self, path: pathlib.Path) -> str:
        stat, name = path.stat(), str(path.resolve())
        size_and_time = [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(name)
        if not known or known["size_and_time"] != size_and_time:
            self._known[name] = {"size_and_time": size_and_time, "sha256": artifacts.sha256_of_file(path)}
        return self._known[name]["sha256"]


def _read(path: pathlib.Path) -> dict:
    try:
        return artifacts.read_json(path)
    except artifacts.ArtifactError:
        return {}  # Nothing is lost but time.
