import pytest

from pipelines import job
from pipelines.comparison import choosing
from tfrs_model.baselines import linear_models

_SETS = ({"rank": 8}, {"rank": 2}, {"rank": 4})


def _refusing(*ranks):
    worth = {8: 0.3, 2: 0.3, 4: 0.2}

    def validate(parameters):
        if parameters["rank"] in ranks:
            raise linear_models.LinearModelError(f"rank {parameters['rank']} is too much.")
        return {"mrr": worth[parameters["rank"]], "other": 1.0}

    return validate


def test_the_best_is_chosen_and_of_equals_the_first():
    chosen, tried = choosing.choose("linear", _SETS, "mrr", _refusing())
    assert chosen == {"rank": 8}
    assert tried == tuple(
        {**each, "mrr": worth, "other": 1.0} for each, worth in zip(_SETS, (0.3, 0.3, 0.2), strict=True)
    )


def test_a_setting_that_the_data_refuse_is_noted_and_not_chosen():
    chosen, tried = choosing.choose("linear", _SETS, "mrr", _refusing(8))
    assert chosen == {"rank": 2}
    assert tried[0] == {"rank": 8, "refused": "rank 8 is too much."}


def test_data_that_refuse_every_setting_are_an_error():
    with pytest.raises(job.ConfigError, match=r"None of the 3 settings of linear suits .* rank 4 is too much\. Leave"):
        choosing.choose("linear", _SETS, "mrr", _refusing(8, 2, 4))


def test_any_other_error_is_the_callers():
    with pytest.raises(KeyError):
        choosing.choose("linear", _SETS, "recall", _refusing())
