"""The multiscale estimate once more, one id and one window at a time."""

import collections
from collections.abc import Sequence

import numpy as np

_MASK = 2**32 - 1


def _mix(x: int) -> int:
    x &= _MASK
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & _MASK
    x = ((x ^ (x >> 15)) * 0x846CA68B) & _MASK
    return x ^ (x >> 16)


def _value(code: int) -> float:
    return (1 + code % 1024 / 1024) * 2.0 ** (code // 1024 - 16) if code else 0.0


class MultiscaleOracle:
    """Counts as floats in dictionaries; those of a fast window are rounded to its 16 bits.

    Args:
      windows: steps, falling.
      gate: of the reading.
      tolerance: of the reading.
    """

    def __init__(self, windows: Sequence[int], gate: float = 5.0, tolerance: float = 0.02):
        self.windows, self.gate, self.tolerance = windows, gate, tolerance
        self.step, self.num_renormalised = 0, 0
        self.weight, self.draws = [1.0 for _ in windows], [0.0 for _ in windows]
        self.products = [[0.0 for _ in windows] for _ in windows]
        self.counts = [collections.defaultdict(float) for _ in windows]

    def count(self, keys: Sequence[int], buckets: Sequence[Sequence[int]]) -> None:
        """Counts a batch; `buckets` holds the row of buckets of each key."""
        self.step += 1
        for k, window in enumerate(self.windows):
            self.weight[k] *= 1 / (1 - 1 / window)
            if self.weight[k] >= 65536:
                self._renormalise(k)
        weight = [float(np.float32(each)) for each in self.weight]
        buckets_of = dict(zip(keys, map(tuple, buckets), strict=True))
        for k, of_k in enumerate(weight):
            self.draws[k] += of_k * len(keys)
            for other, of_other in enumerate(weight):
                self.products[k][other] += float(np.float32(of_k * of_other)) * len(keys)
            raised = {
                key: self._raised(k, key, buckets_of[key], of_k * copies)
                for key, copies in collections.Counter(keys).items()
            }
            for key, value in raised.items():
                for bucket in buckets_of[key]:
                    self.counts[k][bucket] = max(self.counts[k][bucket], value)

    def _raised(self, k: int, key: int, buckets: Sequence[int], added: float) -> float:
        value = np.float32(min(self.counts[k][bucket] for bucket in buckets) + added)
        if k == 0:
            return float(value)
        dither = _mix(_mix(len(self.windows) * self.step + k) ^ (key & _MASK)) % 8192
        return _value((int(value.view(np.int32)) + dither) // 8192 - 111 * 1024)

    def _renormalise(self, k: int) -> None:
        self.num_renormalised += 1
        self.weight[k] /= 65536
        self.draws[k] /= 65536
        for other in range(len(self.windows)):
            self.products[k][other] /= 65536
            self.products[other][k] /= 65536
        for bucket, value in self.counts[k].items():
            # A fast window has no code for 2^-16 or less.
            self.counts[k][bucket] = 0.0 if k and value / 65536 <= 2.0**-16 else value / 65536

    def probability(self, buckets: Sequence[int]) -> float:
        """Returns the probability of a draw of the id with these buckets."""
        weight = [float(np.float32(each)) for each in self.weight]
        if not self.step:
            return 0.5
        draws, products = self.draws, self.products
        rates = [min(self.counts[k][b] for b in buckets) / draws[k] for k in range(len(self.windows))]
        estimate = rates[0]
        for k in range(1, len(rates)):
            change = rates[k] - estimate
            evidence = max(change - weight[k] / draws[k], 0.0) if change > 0 else change
            covariance = {(i, j): products[i][j] / (draws[i] * draws[j]) for i in (k, k - 1) for j in (k, k - 1)}
            level = max(rates[k], estimate)
            variance = level * (covariance[k, k] + covariance[k - 1, k - 1] - 2 * covariance[k, k - 1])
            variance += (self.tolerance * level) ** 2
            z2 = evidence**2 / variance if evidence else 0.0
            lengthened = 1 + self.windows[k] / (self.windows[k - 1] - self.windows[k])
            estimate = max(estimate + change * lengthened * z2**3 / (z2**3 + self.gate**3), 0.0)
        return min(max(estimate, 0.5 * weight[0] / (weight[0] + draws[0])), 1.0)
