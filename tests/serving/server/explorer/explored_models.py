"""A recommender as the export job publishes it, with titles, a filter and a manifest, and the log of its queries."""

import pathlib
import shutil

import pyarrow as pa
import pyarrow.parquet as pq

from serving import manifest
from tests.serving import small_recommender

# One for each of `small_recommender.IDS`.
TITLES = [
    *("The Lighthouse Keeper", "Salt Road", "A Winter in Tartu", "Paper Boats", "The Last Cartographer"),
    *("Night Ferry", "Seven Gates", "The Glassmaker's Daughter", "Low Tide", "An Hour Before Dawn"),
    *("The Copper Line", "Orchard", "Strangers at Noon", "The Long Platform", "Blue Ledger"),
    *("Kestrel", "A House in Ghent", "The Ninth Letter", "Harbour Lights", "Marble and Rain"),
    *("The Quiet Engine", "Wolves of the Plain", "Second Harvest", "The Weathermaker", "Tin Crown"),
    *("Under the Viaduct", "Field Notes", "The Understudy", "Signal Fire", "October Parade"),
]
YEARS = [1958 + 2 * i for i in range(len(TITLES))]
# What two queries chose, oldest first.
HISTORIES = {"u1": ["c4", "c17", "c1", "c2"], "u2": ["c9"]}
DESCRIPTION = {
    "index": "brute_force_index",
    "similarity": "inner product of unit vectors (cosine)",
    "embedding_dim": 8,
    "num_candidates": small_recommender.NUM_CANDIDATES,
    "k": small_recommender.K,
    "max_k": small_recommender.MAX_K,
    "filter_columns": ["genre", "list"],
    "display_columns": ["title", "year", "genre"],
}


def publish(export_dir: pathlib.Path, base_path: pathlib.Path, version: int, titles: list[str] | None = None) -> None:
    """Publishes a copy of an export with display table and manifest, by one rename.

    Args:
      export_dir: what `small_recommender.export` wrote.
      base_path: folder of the versions.
      version: which.
      titles: one for each of the candidates; `None` for `TITLES`.
    """
    building = base_path / f".{version}.tmp"
    shutil.copytree(export_dir, building)
    columns = {
        "candidate_id": small_recommender.IDS,
        "title": TITLES if titles is None else titles,
        "year": YEARS,
        "genre": small_recommender.GENRES,
    }
    (building / "assets.extra").mkdir(exist_ok=True)
    # Not in the order of the ids, as no corpus has to be.
    pq.write_table(
        pa.table(columns).take(list(reversed(range(len(TITLES))))), building / "assets.extra/display.parquet"
    )
    manifest.write_manifest(building, DESCRIPTION)
    building.rename(base_path / str(version))


def write_histories(path: pathlib.Path) -> pathlib.Path:
    """Writes a file with the columns of prepared interactions, sorted by query and time as that is."""
    rows = [(query, each, 10**15 + 10**6 * i) for query, ids in HISTORIES.items() for i, each in enumerate(ids)]
    query_ids, candidate_ids, timestamps = zip(*rows, strict=True)
    columns = {
        "query_id": query_ids,
        "candidate_id": candidate_ids,
        "timestamp": timestamps,
        "split": ["train"] * len(rows),
    }
    pq.write_table(pa.table(columns), path)
    return path


def write_model_config(path: pathlib.Path, **base_paths: pathlib.Path) -> pathlib.Path:
    """Writes a ModelServerConfig of models by name."""
    models = "".join(
        f'config {{ name: "{name}" base_path: "{base_path}" model_platform: "tensorflow" }}\n'
        for name, base_path in base_paths.items()
    )
    path.write_text(f"model_config_list {{\n{models}}}\n", encoding="utf-8")
    return path
