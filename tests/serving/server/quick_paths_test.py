from serving.server import quick_paths

_PATH = "/v1/models/small:predict"


def _note(paths, seconds, number=1, has_waited=False, path=_PATH):
    for _ in range(number):
        paths.note(path, seconds, has_waited)


def test_a_path_is_quick_after_a_hundred_quick_answers():
    paths = quick_paths.QuickPaths()
    assert _PATH not in paths
    _note(paths, 0.0001, 99)
    assert _PATH not in paths
    _note(paths, 0.0001)
    assert _PATH in paths
    assert "/v1/models/other:predict" not in paths


def test_one_long_answer_or_one_that_waited_takes_a_hundred_to_be_forgotten():
    for seconds, has_waited in ((0.003, False), (60.0, False), (0.0001, True)):
        paths = quick_paths.QuickPaths()
        _note(paths, 0.0001, 200)
        _note(paths, seconds, has_waited=has_waited)
        _note(paths, 0.0001, 99)
        assert _PATH not in paths
        _note(paths, 0.0001)
        assert _PATH in paths


def test_the_mean_decides():
    paths = quick_paths.QuickPaths()
    _note(paths, 0.0004, 500)
    assert _PATH not in paths
    _note(paths, 0.0001, 100)
    assert _PATH in paths
    _note(paths, 0.0015)
    assert _PATH in paths
    _note(paths, 0.0015, 10)
    assert _PATH not in paths


def test_paths_are_forgotten_before_they_fill_the_memory():
    paths = quick_paths.QuickPaths()
    _note(paths, 0.0001, 100)
    for number in range(999):
        _note(paths, 0.0001, path=f"/v1/models/small/versions/{number}:predict")
    assert _PATH in paths
    _note(paths, 0.0001, path="/v1/models/small/versions/1000:predict")
    # The oldest goes first.
    assert _PATH not in paths


def test_a_path_that_held_up_the_loop_is_never_quick_again_and_after_eight_none_is():
    paths = quick_paths.QuickPaths()
    _note(paths, 0.0001, 200)
    paths.ban(_PATH)
    _note(paths, 0.0001, 200)
    assert _PATH not in paths
    other = "/v1/models/other:predict"
    _note(paths, 0.0001, 200, path=other)
    for number in range(6):
        paths.ban(f"/v1/models/{number}:predict")
    assert other in paths
    paths.ban("/v1/models/7:predict")
    assert other not in paths
