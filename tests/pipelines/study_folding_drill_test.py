import pytest

from pipelines import study_folding

pytestmark = pytest.mark.drill


def test_positives_only_fold_and_each_cure_brings_the_foreign_share_below_2_percent(tmp_path):
    result = study_folding.run(study_folding.StudyFoldingConfig(str(tmp_path / "folding"), num_seeds=1))
    for name, cure in result["cures"].items():
        shares = [point["foreign_share"] for point in cure["doses"]]
        assert cure["doses"][0]["dose"] == 0
        assert shares[0] > 0.2, name
        assert min(shares) < 0.02, name
    assert [point["dose"] for point in result["cures"]["negatives_cross_entropy"]["doses"]] == [0, 1, 4, 16]
    assert {0.001, 0.01, 0.1, 1} <= {point["dose"] for point in result["cures"]["unobserved_weight"]["doses"]}
    assert result["full_softmax"]["foreign_share"] < 0.02
