"""Whether the factorisation and the softmax fold."""

import statistics

from pipelines import folding_models, study_folding
from tfrs_model.diagnostics import planted_groups

# What is fitted, and with which dose.
_ROWS = {
    "wals, positives only": ("unobserved_weight", 0.0),
    "wals, unobserved weight .1": ("unobserved_weight", 0.1),
    "softmax dnn": ("full_softmax", 1.0),
}


def measure(num_seeds: int = 3) -> dict:
    """Returns the mean foreign share of each, with the least and the most of the seeds."""
    planted, options = planted_groups.PlantedGroups(), folding_models.FitOptions()
    rows = []
    for name, (fit, dose) in _ROWS.items():
        shares = []
        for seed in range(num_seeds):
            fitted = folding_models.FITS[fit](planted.interactions(seed), options, dose, seed)
            measured = study_folding.foreign_share(planted, fitted, seed)
            shares.append(measured["foreign_share"])
        mean = statistics.fmean(shares)
        rows.append({"model": name, "foreign_share": mean, "lowest": min(shares), "highest": max(shares)})
    folded, *cured = rows
    return {
        "chance": measured["chance"],
        "rows": rows,
        "holds": folded["lowest"] > study_folding.FOLDED_SHARE
        and all(each["highest"] < study_folding.CURED_SHARE for each in cured),
    }
