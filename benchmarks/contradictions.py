"""What transitive contradictions do to cosine and inner product, in one JSON line.

    python -m benchmarks.contradictions

Two queries like candidate p1, and only one of them p2: a cosine of 1 for each
like, all vectors then being one, leaves none of 0 for the dislike. Five objectives
are trained on a log full of this and on two copies without it, of the same label
mix: `own_text`, where each positive's query reads its candidate's own text, and
`candidate_texts`, where the negatives' queries read other candidates' texts too, so
that neither side alone gives the label away. Final training losses stand beside the
loss of predicting the query's, or the candidate's, own CTR, in the same loss.

    share_left = final loss / smaller of the two CTR losses, both with contradictions

The copies are measured by the same unit. Expected, and held against the figures: cosine
with squared error keeps most of that loss with contradictions, inner product with
sigmoid and cross entropy next to nothing, and every objective nothing on the copies.

How much a cosine keeps depends on how many candidates each query was shown: cosines
come from vectors of length 1, and k unrelated labels for each can be told apart only
by margins of the order 1 / sqrt(k). A single contradiction is bent round, four vectors at
29 degrees costing .0125 where the CTRs cost .125, and so is a log of few pairs:
`densities` shows from where on it is not. Four times the steps and two and a half times
the width take less than 1% off what the cosine keeps of a full log. It is fitting that
is measured, since the labels are noise beyond the CTRs; `explained_by_rates` is the share
of the predictions' variance that these explain.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks import contradiction_arms, contradiction_log
from pipelines import job, progress, text_table

_NUM_SEEDS = flags.DEFINE_integer("contradiction_num_seeds", 3, "Seeds of each figure, from 0.", lower_bound=1)

# The first holds the contradictions, and gives the others their unit.
_LOGS = {
    "contradictions": lambda log: log,
    "own_text": contradiction_log.with_own_text,
    "candidate_texts": contradiction_log.with_candidate_texts,
}
_SHOWN = ("cosine_squared", "dot_cross_entropy")
# Of `share_left`: at least this much is a stall, and at most that much a fit.
_STALL = 0.75
_FIT = 0.05


@dataclasses.dataclass(frozen=True)
class ContradictionsConfig:
    """What is trained.

    Attributes:
      num_seeds: logs and initial weights of each figure.
      log: how large the logs are.
      training: how each objective is trained.
      densities: candidates shown to each query, each a log of its own.
    """

    num_seeds: int = 3
    log: contradiction_log.LogSizes = dataclasses.field(default_factory=contradiction_log.LogSizes)
    training: contradiction_arms.TrainingSizes = dataclasses.field(default_factory=contradiction_arms.TrainingSizes)
    densities: tuple[int, ...] = (4, 16, 64)

    def __post_init__(self) -> None:
        if self.num_seeds < 1:
            raise job.ConfigError(f"--contradiction_num_seeds must be >= 1, but is {self.num_seeds}.")


def config_from_flags() -> ContradictionsConfig:
    """Returns the configuration that the flags describe."""
    return ContradictionsConfig(_NUM_SEEDS.value)


def run(config: ContradictionsConfig) -> dict:
    """Trains every arm on every log and seed; returns the JSON line's object."""
    started = time.monotonic()
    tf.config.experimental.enable_op_determinism()
    num_runs = config.num_seeds * (len(_LOGS) * len(contradiction_arms.ARMS) + len(config.densities) * len(_SHOWN))
    with job.stage("Training"), progress.progress_bar(num_runs, "Training", "run") as bar:
        by_seed = [_one_seed(config, seed, bar.update) for seed in range(config.num_seeds)]
    rows = {
        name: [_median_row([one["rows"][name][arm] for one in by_seed]) for arm in contradiction_arms.ARMS]
        for name in _LOGS
    }
    densities = [_median_row(list(same)) for same in zip(*(one["densities"] for one in by_seed), strict=True)]
    expectations = judge(rows)
    return {
        "benchmark": "contradictions",
        "seeds": config.num_seeds,
        "log_sizes": dataclasses.asdict(config.log),
        "training_sizes": dataclasses.asdict(config.training),
        "logs": by_seed[0]["logs"],
        "rows": rows,
        "densities": densities,
        "pairs": by_seed[0]["pairs"],
        "limits": {"stall": _STALL, "fit": _FIT},
        "expectations": expectations,
        "holds": all(expectations.values()),
        "seconds": round(time.monotonic() - started, 1),
    }


def judge(rows: Mapping[str, list[dict]]) -> dict[str, bool]:
    """Returns what was expected, and whether the medians say so.

    Args:
      rows: by log, one for each arm, with `arm` and `share_left`.
    """
    shares = {name: {row["arm"]: row["share_left"] for row in of_log} for name, of_log in rows.items()}
    torn, *copies = (shares[name] for name in _LOGS)
    return {
        "cosine_with_squared_error_stalls_at_the_rates": torn["cosine_squared"] >= _STALL,
        "product_with_cross_entropy_fits_contradictions": torn["dot_cross_entropy"] <= _FIT,
        "every_arm_fits_the_copies": all(share <= _FIT for copy in copies for share in copy.values()),
    }


