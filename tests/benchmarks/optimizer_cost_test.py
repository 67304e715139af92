import json

import pytest

from benchmarks import optimizer_cost
from pipelines import job


def test_it_measures_every_optimizer_on_every_table_and_writes_json():
    config = optimizer_cost.OptimizerCostConfig((50, 200), touched_rows=10, parts_per_row=2, num_repeats=1)
    result = json.loads(json.dumps(optimizer_cost.run(config)))
    names = ["adam", "adagrad", "lazy_adam", "row_wise_adagrad", "stock adam", "stock adagrad"]
    assert [(row["optimizer"], row["table_rows"]) for row in result["rows"]] == [
        (name, num_rows) for name in names for num_rows in (50, 200)
    ]
    assert all(len(each) == 2 and min(each) > 0.0 for each in result["update_milliseconds"].values())
    # 64 floats of 4 bytes: two moments, one accumulator, two moments and a clock, one number.
    assert [row["state_bytes_per_row"] for row in result["rows"][:8:2]] == [512, 256, 516, 4]
    assert "row_wise_adagrad" in optimizer_cost.table(result)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"table_rows": (5, 5)}, r"--table_rows must rise, but are \(5, 5\)"),
        ({"touched_rows": 200_000}, r"--touched_rows must be in \[1, 100000\], the rows of the smallest table, but is"),
        ({"num_repeats": 0}, "num_repeats must be >= 1, but is 0"),
    ],
)
def test_values_out_of_range_are_refused_with_a_sentence(options, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        optimizer_cost.OptimizerCostConfig(**options)
