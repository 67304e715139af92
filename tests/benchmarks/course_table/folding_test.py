import numpy as np

from benchmarks.course_table import folding
from pipelines import folding_models


def test_it_holds_where_positives_alone_fold_and_nothing_else_does(monkeypatch):
    def fit(log, options, dose, seed):
        queries = np.eye(8, dtype=np.float32)[np.arange(480) // 60]
        candidates = np.eye(8, dtype=np.float32)[np.arange(320) // 40]
        return folding_models.Embeddings(queries, candidates if dose else 1.0 - candidates)

    monkeypatch.setattr(folding_models, "FITS", dict.fromkeys(folding_models.FITS, fit))
    result = folding.measure(1)
    assert [row["foreign_share"] for row in result["rows"]] == [1.0, 0.0, 0.0]
    assert result["holds"]
    monkeypatch.setattr(folding_models, "FITS", dict.fromkeys(folding_models.FITS, lambda *args: fit(*args[:2], 0, 0)))
    assert not folding.measure(1)["holds"]
