"""The whole line on MovieLens-100K: fetch, prepare, train, export, evaluate, serve, ask, report.

    python -m pipelines.quickstart --output_dir=quickstart

Started again it reuses what is finished and continues what is not. The options
of `pipelines.train`, such as --num_epochs, stand above those of --config, which
is the shipped movielens_100k if it is not given.
"""

import dataclasses
import importlib.resources
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import app, flags

from pipelines import (
    common_flags,
    evaluate,
    export,
    job,
    local_server,
    movielens,
    prepare_data,
    prepared_data,
    sample_query,
    train,
    training_config,
    training_flags,
    write_report,
)
from serving import client
from tfrs_model import model_config
from tfrs_model import schema as schema_lib

flags.declare_key_flag("output_dir")
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of MovieLens-100K, if it is on this machine; otherwise it is fetched."
)
_TRAINING_CONFIG = "movielens_100k"
# What the correction does is shown by two trainings of seconds; a second one of the shipped configuration, which reads
# histories of a hundred by self-attention, would take minutes.
_SMALL_CONFIG = "movielens_100k_small"
_MODEL_NAME = "movielens"
_K = 100
# At this size `auto` would choose brute force; the quick start shows the approximate index at work.
_INDEX = "scann"
_NUM_SHOWN = 10
_NUM_HISTORY_SHOWN = 10
_NUM_TIMED_REQUESTS = 20


class DisagreementError(ValueError):
    """The two protocols of the server answered differently."""


@dataclasses.dataclass(frozen=True)
class QuickstartConfig:
    """Where the quick start reads and writes.

    Attributes:
      output_dir: everything goes below it.
      data_dir: folder of MovieLens-100K, or empty to fetch it.
      options: training options.
    """

    output_dir: str
    data_dir: str = ""
    options: dict[str, Any] = dataclasses.field(default_factory=lambda: training_config.read_options(_TRAINING_CONFIG))

    def __post_init__(self) -> None:
        if not self.output_dir:
            raise job.ConfigError("--output_dir must name a directory, but is empty.")


def config_from_flags() -> QuickstartConfig:
    """Returns the configuration that the flags describe."""
    options = training_flags.options_from_file_and_flags(_TRAINING_CONFIG)
    return QuickstartConfig(common_flags.OUTPUT_DIR.value, _DATA_DIR.value or "", options)


