"""Seeds that depend only on the run's seed and on what the draw is for."""

import hashlib


def derive_seed(seed: int, purpose: str) -> int:
    """Returns the seed of one purpose, the same on every machine and in every run.

    Draws for different purposes must not share a stream: adding a layer would
    otherwise change the initial rows of every later one.

    Args:
      seed: the run's seed, any integer.
      purpose: what is drawn, such as `"query_tower/dense_0"`.

    Returns:
      An integer in [0, 2**31), the range every TensorFlow seed argument takes.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
