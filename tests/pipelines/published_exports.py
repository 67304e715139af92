"""Writes a small export of every kind of index in the present format, to be loaded by all versions that follow.

    python -m tests.pipelines.published_exports

Run once for each FORMAT_VERSION of serving/manifest.py, when it is first published; what lies in
tests/pipelines/published_exports/ is never written again. Each archive holds a version's folder, with the parts that a
large corpus would have: leaves, codes and reordering, float16, a filter, precomputed queries. Each JSON file beside it
holds requests and their answers.
"""

import json
import pathlib
import sys
import tarfile
import tempfile
from unittest import mock

import numpy as np

from pipelines import export, prepare_data, train, training_config
from serving import manifest
from serving.index import partitioned, scann_index
from serving.server import servable
from tests import planted_log
from tests.pipelines import conftest

FOLDER = pathlib.Path(__file__).with_suffix("")
KINDS = ("brute_force", "scann", "partitioned")
_TRAINING_OPTIONS = {"embedding_dim": 8, "batch_size": 256, "num_epochs": 2, "history_length": 3}
_SCANN = scann_index.ScannParameters(8, 4, dimensions_per_block=2, num_reordering_candidates=40)
_PARTITIONED = partitioned.PartitionedParameters(10, 5, "float16")
_REQUESTS = (
    {
        "query_id": ["shopper-1", "stranger"],
        "history": [["item-1", "item-5"], ["", ""]],
        "parity": ["odd", ""],
    },
    {
        "query_id": ["shopper-1"],
        "use_precomputed": [True],
        "k": [8],
        "filter_tags": [["group1"]],
        "exclude_candidate_ids": [["item-1", "item-13"]],
    },
)
_DTYPES = {"k": np.int32, "use_precomputed": np.bool_}
_TIME = 946684800  # Makes equal archives of equal files.


def write(folder: pathlib.Path, kinds=KINDS) -> None:
    """Prepares, trains and exports, and packs each export with a request and its answer."""
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        log = planted_log.write(root / "raw")
        prepare_data.run(conftest.prepare_config(log, root / "prepared"))
        options = training_config.training_config(_TRAINING_OPTIONS)
        train.run(train.TrainJobConfig(str(root / "prepared"), str(root / "model"), options))
        for kind in kinds:
            name = f"format{manifest.FORMAT_VERSION}_{kind}"
            if (folder / f"{name}.tar.xz").exists():
                sys.exit(f"{name} is published already, and what is published stays as it is.")
            config = export.ExportConfig(
                str(root / "prepared"),
                str(root / "model"),
                str(root / kind),
                kind,
                5,
                index_storage="float16" if kind == "partitioned" else "float32",
                filter_columns=("tags",),
                precompute_queries=True,
            )
            with (
                mock.patch.object(scann_index.ScannParameters, "for_corpus", return_value=_SCANN),
                mock.patch.object(partitioned.PartitionedParameters, "for_corpus", return_value=_PARTITIONED),
            ):
                version_dir = export.run(config).version_dir
            _pack(version_dir, folder, name)


def inputs_of(request: dict) -> dict[str, np.ndarray]:
    """Returns the inputs of a request as the server gets them."""
    return {name: np.array(values, _DTYPES.get(name, object)) for name, values in request.items()}


def _pack(version_dir: pathlib.Path, folder: pathlib.Path, name: str) -> None:
    model = servable.Servable.load("shop", 1, version_dir)
    kept = []
    for request in _REQUESTS:
        answer = model.run("serving_default", inputs_of(request))
        ids = [[each.decode() for each in row] for row in answer["candidate_ids"].tolist()]
        kept.append({"request": request, "candidate_ids": ids, "scores": answer["scores"].tolist()})
    model.close()
    (folder / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    with tarfile.open(folder / f"{name}.tar.xz", "w:xz") as archive:
        archive.add(version_dir, "1", filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime, member.uid, member.gid, member.uname, member.gname = _TIME, 0, 0, "", ""
    return member


if __name__ == "__main__":
    write(FOLDER)
