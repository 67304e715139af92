"""Whether one model is better than another on the same questions, or only luckier in its seeds and questions."""

import numpy as np

_NUM_DRAWS = 1000


def interval(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Returns the 95% interval of the difference of two means over the same questions.

    A thousand times the seeds of either model and the questions of both are drawn again, so the
    interval covers what another training and another sample of questions would change. A
    difference whose interval holds 0 is noise.

    Args:
      ours: `[num_seeds, num_questions]` what each answer is worth, such as whether it is a hit.
      theirs: `[num_other_seeds, num_questions]` of the other model, question by question the same.
    """
    generator = np.random.default_rng(0)
    num_questions = ours.shape[1]
    differences = []
    for _ in range(_NUM_DRAWS):
        questions = generator.integers(0, num_questions, num_questions)
        means = [each[generator.integers(0, len(each), len(each))].mean(axis=0) for each in (ours, theirs)]
        differences.append(np.mean((means[0] - means[1])[questions]))
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)
