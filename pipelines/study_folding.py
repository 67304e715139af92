"""Shows folding where the truth is planted, and what cures it in which dose.

    python -m pipelines.study_folding --output_dir=folding

Groups of queries and candidates that never occur together are learned from positives
alone, then with doses of each cure: negatives drawn for each positive (two-tower,
cross entropy and squared error), gravity and the unobserved weight (weighted
factorisation). The foreign share is that in the top 10 of each query, what it chose
before left out. Prints one JSON object and writes:

  folding.json               every dose, a mean over seeds with their range
  <cure>.svg                 foreign share over the dose
  map_<model>_<state>.svg    the candidates, folded and cured, of the first seed
"""

import dataclasses
import json
import pathlib
import statistics

import tqdm
from absl import app, flags, logging

from pipelines import artifacts, common_flags, folding_figures, folding_models, job, progress
from pipelines.report import svg_file
from tfrs_model import ranking, row_lists
from tfrs_model.diagnostics import folding, planted_groups

flags.declare_key_flag("output_dir")
_NUM_GROUPS = flags.DEFINE_integer("folding_groups", 8, "Planted groups.", lower_bound=2)
_EMBEDDING_DIM = flags.DEFINE_integer("folding_embedding_dim", 8, "Width of the embeddings.")
_NUM_SEEDS = flags.DEFINE_integer("folding_seeds", 5, "Logs and initial values to average over.")
_NUM_EPOCHS = flags.DEFINE_integer("folding_epochs", 40, "Epochs of the two-tower model and the softmax.")

FORMAT_VERSION = 1
K = 10
# What counts as folded without a cure, and as cured.
FOLDED_SHARE, CURED_SHARE = 0.20, 0.02
_NEGATIVES = (0, 1, 4, 16)
DOSES = {
    "negatives_cross_entropy": _NEGATIVES,
    "negatives_squared_error": _NEGATIVES,
    "gravity": (0, 1, 10, 100, 1000, 10_000, 100_000),
    "unobserved_weight": (0, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1),
    "full_softmax": (1,),
}
# Figures by name: what the dose is, and the lines.
_CURVES = {
    "negatives": (
        "Negatives of each positive",
        {"cross entropy": "negatives_cross_entropy", "squared error": "negatives_squared_error"},
    ),
    "gravity": ("Gravity", {"weighted factorisation": "gravity"}),
    "unobserved_weight": ("Weight of an unobserved pair", {"weighted factorisation": "unobserved_weight"}),
}
# Maps by name: the cure, and what a title says before the dose.
_MAPS = {
    "cross_entropy": ("negatives_cross_entropy", "Cross entropy, negatives:"),
    "squared_error": ("negatives_squared_error", "Squared error, negatives:"),
    "factorisation": ("unobserved_weight", "Factorisation, unobserved weight:"),
}


@dataclasses.dataclass(frozen=True)
class StudyFoldingConfig:
    """What is planted and trained.

    Attributes:
      output_dir: directory for the figures and their numbers.
      planted: the log.
      fit: what all models have in common.
      num_seeds: logs and initial values to average over, >= 1.
    """

    output_dir: str
    planted: planted_groups.PlantedGroups = dataclasses.field(default_factory=planted_groups.PlantedGroups)
    fit: folding_models.FitOptions = dataclasses.field(default_factory=folding_models.FitOptions)
    num_seeds: int = 5

    def __post_init__(self) -> None:
        for name, value, least in (
            ("folding_seeds", self.num_seeds, 1),
            ("folding_epochs", self.fit.num_epochs, 1),
            ("folding_embedding_dim", self.fit.embedding_dim, 2),
        ):
            if value < least:
                raise job.ConfigError(f"--{name} must be >= {least}, but is {value}.")
        if not self.output_dir:
            raise job.ConfigError("--output_dir must name a directory, but is empty.")
        left = self.planted.candidates_per_group - self.planted.chosen_per_query
        if left < K:
            raise job.ConfigError(
                f"A query must have {K} candidates of its own group left to be answered with, but has {left}; plant "
                "larger groups."
            )


def config_from_flags() -> StudyFoldingConfig:
    """Returns the configuration that the flags describe."""
    return StudyFoldingConfig(
        output_dir=common_flags.OUTPUT_DIR.value or "",
        planted=planted_groups.PlantedGroups(num_groups=_NUM_GROUPS.value),
        fit=folding_models.FitOptions(embedding_dim=_EMBEDDING_DIM.value, num_epochs=_NUM_EPOCHS.value),
        num_seeds=_NUM_SEEDS.value,
    )


