import numpy as np
import pytest

from tfrs_model import seeds


@pytest.mark.parametrize(
    ("seed", "purpose", "expected"),
    [
        # The first eight hex digits that `openssl dgst -sha256` gives for "0/query_tower/dense_0" and the like, halved.
        (0, "query_tower/dense_0", 0xC04D9211 // 2),
        (7, "shuffle", 0xB1257EEE // 2),
        (-1, "é", 0x86974CCF // 2),
    ],
)
def test_a_seed_is_31_bits_of_the_sha256_of_seed_and_purpose(seed, purpose, expected):
    assert seeds.derive_seed(seed, purpose) == expected


def test_purposes_and_runs_do_not_share_a_stream():
    derived = [seeds.derive_seed(seed, f"layer_{i}") for seed in (0, 1, 10) for i in range(100)]
    assert len(set(derived)) == 300


def test_every_seed_fits_what_tensorflow_takes():
    derived = np.array([seeds.derive_seed(seed, "x") for seed in [*range(-500, 500), 2**70]])
    assert derived.min() >= 0
    assert derived.max() < 2**31
    # Uniform on [0, 2**31): the mean of 1001 draws lies within five deviations, each 2**31 / sqrt(12 * 1001).
    assert abs(derived.mean() / 2**31 - 0.5) < 5 / np.sqrt(12 * 1001)
