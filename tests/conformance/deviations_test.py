"""Each deviation is as the table says: of our server exactly, of a foreign one either answer will do."""

import pytest

from tests.conformance import deviations


@pytest.mark.parametrize("deviation", deviations.DEVIATIONS, ids=lambda row: row.name)
def test_the_answer_is_that_of_the_table(endpoint, rest, prediction, deviation):
    answer = deviation.ask(rest, prediction)
    allowed = [deviation.ours] if endpoint.is_ours else [deviation.ours, deviation.upstream]
    assert any(each.covers(answer) for each in allowed), answer
