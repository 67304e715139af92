from pipelines import text_table


def test_columns_are_as_wide_as_their_widest_cell():
    rows = [["", "recall", "why"], ["ours", "0.5", ""], ["popularity", "0.25", "no"]]
    assert text_table.aligned(rows, num_left=1) == [
        "            recall  why",
        "ours           0.5",
        "popularity    0.25   no",
    ]
    assert text_table.aligned([["a", "1"], ["bc", "10"]], num_left=2) == ["a   1", "bc  10"]


def test_markdown_has_a_rule_below_its_head():
    assert text_table.markdown(["a", "b"], [["1", ""]]) == "| a | b |\n| --- | --- |\n| 1 |  |"
