import tensorflow as tf

from pipelines import training_curves

_RECORDS = [
    {"epoch": 1, "loss": 3.0, "seconds": 1.0, "validation": {"recall_at_10": 0.1}},
    {"epoch": 2, "loss": 2.0, "seconds": 1.0, "validation": {"recall_at_10": 0.2}},
]


def _points_of(path):
    """Returns every point of an event file, doubles included, as (name, step, value)."""
    return [
        (value.tag, event.step, round(float(tf.make_ndarray(value.tensor)), 4))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]


def _points(directory):
    return sorted(point for path in (directory / "train").glob("*tfevents*") for point in _points_of(path))


def _train(directory, records, epochs):
    curves = training_curves.TrainingCurves(lambda: records, directory)
    curves.on_train_begin()
    for record in epochs:
        curves.on_epoch_end(record["epoch"] - 1, {"loss": record["loss"], "validation_recall_at_10": 0.5})
    return curves


def test_a_point_is_in_the_file_before_the_next_epoch(tmp_path):
    _train(tmp_path, [], _RECORDS[:1])
    assert _points(tmp_path) == [("epoch_loss", 0, 3.0), ("epoch_validation_recall_at_10", 0, 0.5)]


def test_a_resumed_run_continues_the_axis_and_doubles_nothing(tmp_path):
    _train(tmp_path, [], _RECORDS[:1])
    _train(tmp_path, _RECORDS[:1], _RECORDS[1:])
    assert [point for point in _points(tmp_path) if point[0] == "epoch_loss"] == [
        ("epoch_loss", 0, 3.0),
        ("epoch_loss", 1, 2.0),
    ]


def test_what_a_killed_run_had_not_written_comes_from_the_checkpoint(tmp_path):
    _train(tmp_path, [], _RECORDS[:1])
    (file,) = (tmp_path / "train").iterdir()
    file.write_bytes(file.read_bytes()[:-7])  # Of the last point, that of recall.
    _train(tmp_path, _RECORDS, [])
    (resumed,) = set((tmp_path / "train").iterdir()) - {file}
    assert _points_of(resumed) == [("epoch_loss", 1, 2.0), ("epoch_validation_recall_at_10", 1, 0.2)]


def test_a_run_without_validation_has_its_loss(tmp_path):
    _train(tmp_path, [{**_RECORDS[0], "validation": None}], [])
    assert _points(tmp_path) == [("epoch_loss", 0, 3.0)]


def test_discarding_leaves_what_others_put_beside_the_curves(tmp_path):
    _train(tmp_path, [], _RECORDS[:1])
    (tmp_path / "train" / "notes.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "events.out.tfevents.1").write_text("theirs")
    training_curves.discard(tmp_path)
    kept = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert kept == ["other/events.out.tfevents.1", "train/notes.txt"]
