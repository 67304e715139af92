"""Every metric of ranks beside trec_eval, NIST's reference, on the same scores with the same ties."""

import platform

import numpy as np
import pytest

from tfrs_model import metrics
from tfrs_model.metrics import relevance

_KS = (1, 3, 10, 20, 50)
_NAMES = {"recall": "recall", "ndcg": "ndcg_cut", "precision": "P", "hit_rate": "success", "map": "map_cut"}
_ON_X86 = platform.machine() == "x86_64"

pytestmark = pytest.mark.skipif(not _ON_X86, reason="pytrec-eval-terrier has wheels for x86-64 alone")


def _by_trec_eval(scores, targets):
    """Asks trec_eval, which orders equal scores by name backwards: targets have names that put them last."""
    import pytrec_eval

    names = [
        {row: f"{'target' if row in of_question else 'way_above'}_{row}" for row in range(scores.shape[1])}
        for of_question in targets
    ]
    judged = {str(i): {names[i][row]: 1 for row in of_question} for i, of_question in enumerate(targets)}
    run = {str(i): {names[i][row]: float(score) for row, score in enumerate(each)} for i, each in enumerate(scores)}
    measures = {f"{name}.{','.join(map(str, _KS))}" for name in _NAMES.values()} | {"recip_rank"}
    found = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(run)
    return [found[str(i)] for i in range(len(targets))]


def _ranks(scores, targets):
    """Counts, for each target: itself, all that score more, and those that score the same and are no targets."""
    ranks = []
    for of_question, each in zip(targets, scores, strict=True):
        others = np.setdiff1d(np.arange(len(each)), of_question)
        for row in of_question:
            before = [t for t in of_question if (each[t], t) > (each[row], row)]
            ranks.append(1 + np.sum(each[others] >= each[row]) + len(before))
    return metrics.TargetRanks(ranks, np.cumsum([0, *map(len, targets)]))


@pytest.mark.parametrize("num_scores", [1, 5, 40, 10_000])
def test_metrics_are_those_of_trec_eval_on_scores_with_ties(num_scores):
    generator = np.random.default_rng(num_scores)
    num_questions, num_candidates = 60, 80
    # From all equal to hardly any; whole numbers, as trec_eval keeps scores in single precision.
    scores = generator.integers(0, num_scores, [num_questions, num_candidates])
    targets = [
        generator.permutation(num_candidates)[: generator.integers(1, 30)].tolist() for _ in range(num_questions)
    ]
    values, expected = relevance.measure(_ranks(scores, targets), _KS), _by_trec_eval(scores, targets)
    num_targets = np.array([len(each) for each in targets])
    for k in _KS:
        for metric, name in _NAMES.items():
            theirs = np.array([each[f"{name}_{k}"] for each in expected])
            # Theirs divides by all targets, ours by those that k places can hold.
            theirs *= num_targets / np.minimum(k, num_targets) if metric == "map" else 1.0
            np.testing.assert_allclose(
                values[f"{metric}_at_{k}"], theirs, rtol=0, atol=1e-9, err_msg=f"{metric} at {k}"
            )
    np.testing.assert_allclose(values["mrr"], [each["recip_rank"] for each in expected], rtol=0, atol=1e-9)


def test_ties_cannot_flatter_a_constant_model():
    num_candidates, targets = 80, [[3], [0, 1, 2], list(range(30))]
    values = relevance.measure(_ranks(np.zeros([3, num_candidates]), targets), [10, 50])
    # With all 80 candidates equal, n targets stand on the last n ranks: the third question's on 51 to 80.
    assert {np.max(values[name]) for name in values if name != "mrr"} == {0.0}
    np.testing.assert_allclose(values["mrr"], [1 / 80, 1 / 78, 1 / 51])
