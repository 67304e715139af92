"""What is asked beside the model in the same run: counts, and models that others would train."""

import pathlib
from collections.abc import Callable

import numpy as np

from benchmarks import test_split_ledger
from benchmarks.quality import answers, kept_results, tfrs_two_tower
from benchmarks.quality.datasets import Dataset
from benchmarks.quality.questions import MAIN, questions_of
from pipelines import job, offline_evaluation, prepared_data, source_digest
from tfrs_model.baselines import ease

RECENT_DAYS = 28
EASE_PENALTIES = (100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0, 20000.0)

_CODE = (
    *kept_results.CODE,
    "benchmarks/quality/baselines.py",
    "benchmarks/quality/tfrs_two_tower.py",
)
_MICROSECONDS_PER_DAY = 24 * 3600 * 1_000_000

# Returns the prepared data to ask a split from.
Prepared = Callable[[str], prepared_data.PreparedData]
Baseline = Callable[[Dataset, Prepared, str, int], kept_results.Result]


def popularity(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Ranks by training interactions."""
    data = prepared(split)
    return _by_counts(dataset, data, split, data.training_counts())


def recent_popularity(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Ranks by the training interactions of the last `RECENT_DAYS` days."""
    data = prepared(split)
    return _by_counts(dataset, data, split, recent_counts(data, RECENT_DAYS), recent_days=RECENT_DAYS)


def own_frequent(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Ranks by how often the query itself chose a candidate, then by training interactions.

    What is new to a query is nothing that it chose before: the main questions are left to `popularity`.
    """
    data = prepared(split)
    examples, counts = data.examples("train"), data.training_counts()
    num_candidates = len(counts)
    begin = np.searchsorted(examples.query_rows, np.arange(data.queries.num_rows + 1))
    is_known = counts > 0

    def answer(questions: offline_evaluation.HeldOutQueries) -> answers.Answers:
        queries = questions.examples.query_rows

        def scores(first: int, last: int) -> np.ndarray:
            own = [examples.candidate_rows[begin[row] : begin[row + 1]] for row in queries[first:last]]
            # A share below 1, so that popularity orders what was chosen as often.
            return np.stack([np.bincount(rows, minlength=num_candidates) for rows in own]) + counts / (counts.sum() + 1)

        return answers.by_scores(questions, scores, is_known, dataset.metrics)

    others = {name: each for name, each in questions_of(dataset, data, split).items() if name != MAIN}
    return kept_results.result_of({name: answer(questions) for name, questions in others.items()})


def ease_r(dataset: Dataset, prepared: Prepared, split: str, seed: int) -> kept_results.Result:
    """Fits EASE-R with the penalty that is best on validation by the headline metric."""
    data, headline = prepared("validation"), dataset.metrics[0]
    found = {each: _ease(dataset, data, "validation", each).figures for each in EASE_PENALTIES}
    penalty = max(found, key=lambda each: found[each][headline])
    answered = _ease(dataset, prepared(split), split, penalty)
    by_penalty = [{"penalty": each, **{name: found[each][name] for name in dataset.metrics}} for each in found]
    return kept_results.result_of({MAIN: answered}, penalty=penalty, on_validation=by_penalty)


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


def recent_counts(data: prepared_data.PreparedData, num_days: int) -> np.ndarray:
    """Returns `[num_candidates]` training interactions of the last so many days of training."""
    examples = data.examples("train")
    is_recent = examples.timestamps > examples.timestamps.max() - num_days * _MICROSECONDS_PER_DAY
    return np.bincount(examples.candidate_rows[is_recent], minlength=data.corpus.num_rows)


def _by_counts(
    dataset: Dataset, data: prepared_data.PreparedData, split: str, counts: np.ndarray, **about: object
) -> kept_results.Result:
    corpus, is_known = counts.astype(np.float32)[:, np.newaxis], data.training_counts() > 0

    def answer(questions: offline_evaluation.Questions) -> answers.Answers:
        ones = np.ones([len(questions.examples), 1], np.float32)
        return answers.by_embeddings(questions, ones, corpus, is_known, dataset.metrics)

    return kept_results.result_of(
        {name: answer(questions) for name, questions in questions_of(dataset, data, split).items()}, **about
    )


def _ease(dataset: Dataset, data: prepared_data.PreparedData, split: str, penalty: float) -> answers.Answers:
    examples = data.examples("train")
    chosen = np.zeros([data.queries.num_rows, data.corpus.num_rows], np.float32)
    chosen[examples.query_rows, examples.candidate_rows] = 1.0
    weights = ease.item_weights(chosen, penalty)
    questions = questions_of(dataset, data, split)[MAIN]
    queries = questions.examples.query_rows
    return answers.by_scores(
        questions,
        lambda begin, end: chosen[queries[begin:end]] @ weights,
        data.training_counts() > 0,
        dataset.metrics,
    )
