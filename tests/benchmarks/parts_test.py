import pytest

from benchmarks import parts
from pipelines import job


def test_an_unknown_part_is_refused_with_the_known_ones():
    parts.require_known("parts", ("loss",), ("loss", "fit"))
    with pytest.raises(job.ConfigError, match="--parts must be some of loss, fit, but 'fits' is among them"):
        parts.require_known("parts", ("loss", "fits"), ("loss", "fit"))


def test_all_holds_only_if_every_part_does_and_each_is_shown():
    functions = {"first": lambda: {"holds": True}, "second": lambda: {"holds": False}}
    result = parts.measure("both", functions)
    assert not result["holds"]
    assert set(result["seconds"]) == {"first", "second"}
    assert parts.measure("one", {"first": functions["first"]})["holds"]


def test_a_table_has_a_line_for_each_row_and_the_limits_at_its_head(capsys):
    part = {
        "default": [0.03, 0.06],
        "rows": [{"ratio": 0.5, "seeds": 1200, "at": None, "fits": True}],
        "holds": False,
    }
    lines = ["switch: DOES NOT HOLD", "    default 0.0300 0.0600", "    ratio 0.5000  seeds 1,200  at -  fits yes"]
    assert parts.table("switch", part).splitlines() == lines
    parts.measure("one", {"switch": lambda: part})
    assert capsys.readouterr().err.splitlines()[-3:] == lines
