"""Writes a small export of every kind of index in the present format, to be loaded by all versions that follow.

    python -m tests.pipelines.published_exports

Run once for each FORMAT_VERSION of serving/manifest.py, when it is first published; what lies in
tests/pipelines/published_exports/ is never written again. Each archive holds a version's folder, each JSON file beside
it a request and its answer.
"""

import json
import pathlib
import sys
import tarfile
import tempfile

import numpy as np

from pipelines import export, prepare_data, train, training_config
from serving import manifest
from serving.server import servable
from tests import planted_log
from tfrs_model import schema

FOLDER = pathlib.Path(__file__).with_suffix("")
KINDS = ("brute_force", "scann", "partitioned")
_TRAINING_OPTIONS = {"embedding_dim": 8, "batch_size": 256, "num_epochs": 2, "history_length": 3}
_TIME = 946684800  # Makes equal archives of equal files.


def write(folder: pathlib.Path, kinds=KINDS) -> None:
    """Prepares, trains and exports, and packs each export with a request and its answer."""
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        log = planted_log.write(root / "raw")
        prepare_data.run(
            prepare_data.PrepareConfig(
                interactions=str(log.interactions),
                candidates=str(log.candidates),
                queries=str(log.queries),
                schema=schema.read_schema(log.schema),
                prepared_dir=str(root / "prepared"),
            )
        )
        options = training_config.training_config(_TRAINING_OPTIONS)
        train.run(train.TrainJobConfig(str(root / "prepared"), str(root / "model"), options))
        for kind in kinds:
            name = f"format{manifest.FORMAT_VERSION}_{kind}"
            if (folder / f"{name}.tar.xz").exists():
                sys.exit(f"{name} is published already, and what is published stays as it is.")
            config = export.ExportConfig(str(root / "prepared"), str(root / "model"), str(root / kind), kind, 5)
            _pack(export.run(config).version_dir, folder, name)


def _pack(version_dir: pathlib.Path, folder: pathlib.Path, name: str) -> None:
    request = {
        "query_id": ["shopper-1", "stranger"],
        "history": [["item-1", "item-5"], ["", ""]],
        "parity": ["odd", ""],
    }
    model = servable.Servable.load("shop", 1, version_dir)
    answer = model.run("serving_default", {each: np.array(values, object) for each, values in request.items()})
    model.close()
    kept = {
        "request": request,
        "candidate_ids": [[each.decode() for each in row] for row in answer["candidate_ids"].tolist()],
        "scores": answer["scores"].tolist(),
    }
    (folder / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    with tarfile.open(folder / f"{name}.tar.xz", "w:xz") as archive:
        archive.add(version_dir, "1", filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime, member.uid, member.gid, member.uname, member.gname = _TIME, 0, 0, "", ""
    return member


if __name__ == "__main__":
    write(FOLDER)
