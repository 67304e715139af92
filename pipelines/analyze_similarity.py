"""Shows what cosines of embeddings say about similarity: where the truth is known, and in a model of one's own.

    python -m pipelines.analyze_similarity --output_dir=similarity --simulate
    python -m pipelines.analyze_similarity --output_dir=similarity --prepared_dir=prepared --model_dir=model \\
        --other_model_dirs=model_of_another_seed

After Steck, Ekanadham and Kallus, "Is Cosine-Similarity of Embeddings Really About Similarity?" (WWW 2024). The
simulation draws their five heat maps and measures each remedy by how well it shows the clusters. Of a model it says
whether dot product and cosine rank alike, how much of its neighbours is arbitrary, how length goes with popularity,
and beside it what the remedies do to the recall of linear models, on validation. Writes:

  similarity.json       every figure
  similarity.html       the same as one page that needs nothing but itself
  heat_maps/<n>.png     the five heat maps, if simulated
"""

import dataclasses
import pathlib

from absl import app, flags, logging

from pipelines import (
    artifacts,
    common_flags,
    job,
    offline_evaluation,
    prepared_data,
    progress,
    similarity_figures,
    similarity_of_linear_models,
    similarity_of_towers,
    similarity_simulation,
)
from pipelines.report import similarity_page
from tfrs_model.diagnostics.clustered_interactions import ClusteredInteractionsConfig

flags.declare_key_flag("output_dir")
flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
_SIMULATE = flags.DEFINE_bool("simulate", False, "Whether the simulation of the paper is run.")
_NUM_QUERIES = flags.DEFINE_integer("simulation_num_queries", 20_000, "Queries of the simulation.")
_NUM_CANDIDATES = flags.DEFINE_integer("simulation_num_candidates", 1000, "Candidates of the simulation.")
_SEED = flags.DEFINE_integer("simulation_seed", 0, "Of every draw of the simulation.")
_OTHERS = flags.DEFINE_list(
    "other_model_dirs", [], "Directories of other models of the same data, such as of another seed or similarity."
)
_LINEAR_REMEDIES = flags.DEFINE_bool(
    "linear_remedies", True, "Whether linear models of the prepared data are fitted with each remedy, beside the model."
)

FORMAT_VERSION = 1
_SPLIT = "validation"


@dataclasses.dataclass(frozen=True)
class AnalyzeSimilarityConfig:
    """What is analysed.

    Attributes:
      output_dir: directory for everything the job makes.
      law: of the simulation, or `None` for none.
      prepared_dir: directory that `prepare_data` published, or empty for no model.
      model_dir: directory that `train` wrote, or empty for no model.
      other_model_dirs: of models to compare its neighbours with.
      linear_remedies: whether linear models are fitted to the prepared data.
      settings: of the closed forms in the simulation.
    """

    output_dir: str
    law: ClusteredInteractionsConfig | None = None
    prepared_dir: str = ""
    model_dir: str = ""
    other_model_dirs: tuple[str, ...] = ()
    linear_remedies: bool = True
    settings: similarity_simulation.LinearSettings = dataclasses.field(
        default_factory=similarity_simulation.LinearSettings
    )

    def __post_init__(self) -> None:
        if not self.output_dir:
            raise job.ConfigError("--output_dir must name a directory, but is empty.")
        if bool(self.prepared_dir) != bool(self.model_dir):
            given = "--prepared_dir" if self.prepared_dir else "--model_dir"
            raise job.ConfigError(f"--prepared_dir and --model_dir go together, but only {given} is given; name both.")
        if self.other_model_dirs and not self.model_dir:
            raise job.ConfigError("--other_model_dirs are compared with --model_dir, which is empty; name it too.")
        if self.law is None and not self.model_dir:
            raise job.ConfigError("There is nothing to analyse; give --simulate, or --prepared_dir and --model_dir.")


def config_from_flags() -> AnalyzeSimilarityConfig:
    """Returns the configuration that the flags describe."""
    return AnalyzeSimilarityConfig(
        output_dir=common_flags.OUTPUT_DIR.value,
        law=_law() if _SIMULATE.value else None,
        prepared_dir=common_flags.PREPARED_DIR.value or "",
        model_dir=common_flags.MODEL_DIR.value or "",
        other_model_dirs=tuple(_OTHERS.value),
        linear_remedies=_LINEAR_REMEDIES.value,
    )


def run(config: AnalyzeSimilarityConfig) -> dict:
    """Analyses what is asked for and writes the figures, the page and the maps.

    Returns:
      The object of `similarity.json`.

    Raises:
      ArtifactError, PreparedDataError, ModelDirectoryError: if an input cannot be read.
    """
    output = pathlib.Path(config.output_dir)
    (output / "heat_maps").mkdir(parents=True, exist_ok=True)
    result: dict = {"format_version": FORMAT_VERSION}
    images: dict[str, bytes] = {}
    if config.law is not None:
        result["simulation"], images = _simulate(config)
    if config.model_dir:
        result |= _analyze_models(config)
    for name, image in images.items():
        artifacts.write_bytes(output / "heat_maps" / f"{name}.png", image)
    artifacts.write_json(output / "similarity.json", result)
    artifacts.write_text(output / "similarity.html", similarity_page.render(result, images))
    logging.info("Wrote %s and %s", output / "similarity.json", output / "similarity.html")
    return result


def _law() -> ClusteredInteractionsConfig:
    try:
        return ClusteredInteractionsConfig(
            _NUM_QUERIES.value, _NUM_CANDIDATES.value, max_interactions=_NUM_CANDIDATES.value, seed=_SEED.value
        )
    except ValueError as error:
        raise job.ConfigError(f"The --simulation_ flags describe no simulation: {error}") from error


def _simulate(config: AnalyzeSimilarityConfig) -> tuple[dict, dict[str, bytes]]:
    with (
        job.stage("Simulating") as counts,
        progress.progress_bar(similarity_simulation.NUM_STEPS, "Simulating", "step") as bar,
    ):
        result, maps = similarity_simulation.analyze(config.law, config.settings, bar.update)
        counts.update(interactions=result["num_interactions"], maps=len(maps))
    for remark in result["remarks"]:
        logging.info("%s", remark)
    return result, {each.name: similarity_figures.heat_map(each.title, each.similarities) for each in maps}


def _analyze_models(config: AnalyzeSimilarityConfig) -> dict:
    data = prepared_data.read_prepared_data(config.prepared_dir)
    questions = offline_evaluation.held_out(data, _SPLIT)
    counts = data.training_counts()
    with job.stage("Analysing the models") as stage:
        embeddings = [
            similarity_of_towers.read_embeddings(each, data, questions)
            for each in (config.model_dir, *config.other_model_dirs)
        ]
        towers = [
            similarity_of_towers.analyze(each, [other for other in embeddings if other is not each], questions, counts)
            for each in embeddings
        ]
        stage.update(models=len(towers), questions=len(questions.examples))
    if not config.linear_remedies:
        return {"split": _SPLIT, "models": towers}
    with (
        job.stage("Fitting linear models with each remedy"),
        progress.progress_bar(similarity_of_linear_models.NUM_STEPS, "Fitting", "remedy") as bar,
    ):
        remedies = similarity_of_linear_models.analyze(data, questions, bar.update)
    return {"split": _SPLIT, "models": towers, "linear_models": remedies}


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required([common_flags.OUTPUT_DIR.name])
    app.run(main)


if __name__ == "__main__":
    console_main()