def run(config: QuickstartConfig) -> dict:
    """Runs every stage and writes `report.json` and `report.html`.

    Returns:
      The report.

    Raises:
      ValueError: the error of the stage that failed; what the stages before made is kept.
    """
    output = pathlib.Path(config.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    training = training_config.training_config(config.options)
    prepared_dir, model_dir = str(output / "prepared"), str(output / "model")
    stages = _Stages()
    files = stages.run("fetch", lambda: movielens.fetch_movielens_100k(config.data_dir, output / "movielens_100k"))
    stages.run("prepare", lambda: prepare_data.run(prepare_config(files, prepared_dir)))
    stages.run("train", lambda: train.run(train.TrainJobConfig(prepared_dir, model_dir, training)))
    compared = [str(output / "small_model"), str(output / "small_model_without_correction")]
    stages.run("correction", lambda: _train_with_and_without_correction(prepared_dir, compared))
    export_dir = str(output / "served" / _MODEL_NAME)
    # The explorer shows titles.
    export_config = export.ExportConfig(prepared_dir, model_dir, export_dir, _INDEX, _K, display_columns=("title",))
    exported = stages.run("export", lambda: export.run_alone(export_config))
    evaluation = evaluate.EvaluateConfig(prepared_dir, model_dir, version_dir=str(exported.version_dir))
    # MovieLens-100K is published for research, histories and all.
    report_config = write_report.ReportConfig(str(output), evaluation, tuple(compared), True, "MovieLens-100K")
    stages.run("evaluate", lambda: evaluate.run(report_config.evaluation))
    data = prepared_data.read_prepared_data(prepared_dir)
    served = stages.run("serve", lambda: _ask_server(data, training.model, exported, output / "server.log"))
    report = write_report.run(report_config, {"serving": served, "stages": stages.records})
    _print(report, output)
    return report


def prepare_config(files: movielens.MovielensFiles, prepared_dir: str) -> prepare_data.PrepareConfig:
    """Returns how MovieLens-100K is prepared: every rating a positive, the last of each query held out."""
    configs = importlib.resources.files("pipelines") / "configs"
    return prepare_data.PrepareConfig(
        interactions=str(files.interactions),
        candidates=str(files.candidates),
        queries=str(files.queries),
        schema=schema_lib.read_schema(configs / f"{_TRAINING_CONFIG}_schema.json"),
        prepared_dir=prepared_dir,
    )


def _train_with_and_without_correction(prepared_dir: str, model_dirs: list[str]) -> dict:
    """Trains two small models that differ in the logQ correction alone."""
    small = training_config.read_options(_SMALL_CONFIG)
    trained = [
        train.run(
            train.TrainJobConfig(prepared_dir, model_dir, training_config.training_config({**small, **differing}))
        )
        for model_dir, differing in zip(model_dirs, ({}, {"log_q_correction": "none"}), strict=True)
    ]
    return {"reused": all(map(_was_reused, trained))}


class _Stages:
    """Runs stages and remembers how long each took and whether it found its work done."""

    def __init__(self):
        self.records: list[dict] = []

    def run(self, name: str, function: Callable[[], Any]) -> Any:
        started = time.monotonic()
        result = function()
        self.records.append({"name": name, "seconds": time.monotonic() - started, "reused": _was_reused(result)})
        return result


def _was_reused(result: Any) -> bool:
    if isinstance(result, train.TrainResult):
        return result.num_steps == 0
    return bool(result.get("reused") if isinstance(result, dict) else getattr(result, "reused", False))


def _ask_server(
    data: prepared_data.PreparedData,
    model: model_config.ModelConfig,
    exported: export.ExportResult,
    log_path: pathlib.Path,
) -> dict:
    """Asks the server for one query over REST and over gRPC, several times each for a median."""
    query = sample_query.newest(data, model)
    arguments = {
        "model_name": _MODEL_NAME,
        "query_ids": [query.query_id],
        "histories": [query.history] if model.history_length else None,
        "features": {name: [value] for name, value in (query.features | query.moments).items()},
    }
    with local_server.serve(_MODEL_NAME, exported.version_dir.parent, log_path) as server:
        with client.RestClient(server.rest_url) as rest:
            over_rest, rest_seconds = _timed(lambda: rest.recommend(**arguments)[0])
        with client.GrpcClient(server.grpc_target) as grpc:
            over_grpc, grpc_seconds = _timed(lambda: grpc.recommend(**arguments)[0])
    titles = dict(zip(data.corpus["candidate_id"].to_pylist(), data.corpus["title"].to_pylist(), strict=True))
    if over_rest != over_grpc:
        raise DisagreementError(
            f"REST and gRPC gave different answers for query {query.query_id}; see {log_path} and run tfrs-doctor."
        )
    shown = query.history[-_NUM_HISTORY_SHOWN:]
    fresh = [each for each in over_grpc if each.candidate_id not in query.chosen_before]
    return {
        "model_name": _MODEL_NAME,
        "version": int(exported.version_dir.name),
        "query_id": query.query_id,
        "features": query.features,
        "history": [{"candidate_id": each, "title": titles[each]} for each in shown],
        "recommendations": [
            {"candidate_id": each.candidate_id, "title": titles[each.candidate_id], "score": each.score}
            for each in fresh[:_NUM_SHOWN]
        ],
        "rest_milliseconds": 1000 * rest_seconds,
        "grpc_milliseconds": 1000 * grpc_seconds,
        "rest_and_grpc_agree": True,
    }


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Returns what a call returns and the median of its seconds."""
    seconds = []
    for _ in range(_NUM_TIMED_REQUESTS):
        started = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - started)
    return answer, float(np.median(seconds))


def _print(report: dict, output: pathlib.Path) -> None:
    """Prints one query's history beside its recommendations, and where the rest is."""
    served = report["serving"]
    left = [f"{each['title'] or each['candidate_id']}" for each in reversed(served["history"])]
    right = [f"{each['score']:.3f}  {each['title'] or each['candidate_id']}" for each in served["recommendations"]]
    print(f"\nQuery {served['query_id']}")
    print(f"{'History, newest first':<40}  Recommended, over REST and gRPC alike")
    for position in range(max(len(left), len(right))):
        shown = [side[position] if position < len(side) else "" for side in (left, right)]
        print(f"{shown[0][:40]:<40}  {shown[1]}")
    model, popularity = report["evaluation"]["model"], report["evaluation"]["popularity"]
    print(f"\n{'':<14}{'recall@10':>10}{'recall@100':>12}{'ndcg@10':>10}{'mrr':>8}")
    for name, metrics in (("two-tower", model), ("popularity", popularity)):
        print(
            f"{name:<14}{metrics['recall_at_10']:>10.4f}{metrics['recall_at_100']:>12.4f}"
            f"{metrics['ndcg_at_10']:>10.4f}{metrics['mrr']:>8.4f}"
        )
    print(f"\nReport: {output / 'report.html'} and {output / 'report.json'}")
    print(
        f"Serve it: python -m serving.server --model_name={_MODEL_NAME} "
        f"--model_base_path={(output / 'served' / _MODEL_NAME).resolve()} --port=8500 --rest_api_port=8501 --explorer"
    )
    print("Explore it, while it is served: http://localhost:8501/")


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["output_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