def _one_seed(config: ContradictionsConfig, seed: int, advance) -> dict:
    log = contradiction_log.draw_log(config.log, seed)
    rows, pairs = {}, {}
    for name, change in _LOGS.items():
        changed, rows[name] = change(log), {}
        for arm in contradiction_arms.ARMS:
            trained, rows[name][arm] = _train(config, changed, log, arm, seed)
            if name == "contradictions" and arm in _SHOWN:
                pairs[arm] = _pair_rows(trained, changed)
            advance()
    densities = []
    for pairs_per_query in config.densities:
        sparse = contradiction_log.draw_log(dataclasses.replace(config.log, pairs_per_query=pairs_per_query), seed)
        for arm in _SHOWN:
            densities.append({"pairs_per_query": pairs_per_query, **_train(config, sparse, sparse, arm, seed)[1]})
            advance()
    logs = {name: _describe(change(log)) for name, change in _LOGS.items()}
    return {"rows": rows, "densities": densities, "pairs": pairs, "logs": logs}


def _train(
    config: ContradictionsConfig,
    log: contradiction_log.PairLog,
    original: contradiction_log.PairLog,
    arm: str,
    seed: int,
) -> tuple[contradiction_arms.TrainedArm, dict]:
    """Returns the trained towers and a row of figures; `original` is the log that gives the unit."""
    trained = contradiction_arms.train(log, contradiction_arms.ARMS[arm], config.training, seed)
    of_query, of_candidate = _rate_losses(log, arm)
    return trained, {
        "arm": arm,
        "loss": trained.loss,
        "query_rate_loss": of_query,
        "candidate_rate_loss": of_candidate,
        "share_left": trained.loss / min(_rate_losses(original, arm)),
        "explained_by_rates": contradiction_arms.explained_by_rates(trained.predictions, log),
    }


def _rate_losses(log: contradiction_log.PairLog, arm: str) -> tuple[float, float]:
    loss = contradiction_arms.ARMS[arm].loss_of_prediction
    of_query, of_candidate = (
        loss(contradiction_log.click_through_rate(log, side), log.labels) for side in ("query", "candidate")
    )
    return of_query, of_candidate


def _median_row(rows: list[dict]) -> dict:
    """Returns the median of each figure over the seeds; what is the same for all of them stays."""
    medians = {
        name: float(np.median([row[name] for row in rows])) if isinstance(value, float) else value
        for name, value in rows[0].items()
    }
    return {**medians, "loss_of_seeds": [row["loss"] for row in rows]}


def _describe(log: contradiction_log.PairLog) -> dict:
    contradictions = contradiction_log.contradictions_of_pairs(log)
    negatives = log.labels == 0.0
    return {
        "num_pairs": len(log.labels),
        "positive_share": float(np.mean(log.labels, dtype=np.float64)),
        "contradicted_share_of_negatives": float(np.mean(contradictions[negatives] > 0)),
        "num_contradictions": int(contradictions.sum()),
    }


def _pair_rows(trained: contradiction_arms.TrainedArm, log: contradiction_log.PairLog) -> list[dict]:
    """Returns a contradiction's four pairs as the trained towers see them."""
    lengths = np.linalg.norm(trained.candidate_embeddings, axis=1)
    rows = []
    for row in contradiction_log.first_contradiction(log):
        query, candidate = log.pairs[row]
        left, right = trained.query_embeddings[query], trained.candidate_embeddings[candidate]
        dot = float(left @ right)
        rows.append(
            {
                "query": str(log.query_texts[query, 0]),
                "label": int(log.labels[row]),
                "candidate": str(log.candidate_texts[candidate, 0]),
                "dot": dot,
                "sigmoid": float(1.0 / (1.0 + np.exp(-dot))),
                "cosine": dot / float(np.linalg.norm(left) * lengths[candidate]),
                "relative_length": float(lengths[candidate] / lengths.mean()),
            }
        )
    return rows


def table(result: Mapping) -> str:
    """Returns the result as lines of text: each log, the densities, the pairs, and what was expected."""
    return "\n".join(_lines(result))


def _lines(result: Mapping) -> Iterator[str]:
    columns = ("loss", "query_rate_loss", "candidate_rate_loss", "share_left", "explained_by_rates")
    for name, rows in result["rows"].items():
        log = result["logs"][name]
        yield (
            f"{name}: {log['num_pairs']:,} pairs, {log['positive_share']:.1%} positive, "
            f"{log['contradicted_share_of_negatives']:.1%} of the negatives contradicted"
        )
        yield from _grid(rows, ("arm", *columns))
    yield "densities: cosine against product by the number of candidates that a query was shown"
    yield from _grid(result["densities"], ("pairs_per_query", "arm", *columns))
    for arm, pairs in result["pairs"].items():
        free = "; lengths are left to chance" if arm.startswith("cosine") else ""
        yield f"pairs: a contradiction as {arm} leaves it, seed 0{free}"
        yield from _grid(pairs, tuple(pairs[0]))
    for claim, holds in result["expectations"].items():
        yield f"{claim.replace('_', ' ')}: {'holds' if holds else 'DOES NOT HOLD'}"


def _grid(rows: list[dict], columns: tuple[str, ...]) -> Iterator[str]:
    cells = [columns, *(tuple(_text(row[name]) for name in columns) for row in rows)]
    yield from (f"    {line}" for line in text_table.aligned(cells))


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _print(result: dict) -> None:
    print(table(result), file=sys.stderr)
    print(json.dumps(result))


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: _print(run(config_from_flags())), argv)


if __name__ == "__main__":
    app.run(main)
