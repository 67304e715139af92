from pipelines.comparison import table


def test_the_table_has_a_row_for_each_system_and_the_difference_to_the_first():
    def figure(mean, low, high):
        return {"mean": mean, "low": low, "high": high}

    systems = [
        {"name": "ours", "mrr": figure(0.25, 0.2, 0.3), "coverage_at_10": 0.5},
        {
            "name": "popularity",
            "mrr": figure(0.125, 0.1, 0.15),
            "coverage_at_10": 0.0625,
            "minus_first": {"mrr": figure(-0.125, -0.2, -0.05)},
        },
    ]
    assert table.table(systems, ["mrr"]).splitlines() == [
        "                              mrr  coverage_at_10            mrr minus ours",
        "ours        0.2500 [0.200, 0.300]           0.500",
        "popularity  0.1250 [0.100, 0.150]           0.062  -0.1250 [-0.200, -0.050]",
    ]
