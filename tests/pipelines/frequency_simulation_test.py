import numpy as np
import pytest

from pipelines import frequency_simulation, frequency_streams

_PAPER = [frequency_simulation.paper(0.1, 1, 800)]


def _always_four_of_one():
    return frequency_streams.RepeatingIdStream("planted", 1, 4, 50, 0, 0.0)


def _small():
    return frequency_streams.RepeatingIdStream("planted", 20, 16, 50, 0, 1.0)


def _last(settings, stream, checkpoints, **options):
    return list(frequency_simulation.simulate(settings, stream, 0, checkpoints, **options))[-1]


def test_sizes_follow_from_the_bytes():
    setting = frequency_simulation.paper(0.01, 5, 40_000)
    assert (setting.num_hashes, setting.num_buckets, setting.num_bytes) == (5, 1000, 40_000)
    assert frequency_simulation.multiscale(40_000).num_buckets == 1250
    assert frequency_simulation.multiscale(40_000, num_hashes=2).num_buckets == 2500


@pytest.mark.parametrize(
    "setting", [frequency_simulation.multiscale(40_000), frequency_simulation.paper(0.01, 1, 40_000)]
)
def test_the_bytes_are_those_of_the_layer_but_for_a_few(setting):
    weights = setting.layer(0).weights
    num_bytes = sum(weight.dtype.size * weight.shape.num_elements() for weight in weights)
    assert setting.num_bytes <= num_bytes <= setting.num_bytes + 200


def test_four_copies_a_batch_read_as_four_or_by_the_paper_as_one():
    settings = [frequency_simulation.multiscale(800), frequency_simulation.paper(1.0, 1, 800)]
    step, estimates = _last(settings, _always_four_of_one(), [50])
    assert step == 50
    np.testing.assert_allclose(estimates, [[4.0], [1.0]], rtol=1e-6)


def test_reading_on_the_way_changes_nothing():
    np.testing.assert_array_equal(
        _last(_PAPER, _small(), [3, 17, 40])[1],
        _last(_PAPER, _small(), [40])[1],
    )


def test_how_many_steps_a_call_makes_changes_nothing_and_all_are_reported(monkeypatch):
    whole = _last(_PAPER, _small(), [40])[1]
    monkeypatch.setattr(frequency_simulation, "_DRAWS_PER_CALL", 16 * 7)
    advances = []
    np.testing.assert_array_equal(_last(_PAPER, _small(), [40], advance=advances.append)[1], whole)
    assert advances == [7, 7, 7, 7, 7, 5]


def test_only_the_ids_asked_for_are_read():
    every, some = _last(_PAPER, _small(), [10])[1], _last(_PAPER, _small(), [10], ids=np.array([7, 2]))[1]
    np.testing.assert_array_equal(some, every[:, [7, 2]])


def test_the_paper_learns_at_the_rate_it_was_given():
    # Every gap is 1: B = 1 + 99 (1 - a)^n after n steps.
    settings = [frequency_simulation.paper(rate, 1, 800) for rate in (0.5, 0.1)]
    estimates = _last(settings, _always_four_of_one(), [6])[1]
    np.testing.assert_allclose(estimates[:, 0], [1 / (1 + 99 * 0.5**6), 1 / (1 + 99 * 0.9**6)], rtol=1e-5)


def test_errors_are_the_streams_by_setting_and_checkpoint():
    stream = _small()
    settings = [*_PAPER, frequency_simulation.paper(0.5, 1, 800)]
    errors = frequency_simulation.errors(settings, stream, 0, [10, 40])
    assert errors.shape == (2, 2)
    (_, early), (_, late) = frequency_simulation.simulate(settings, stream, 0, [10, 40])
    assert errors[1, 0] == stream.error(early[1], 10)
    assert errors[0, 1] == stream.error(late[0], 40)


def test_exact_counts_read_half_a_draw_where_there_was_none():
    stream = frequency_streams.RepeatingIdStream("planted", 100, 1, 50, 0, 4.0)
    expected = np.bincount(stream.batches(0, 50).ravel(), minlength=100) / 50
    exact = frequency_simulation.exact_expected_count(stream, 50)
    np.testing.assert_allclose(exact[expected > 0], expected[expected > 0])
    assert exact[-1] == 0.01
