import numpy as np

from benchmarks.quality import kept_results
from benchmarks.quality.answers import Answers


class _Maker:
    def __init__(self, ranks=None):
        self.num_calls = 0
        self._ranks = ranks

    def __call__(self):
        self.num_calls += 1
        answers = {"main": Answers({"mrr": 0.5}, self._ranks), "apart": Answers({"mrr": 0.25})}
        return kept_results.result_of(answers, seed=3)


def test_a_result_is_made_once_for_an_origin_and_again_for_another(tmp_path):
    make = _Maker(np.array([4, 2]))
    for _ in range(2):
        result = kept_results.keep(tmp_path / "run", "test", {"units": (1, 2)}, make)
        assert result.figures == {"mrr": 0.5, "apart": {"mrr": 0.25}, "seed": 3}
        assert result.ranks.tolist() == [4, 2]
    assert make.num_calls == 1
    kept_results.keep(tmp_path / "run", "validation", {"units": (1, 2)}, make)
    kept_results.keep(tmp_path / "run", "test", {"units": (1, 3)}, make)
    assert make.num_calls == 3


def test_a_result_without_ranks_does_not_inherit_those_of_another_origin(tmp_path):
    kept_results.keep(tmp_path, "test", {"a": 1}, _Maker(np.array([4, 2])))
    for _ in range(2):
        assert kept_results.keep(tmp_path, "test", {"a": 2}, _Maker()).ranks is None


def test_a_result_whose_making_was_interrupted_is_made_again(tmp_path):
    kept_results.keep(tmp_path, "test", {"a": 1}, _Maker(np.array([1])))
    (tmp_path / "test.json").unlink()
    make = _Maker(np.array([2]))
    assert kept_results.keep(tmp_path, "test", {"a": 1}, make).ranks.tolist() == [2]
    assert make.num_calls == 1
