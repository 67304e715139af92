"""Python values as a tf.train.Example holds them; kinds as TensorFlow Serving's json_tensor.cc (AddValueToFeature)."""

import numpy as np
import pytest

from serving import errors
from serving.client import example_features


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (3, [3]),
        ([1, -(2**63), 2**63 - 1], [1, -(2**63), 2**63 - 1]),
        (True, [1]),
        ([True, 5], [1, 5]),
        (2.0, [2.0]),
        ([0.5, float("inf")], [0.5, float("inf")]),
        ("a", ["a"]),
        (["a", b"\xff"], ["a", b"\xff"]),
        ([], []),
        (np.array([1, 2]), [1, 2]),
        (np.array([0.5], np.float32), [0.5]),
        (np.int64(7), [7]),
        (np.array("a"), ["a"]),
        ((1.5, 2.5), [1.5, 2.5]),
    ],
)
def test_a_value_becomes_a_list_of_one_kind(values, expected):
    (features,) = example_features.to_features([{"f": values}])
    assert features == {"f": expected}
    assert [type(value) for value in features["f"]] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 2.5], "Feature 'f' must be of one kind, but holds floats and integers: [1, 2.5]. Write whole numbers"),
        ([1, "a"], "Feature 'f' must be of one kind, but holds integers and texts"),
        (None, "Feature 'f' takes integers, floats, texts or bytes, or a list of them, but holds None."),
        ([[1]], "Feature 'f' takes integers, floats, texts or bytes, or a list of them, but holds [1]."),
        (2**63, "Feature 'f' holds 9223372036854775808, but a tf.train.Example holds int64 values only."),
        (1e39, "Feature 'f' holds 1e+39, but a tf.train.Example holds float32 values only."),
        ("\ud800", "Feature 'f' holds half of a surrogate pair, '\\ud800'; send bytes."),
    ],
)
def test_what_an_example_cannot_hold_is_refused(values, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        example_features.to_features([{"f": values}])
    assert str(refusal.value).startswith(text)


def test_examples_are_a_list_of_mappings():
    for given in ({"f": 1}, "f", 7):
        with pytest.raises(errors.InvalidArgumentError, match=r"^examples takes a list of mappings, but got "):
            example_features.to_features(given)
    with pytest.raises(errors.InvalidArgumentError, match=r"^An example maps feature names to values, but is 7\.$"):
        example_features.to_features([7])