def run(config: StudyFoldingConfig) -> dict:
    """Trains every dose with every seed, and writes the numbers and the figures.

    Returns:
      The object of `folding.json`.
    """
    output = pathlib.Path(config.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    total = config.num_seeds * sum(map(len, DOSES.values()))
    with job.stage("Studying folding") as counts, progress.progress_bar(total, "Training", "model") as bar:
        points, first = {}, {}
        for cure, doses in DOSES.items():
            points[cure] = [_point(config, cure, dose, first, bar) for dose in doses]
        counts.update(models=total)
    result = _result(config, points)
    for name, svg in _figures(config, result, first).items():
        artifacts.write_text(output / f"{name}.svg", svg_file.svg_file(svg))
    artifacts.write_json(output / "folding.json", result)
    logging.info("Wrote %s and its figures beside it", output / "folding.json")
    return result


def _point(config: StudyFoldingConfig, cure: str, dose: float, first: dict, bar: tqdm.tqdm) -> dict:
    """Returns the foreign shares of a dose; what the first seed fitted goes into `first`."""
    shares = []
    for seed in range(config.num_seeds):
        fitted = folding_models.FITS[cure](config.planted.interactions(seed), config.fit, dose, seed)
        first.setdefault((cure, dose), fitted)
        shares.append(foreign_share(config.planted, fitted, seed)["foreign_share"])
        bar.update()
    return {
        "dose": dose,
        "foreign_share": statistics.fmean(shares),
        "lowest": min(shares),
        "highest": max(shares),
    }


def foreign_share(planted: planted_groups.PlantedGroups, fitted: folding_models.Embeddings, seed: int) -> dict:
    """Returns the foreign share of the top `K` of all queries, and chance; what they chose before is left out."""
    chosen = planted.chosen(seed)
    pure = folding.pure_queries(chosen, planted.candidate_groups)
    no_targets = row_lists.RowLists.empty(len(chosen))
    ranked = ranking.rank_by_embeddings(fitted.queries, fitted.candidates, no_targets, chosen, K)
    top, excluded = ranked.top_rows[pure.rows], chosen.take(pure.rows)
    return folding.foreign_shares(top, pure.groups, planted.candidate_groups, excluded).summary()


def _result(config: StudyFoldingConfig, points: dict[str, list[dict]]) -> dict:
    planted = config.planted
    left = len(planted.candidate_groups) - planted.chosen_per_query
    full_softmax = points["full_softmax"][0]
    cures = {cure: _cure(doses) for cure, doses in points.items() if cure != "full_softmax"}
    return {
        "format_version": FORMAT_VERSION,
        "study": "folding",
        "configuration": {
            "planted": dataclasses.asdict(planted),
            "fit": dataclasses.asdict(config.fit),
            "num_seeds": config.num_seeds,
            "k": K,
        },
        "chance": 1.0 - (planted.candidates_per_group - planted.chosen_per_query) / left,
        "cures": cures,
        "full_softmax": {name: share for name, share in full_softmax.items() if name != "dose"},
        "holds": all(each["folds_without"] and each["cures"] for each in cures.values()),
    }


def _cure(points: list[dict]) -> dict:
    """Returns the doses, and whether the least folds and another cures, with every seed."""
    best = min(points, key=lambda point: (point["highest"], point["foreign_share"]))
    return {
        "doses": points,
        "folds_without": points[0]["lowest"] > FOLDED_SHARE,
        "cures": best["highest"] < CURED_SHARE,
        "best_dose": best["dose"],
    }


def _figures(config: StudyFoldingConfig, result: dict, first: dict) -> dict:
    figures = {}
    for name, (x_label, lines) in _CURVES.items():
        shown = {line: result["cures"][cure]["doses"] for line, cure in lines.items()}
        figures[name] = folding_figures.dose_curve(name, x_label, shown, result["chance"])
    for model, (cure, title) in _MAPS.items():
        for state, dose in (("folded", 0), ("cured", result["cures"][cure]["best_dose"])):
            name, candidates = f"map_{model}_{state}", first[cure, dose].candidates
            groups = config.planted.candidate_groups
            figures[name] = folding_figures.candidate_map(name, f"{title} {dose:g}", candidates, groups)
    return figures


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe, and prints its result."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()))), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required([common_flags.OUTPUT_DIR.name])
    app.run(main)


if __name__ == "__main__":
    console_main()
