import numpy as np

from benchmarks.course_table import scale


def test_it_holds_where_the_sampled_softmax_grows_less_than_half_as_fast_as_the_full_one(monkeypatch):
    seconds = {scale.MODELS[0]: {1000: 1.0, 5000: 2.0}, scale.MODELS[1]: {1000: 1.0, 5000: 5.0}}

    def measured(growth):
        seconds[scale.MODELS[2]] = {1000: 1.0, 5000: growth}
        monkeypatch.setattr(
            scale.own_process,
            "measure",
            lambda module, model, size: {"seconds_per_pass": seconds[model][size], "process_seconds": 9.0},
        )
        return scale.measure(1000, 5000)

    assert measured(2.4)["holds"]
    assert not measured(2.6)["holds"]
    assert measured(2.4)["growth_of_seconds"] == dict(zip(scale.MODELS, (2.0, 5.0, 2.4), strict=True))


def test_a_log_has_as_many_interactions_for_every_number_of_candidates():
    for size in (1000, 2000):
        log = scale._log(size)
        assert (len(log), log.num_candidates) == (200_000, size)
        assert (np.bincount(log.query_rows) == 10).all()
