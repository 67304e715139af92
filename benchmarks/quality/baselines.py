"""What is asked beside the model in the same run: counts, and models that others would train."""

import pathlib
from collections.abc import Callable, Mapping

from benchmarks import test_split_ledger
from benchmarks.quality import answers, kept_results, tfrs_two_tower
from benchmarks.quality.datasets import Dataset
from benchmarks.quality.questions import MAIN, questions_of
from pipelines import job, offline_evaluation, prepared_data, source_digest
from pipelines.comparison import baselines as comparison_baselines
from pipelines.comparison import choosing
from pipelines.comparison import questions as questions_lib
from tfrs_model.baselines import ease, own_frequency, scorer
from tfrs_model.baselines import popularity as popularity_lib
from tfrs_model.baselines import recent_popularity as recent_popularity_lib

RECENT_DAYS = 28

_CODE = (
    *kept_results.CODE,
    "benchmarks/quality/baselines.py",
    "benchmarks/quality/tfrs_two_tower.py",
    "pipelines/comparison/baselines.py",
    "pipelines/comparison/choosing.py",
    "pipelines/comparison/questions.py",
)

# Returns the prepared data to ask a split from.
Prepared = Callable[[str], prepared_data.PreparedData]
Baseline = Callable[[Dataset, Prepared, str, int], kept_results.Result]


def popularity(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Ranks by training interactions."""
    return _ask_all(dataset, prepared(split), split, popularity_lib.Popularity())


def recent_popularity(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Ranks by the training interactions of the last `RECENT_DAYS` days."""
    fitted = recent_popularity_lib.RecentPopularity(RECENT_DAYS)
    return _ask_all(dataset, prepared(split), split, fitted, recent_days=RECENT_DAYS)


def own_frequent(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Ranks by how often the query itself chose a candidate, then by training interactions.

    What is new to a query is nothing that it chose before: the main questions are left to `popularity`.
    """
    return _ask_all(dataset, prepared(split), split, own_frequency.OwnFrequency(), left_out=(MAIN,))


def ease_r(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Fits EASE-R with the penalty that is best on validation by the headline metric."""
    data = prepared("validation")

    def validate(parameters: Mapping[str, float]) -> dict[str, float]:
        found = _ease(dataset, data, "validation", **parameters).figures
        return {name: found[name] for name in dataset.metrics}

    settings = comparison_baselines.BASELINES["ease"].parameter_sets
    chosen, tried = choosing.choose("ease", settings, dataset.metrics[0], validate)
    answered = _ease(dataset, prepared(split), split, **chosen)
    return kept_results.result_of({MAIN: answered}, **chosen, on_validation=list(tried))


def tfrs(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Trains the tutorial model of TensorFlow Recommenders with counted logQ; no history, so ties are nothing to it."""
    data = prepared(split)
    options = tfrs_two_tower.TutorialOptions()
    queries, corpus, _ = tfrs_two_tower.fit(data, seed, options)
    questions = questions_of(dataset, data, split)[MAIN]
    answered = answers.by_embeddings(
        questions, queries[questions.examples.query_rows], corpus, data.training_counts() > 0, dataset.metrics
    )
    return kept_results.result_of({MAIN: answered}, seed=seed)


BASELINES: dict[str, Baseline] = {
    "popularity": popularity,
    "recent_popularity": recent_popularity,
    "own_frequent": own_frequent,
    "ease": ease_r,
    "tfrs_two_tower": tfrs,
}
# Those that draw at random.
SEEDED = ("tfrs_two_tower",)


def run_baseline(
    dataset: Dataset, name: str, seed: int, prepared: Prepared, directory: pathlib.Path, split: str
) -> kept_results.Result:
    """Returns what a baseline answers to a split, kept as that of a variant is; a look at test is noted first."""
    origin = {
        "seed": seed,
        "metrics": dataset.metrics,
        "data": prepared(split).manifest_sha256,
        "source": source_digest.source_sha256(*_CODE),
    }

    def make() -> kept_results.Result:
        if split == "test":
            test_split_ledger.note(dataset.name, name, seed, *_CODE)
        with job.stage(f"Asking {name}, seed {seed}, for {split}"):
            return BASELINES[name](dataset, prepared, split, seed)

    return kept_results.keep(directory, split, origin, make)


def _ask_all(
    dataset: Dataset,
    data: prepared_data.PreparedData,
    split: str,
    baseline: popularity_lib.Popularity | recent_popularity_lib.RecentPopularity | own_frequency.OwnFrequency,
    left_out: tuple[str, ...] = (),
    **about: object,
) -> kept_results.Result:
    """Returns what a baseline answers to all questions but those left out."""
    fitted = baseline.fit(questions_lib.training_interactions(data))
    asked = {name: each for name, each in questions_of(dataset, data, split).items() if name not in left_out}
    return kept_results.result_of({name: _ask(dataset, data, fitted, each) for name, each in asked.items()}, **about)


def _ease(dataset: Dataset, data: prepared_data.PreparedData, split: str, penalty: float) -> answers.Answers:
    fitted = ease.EaseR(penalty).fit(questions_lib.training_interactions(data))
    return _ask(dataset, data, fitted, questions_of(dataset, data, split)[MAIN])


def _ask(
    dataset: Dataset, data: prepared_data.PreparedData, fitted: scorer.Scorer, asked: offline_evaluation.Questions
) -> answers.Answers:
    states = questions_lib.query_states_of(asked, data, "visible")
    about = data.training_counts() > 0, dataset.metrics
    if isinstance(fitted, scorer.InnerProductScorer):
        return answers.by_embeddings(asked, fitted.embed_queries(states), fitted.candidate_embeddings, *about)
    return answers.by_scores(asked, lambda begin, end: fitted.scores(states.part(begin, end)), *about)
