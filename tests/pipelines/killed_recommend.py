"""Answers queries in bulk, and dies by SIGKILL at one named place of its second shard.

python -m tests.pipelines.killed_recommend VERSION_DIR QUERIES ANSWERS_DIR [PLACE]

Without a place the run goes to its end.
"""

import os
import signal
import sys

from pipelines import artifacts, recommend
from pipelines.bulk import shards

PLACES = (
    "half of the manifest",
    "manifest written",
    "half of a batch",
    "batch written",
    "half of the end of a shard",
    "shard written",
    "shard renamed",
)


def _die(place: str, file=None) -> None:
    if place == sys.argv[4]:
        if file is not None:
            # What has been written so far is on disk, but for its second half.
            file.flush()
            os.truncate(file.name, os.fstat(file.fileno()).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)


def _watch() -> None:
    write, close, finish = shards.ShardWriter.write, shards.ShardWriter.close, os.replace
    begun = []

    def writing(self, table, counts) -> None:
        if not self.counts.queries:
            begun.append(self)
        write(self, table, counts)
        if len(begun) == 2:
            _die("half of a batch", self.file)
            _die("batch written")

    def closing(self) -> None:
        close(self)
        if len(begun) == 2:
            _die("half of the end of a shard", self.file)

    def replacing(source, target) -> None:
        if str(target).endswith("manifest.json"):
            if sys.argv[4] == "half of the manifest":
                os.truncate(source, os.stat(source).st_size // 2)
            _die("half of the manifest")
        if len(begun) == 2:
            _die("shard written")
        finish(source, target)
        if str(target).endswith("manifest.json"):
            _die("manifest written")
        if len(begun) == 2:
            _die("shard renamed")

    shards.ShardWriter.write, shards.ShardWriter.close = writing, closing
    artifacts.os.replace = replacing


def main() -> None:
    version_dir, queries, answers_dir, *place = sys.argv[1:]
    if place:
        _watch()
    recommend.run(recommend.RecommendConfig(version_dir, answers_dir, query_files=queries, num_shards=3, batch_size=9))


if __name__ == "__main__":
    main()
