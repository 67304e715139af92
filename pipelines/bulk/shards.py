"""The folder of bulk answers: what it holds, and how each shard becomes part of it, whole or not at all.

answers/
  manifest.json                     model version, digests of queries and exclusions, k, number of shards
  shard-00000-of-00010.parquet      `query_id`, `candidate_ids` and `scores` of the queries of one shard, in their order
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import artifacts, directory_lock, publishing
from serving import signatures

FORMAT_VERSION = 1

SCHEMA = pa.schema(
    [
        pa.field(signatures.QUERY_ID, pa.string(), nullable=False),
        pa.field(signatures.CANDIDATE_IDS, pa.list_(pa.string())),
        pa.field(signatures.SCORES, pa.list_(pa.float32())),
    ]
)
_STAMP, _COUNTS = b"bulk_answers_sha256", b"bulk_answers_counts"


class ShardError(ValueError):
    """A folder of other answers, or a shard that another run is writing."""


@dataclasses.dataclass(frozen=True)
class Counts:
    """What a shard holds.

    Attributes:
      queries: how many.
      answers: candidates of all of them.
      short: queries that have fewer than k, since no more may be answered.
      unanswered: queries that have none.
    """

    queries: int = 0
    answers: int = 0
    short: int = 0
    unanswered: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Counts(*(mine + others for mine, others in pairs))


class AnswerFolder:
    """A folder that is written shard by shard, by one run or several.

    Args:
      directory: made if it is not there.
      content: what all its answers are made from, as a JSON object.
      num_queries: of all shards.
      num_shards: into which the queries are shared out, neighbours together.

    Raises:
      ShardError: if the folder holds answers of other content.
      ArtifactError: if its manifest cannot be read.
    """

    def __init__(self, directory: str | os.PathLike[str], content: dict, num_queries: int, num_shards: int):
        self._directory = pathlib.Path(directory)
        self._num_queries, self._num_shards = num_queries, num_shards
        described = {"format_version": FORMAT_VERSION, **content, "queries": num_queries, "num_shards": num_shards}
        self._stamp = artifacts.sha256_of_json(described).encode()
        self._directory.mkdir(parents=True, exist_ok=True)
        # Runs of other shards may begin at the same moment.
        with directory_lock.lock(self._directory, waits=True):
            self._require_same(self._manifest(described), described)

    def _manifest(self, described: dict) -> dict:
        """Returns the manifest that is there, or writes it, and removes what a killed run left of one."""
        path = self._directory / "manifest.json"
        for half_written in self._directory.glob(f".{path.name}.tmp-*"):
            half_written.unlink()
        if not path.exists():
            if strange := sorted(each.name for each in self._directory.glob("*.parquet")):
                raise ShardError(
                    f"{self._directory} holds {strange[0]} and no manifest, so it is no folder of bulk answers; name "
                    "another."
                )
            artifacts.write_json(path, described)
        return artifacts.read_json(path)

    def _require_same(self, found: dict, described: dict) -> None:
        if found == described:
            return
        names = [name for name in {**described, **found} if found.get(name) != described.get(name)]
        raise ShardError(
            f"{self._directory} holds answers of another configuration: its {names[0]} is "
            f"{found.get(names[0])!r}, but now it is {described.get(names[0])!r}. Name another --answers_dir, or "
            "remove that one."
        )

    def bounds(self, shard: int) -> tuple[int, int]:
        """Returns the first query of a shard and the one behind its last."""
        return (
            self._num_queries * shard // self._num_shards,
            self._num_queries * (shard + 1) // self._num_shards,
        )

    def path(self, shard: int) -> pathlib.Path:
        """Returns the file of a shard."""
        return self._directory / f"shard-{shard:05d}-of-{self._num_shards:05d}.parquet"

    def finished(self, shard: int) -> Counts | None:
        """Returns what a shard holds if it is there and whole, otherwise `None`."""
        begin, end = self.bounds(shard)
        try:
            metadata = pq.read_metadata(self.path(shard))
        except (FileNotFoundError, pa.ArrowInvalid):
            return None
        marks = metadata.metadata or {}
        if metadata.num_rows != end - begin or marks.get(_STAMP) != self._stamp or _COUNTS not in marks:
            return None
        return Counts(**json.loads(marks[_COUNTS]))

    @contextlib.contextmanager
    def writing(self, shard: int) -> Iterator["ShardWriter"]:
        """Yields what a shard is written with; it gets its name when the block ends well.

        What a killed run left of it is written anew; while another run writes it, this one is refused.

        Raises:
          ShardError: if another run writes the same shard.
        """
        path = self.path(shard)
        part = path.with_name(f".{path.name}.part")
        with _locked(part) as file:
            writer = ShardWriter(file, self._stamp)
            try:
                yield writer
            except BaseException:
                writer.abandon()
                raise
            writer.close()
            file.flush()
            os.fsync(file.fileno())
            os.replace(part, path)
            publishing.flush(self._directory)


class ShardWriter:
    """Writes the answers of a shard, batch after batch.

    Args:
      file: open for writing, empty.
      stamp: of the folder.
    """

    def __init__(self, file: BinaryIO, stamp: bytes):
        self.file = file
        # Statistics and dictionaries of ids and scores would take longer than all else and save nothing: each of many
        # ids comes now and then, and nobody looks for answers by their range.
        self._parquet = pq.ParquetWriter(file, SCHEMA, use_dictionary=False, write_statistics=False)
        self._stamp = stamp
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """What has been written."""
        return self._counts

    def write(self, table: pa.Table, counts: Counts) -> None:
        """Adds answers."""
        self._parquet.write_table(table)
        self._counts += counts

    def close(self) -> None:
        """Writes the end of the file, and what is in it."""
        counts = json.dumps(dataclasses.asdict(self._counts))
        self._parquet.add_key_value_metadata({_STAMP: self._stamp, _COUNTS: counts})
        self._parquet.close()

    def abandon(self) -> None:
        """Lets go of the file, which is no shard and will be written anew."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._parquet.close()


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Yields a file, empty and open for writing, that no other run has; the kernel unlocks it when a run dies."""
    # Not emptied before it is certain whose it is.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have just finished it and renamed it.
            if not os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(path))
        except (BlockingIOError, FileNotFoundError) as error:
            raise ShardError(
                f"Another run is writing {path}; wait for it, or share the work out with --shard."
            ) from error
        file.truncate(0)
        yield file
