"""What a report says of the data, the models and the export, read from what the jobs left behind."""

import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines import artifacts, model_directory, training_state
from serving import manifest as manifest_lib
from tfrs_model import __version__

_PACKAGES = ("tensorflow", "tf-keras", "tensorflow-recommenders", "scann", "tensorflow-serving-api", "numpy", "pyarrow")
# Models that differ in more options are called by their directories.
_MAX_OPTIONS_IN_NAME = 2


def data_card(prepared: Mapping) -> dict:
    """Returns counts, time range, what was dropped and how it was split, from the manifest of prepared data."""
    card = {
        **prepared["counts"],
        **{key: prepared[key] for key in ("drops", "removed_values")},
        "options": {name: value for name, value in prepared["configuration"].items() if value not in (None, "")},
    }
    if prepared.get("time_range_microseconds"):
        card["time_range"] = [_date(each) for each in prepared["time_range_microseconds"]]
    return card


def training_card(model_dir: str | os.PathLike[str]) -> dict:
    """Returns the figures of every epoch, which of them was kept, and by what metric."""
    history = artifacts.read_json(model_directory.ModelPaths(model_dir).history)
    metric = model_directory.read_description(model_dir).training_options["early_stop_metric"]
    return {
        "history": history,
        "best_epoch": training_state.best_epoch(history, metric),
        "early_stop_metric": metric,
        "seconds": sum(record["seconds"] for record in history),
    }


def configuration(model_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns every option that shaped a model, the seed among them."""
    description = model_directory.read_description(model_dir)
    return {**dataclasses.asdict(description.config), **description.training_options, "seed": description.seed}


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict]:
    """Returns the options in which two configurations differ; one that lacks an option has `None`."""
    names = [*first, *(name for name in second if name not in first)]
    return [
        {"option": name, "values": [first.get(name), second.get(name)]}
        for name in names
        if first.get(name) != second.get(name)
    ]


def differ_in_correction_alone(model_dirs: Sequence[str | os.PathLike[str]]) -> bool:
    """Returns whether two models were trained alike and on the same data, but one of them without logQ correction."""
    same_data = len({model_directory.read_description(each).prepared_data_sha256 for each in model_dirs}) == 1
    found = differences(*map(configuration, model_dirs))
    return same_data and [each["option"] for each in found] == ["log_q_correction"] and "none" in found[0]["values"]


def names_of(model_dirs: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Returns what to call two models: what they differ in if that is little, else their directories."""
    different = differences(*map(configuration, model_dirs))
    if 1 <= len(different) <= _MAX_OPTIONS_IN_NAME:
        return [", ".join(f"{each['option']}={each['values'][place]}" for each in different) for place in range(2)]
    names = [pathlib.Path(each).resolve().name for each in model_dirs]
    return names if names[0] != names[1] else [os.fspath(each) for each in model_dirs]


def comparison(model_dirs: Sequence[str | os.PathLike[str]]) -> dict:
    """Returns names of two models, the options in which they differ, and the training of both."""
    return {
        "names": names_of(model_dirs),
        "differences": differences(*map(configuration, model_dirs)),
        "training": [training_card(each) for each in model_dirs],
    }


def index_card(version_dir: str | os.PathLike[str]) -> dict:
    """Returns what an export says of its index."""
    manifest = manifest_lib.read_manifest(version_dir)
    described = {name: manifest[name] for name in ("index", "k", "num_candidates", "embedding_dim")}
    return {
        **described,
        "version": pathlib.Path(version_dir).resolve().name,
        "index_recall": manifest[f"index_recall_at_{manifest['k']}"],
        "parameters": manifest["index_parameters"],
        # Versions of before hold none.
        "trade_off": manifest.get("index_trade_off"),
    }


def versions() -> dict[str, str]:
    """Returns the versions of this package and of those whose versions shape figures."""
    return {"tfrs-two-tower": __version__, **{name: importlib.metadata.version(name) for name in _PACKAGES}}


def _date(microseconds: int) -> str:
    return datetime.datetime.fromtimestamp(microseconds / 1e6, datetime.UTC).date().isoformat()
