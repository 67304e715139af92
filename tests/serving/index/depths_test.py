import pytest
import tensorflow as tf

from serving.index import candidate_index, depths


@pytest.mark.parametrize(
    ("k", "num_candidates", "expected"),
    [
        # Steps of four to a hundredth of the corpus.
        (10, 1_000_000, (10, 40, 160, 640, 2_560, 10_000)),
        (100, 1_000_000, (100, 400, 1_600, 6_400, 10_000)),
        (100, 40_000, (100, 400)),
        # But one step at least, as far as there are so many.
        (100, 5_000, (100, 400)),
        (100, 300, (100, 300)),
        (100, 30, (30,)),
        # And no deeper than any filter has searched for.
        (1_000, 5_000_000, (1_000, 4_000, 16_000, 20_000)),
        (30_000, 5_000_000, (30_000, 120_000)),
    ],
)
def test_depths_rise_from_k_to_a_hundredth_of_the_corpus(k, num_candidates, expected):
    assert depths.depths_of(k, num_candidates) == expected


def test_by_the_rule_of_thumb_a_setting_grows_with_the_square_root_of_the_depth():
    assert depths.grown((10, 40, 90, 160), 3, 100) == [3, 6, 9, 12]
    assert depths.grown((10, 40, 90, 160), 3, 8) == [3, 6, 8, 8]
    assert depths.grown((10, 20), 3, 100) == [3, 5]


def test_a_setting_rises_in_steps_and_beyond_the_last_stays():
    setting = depths.SettingByDepth("leaves", (10, 40, 160), [1, 1, 1], [50, 60, 70], [1, 2, 3])
    # A quarter more than a depth still counts as that depth.
    assert [int(setting.of(rows)) for rows in (1, 10, 12, 13, 50, 51, 200, 5_000)] == [1, 1, 1, 2, 2, 3, 3, 3]
    assert int(setting.of(tf.constant(13))) == 2
    assert depths.SettingByDepth("leaves", (10,), [1], [50], [4]).of(12) == 4
    assert setting.table() == {"10": 1, "40": 2, "160": 3}


def test_each_step_is_tuned_by_itself():
    setting = depths.SettingByDepth("leaves", (10, 40, 160), [1, 1, 2], [50, 60, 70], [1, 2, 3])
    efforts = setting.efforts()
    assert [(each.name, each.least, each.most, each.depth) for each in efforts] == [
        ("leaves_10", 1, 50, 10),
        ("leaves_40", 1, 60, 40),
        ("leaves_160", 2, 70, 160),
    ]
    efforts[1].set(20)
    assert setting.values == [1, 20, 3]


@pytest.mark.parametrize("value", [1, 71])
def test_a_value_out_of_range_is_refused(value):
    setting = depths.SettingByDepth("leaves", (10, 160), [1, 2], [50, 70], [1, 3])
    with pytest.raises(
        candidate_index.CandidateIndexError, match=f"leaves for 160 candidates must be between 2 and 70, but is {value}"
    ):
        setting.efforts()[1].set(value)
