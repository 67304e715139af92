import numpy as np

from pipelines import kept_results


class _Maker:
    def __init__(self, **arrays):
        self.num_calls = 0
        self._arrays = arrays

    def __call__(self):
        self.num_calls += 1
        return kept_results.Result({"mrr": 0.5}, self._arrays)


def test_a_result_is_made_once_for_an_origin_and_again_for_another(tmp_path):
    make = _Maker(ranks=np.array([4, 2]), rows=np.array([[1], [-1]]))
    for _ in range(2):
        result = kept_results.keep(tmp_path / "run", "test", {"units": (1, 2)}, make)
        assert result.figures == {"mrr": 0.5}
        assert {name: each.tolist() for name, each in result.arrays.items()} == {"ranks": [4, 2], "rows": [[1], [-1]]}
    assert make.num_calls == 1
    kept_results.keep(tmp_path / "run", "validation", {"units": (1, 2)}, make)
    kept_results.keep(tmp_path / "run", "test", {"units": (1, 3)}, make)
    assert make.num_calls == 3


def test_a_result_without_arrays_does_not_inherit_those_of_another_origin(tmp_path):
    kept_results.keep(tmp_path, "test", {"a": 1}, _Maker(ranks=np.array([4, 2])))
    for _ in range(2):
        assert kept_results.keep(tmp_path, "test", {"a": 2}, _Maker()).arrays == {}


def test_a_result_whose_making_was_interrupted_is_made_again(tmp_path):
    kept_results.keep(tmp_path, "test", {"a": 1}, _Maker(ranks=np.array([1])))
    (tmp_path / "test.json").unlink()
    make = _Maker(ranks=np.array([2]))
    assert kept_results.keep(tmp_path, "test", {"a": 1}, make).arrays["ranks"].tolist() == [2]
    assert make.num_calls == 1


def test_what_was_begun_with_the_same_origin_is_left_and_of_another_removed(tmp_path):
    folder, begun = tmp_path / "work" / "model", tmp_path / "work" / "training.json"
    kept_results.continue_or_discard(folder, begun, {"seed": 1, "units": (1, 2)})
    folder.mkdir()
    kept_results.continue_or_discard(folder, begun, {"seed": 1, "units": (1, 2)})
    assert folder.exists()
    kept_results.continue_or_discard(folder, begun, {"seed": 2, "units": (1, 2)})
    assert not folder.exists()
    folder.mkdir()
    # Whatever nobody has noted the origin of.
    begun.unlink()
    kept_results.continue_or_discard(folder, begun, {"seed": 2, "units": (1, 2)})
    assert not folder.exists()
