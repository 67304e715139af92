from pipelines.report import rivals

_TWO = {"model": {"mrr": 1}, "popularity": {"mrr": 1}}


def test_two_models_are_called_by_their_names_and_one_is_the_model():
    assert [each.name for each in rivals.rivals_of(_TWO)] == ["Model", "Popularity"]
    three = {**_TWO, "other_model": {"mrr": 1}}
    assert [each.name for each in rivals.rivals_of(three, ["a", "b"])] == ["a", "b", "Popularity"]
    assert [each.name for each in rivals.rivals_of(_TWO, ["a", "b"])] == ["Model", "Popularity"]
    assert rivals.rivals_of({}) == []


def test_no_two_are_drawn_alike():
    drawn = [each.marker_style for each in rivals.rivals_of({**_TWO, "other_model": {"mrr": 1}})]
    assert len({each["color"] for each in drawn}) == len({each["marker"] for each in drawn}) == 3
