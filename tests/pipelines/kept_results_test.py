import numpy as np
import pytest

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


def _tear(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: _tear(folder / "test.npz"),
        lambda folder: (folder / "test.npz").unlink(),
        lambda folder: np.savez(folder / "test.npz", ranks=np.array([7])),
        lambda folder: _tear(folder / "test.json"),
        lambda folder: (folder / "test.json").write_text("[3]", encoding="utf-8"),
        lambda folder: (folder / "test.json").write_text('{"mrr": 0.5}', encoding="utf-8"),
    ],
    ids=["torn arrays", "no arrays", "other arrays", "torn figures", "a list", "an object of something else"],
)
def test_a_result_whose_files_are_not_as_they_were_written_is_made_again(tmp_path, harm):
    kept_results.keep(tmp_path, "test", {"a": 1}, _Maker(ranks=np.array([1, 2, 3])))
    harm(tmp_path)
    make = _Maker(ranks=np.array([4]))
    for _ in range(2):
        assert kept_results.keep(tmp_path, "test", {"a": 1}, make).arrays["ranks"].tolist() == [4]
    assert make.num_calls == 1


def test_a_full_disk_leaves_no_half_written_arrays(tmp_path, monkeypatch):
    def refuse(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        kept_results.keep(tmp_path, "test", {"a": 1}, _Maker(ranks=np.array([1])))
    assert list(tmp_path.iterdir()) == []


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
    folder.mkdir()
    _tear(begun)
    kept_results.continue_or_discard(folder, begun, {"seed": 2, "units": (1, 2)})
    assert not folder.exists()
