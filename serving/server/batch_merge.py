"""Puts the inputs of several requests into one batch, and takes its outputs apart again."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from serving import errors

_Arrays = Mapping[str, np.ndarray]
_Filling = Callable[[str, np.ndarray], bytes | str | int | float]


def merged(requests: Sequence[_Arrays], batch_size: int, filling: _Filling) -> dict[str, np.ndarray]:
    """Returns the inputs of all requests below each other.

    Args:
      requests: inputs by name, the same names and ranks in each; at least one.
      batch_size: how many rows there shall be, no fewer than the requests have; the further ones repeat the first.
      filling: says, by name and array, what shorter lists are filled up with.

    Returns:
      By name, `[batch_size, ...]`, the other dimensions as long as the longest.
    """
    return {
        name: _merged_input(
            [inputs[name] for inputs in requests], batch_size, lambda array, name=name: filling(name, array)
        )
        for name in requests[0]
    }


def split(outputs: _Arrays, num_rows: Sequence[int], batch_size: int) -> list[dict[str, np.ndarray]]:
    """Returns the outputs of each request; what belongs to further rows is cut off.

    Args:
      outputs: by name, `[batch_size, ...]`.
      num_rows: how many rows each request has, in their order.
      batch_size: how many rows were run.

    Raises:
      FailedPreconditionError: if an output has other rows than the inputs, and so cannot be taken apart.
    """
    for output in outputs.values():
        _require_rows(output, batch_size)
    ends = np.cumsum(num_rows).tolist()
    return [
        {name: output[end - size : end] for name, output in outputs.items()}
        for size, end in zip(num_rows, ends, strict=True)
    ]


def joined(parts: Sequence[_Arrays]) -> dict[str, np.ndarray]:
    """Returns the outputs of a request that was split.

    Raises:
      InternalError: if they do not fit together.
    """
    if len(parts) == 1:
        return dict(parts[0])
    try:
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    except ValueError as error:
        raise errors.InternalError(
            f"Tensor concat operation failed: {error}. The request was split over several batches, which answered it "
            "in different shapes; send fewer rows at once, or switch enable_large_batch_splitting off."
        ) from error


def _merged_input(arrays: Sequence[np.ndarray], batch_size: int, filling: Callable[[np.ndarray], object]) -> np.ndarray:
    shape = [max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True)]
    arrays = [_filled(array, shape, filling) for array in arrays]
    num_missing = batch_size - sum(map(len, arrays))
    if num_missing:
        # The first row is one that the graph can take, as MergeInputTensors in batching_session.cc says.
        arrays.append(np.repeat(arrays[0][:1], num_missing, axis=0))
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def _filled(array: np.ndarray, shape: Sequence[int], filling: Callable[[np.ndarray], object]) -> np.ndarray:
    if array.shape[1:] == tuple(shape):
        return array
    filled = np.empty([len(array), *shape], array.dtype)
    # Not `np.full`, which would take bytes for an array of fixed width and cut zeros at their end.
    filled.fill(filling(array))
    filled[tuple(slice(size) for size in array.shape)] = array
    return filled


def _require_rows(output: np.ndarray, batch_size: int) -> None:
    # SplitOutputTensors in batching_session.cc of TensorFlow Serving.
    if not output.ndim:
        raise errors.FailedPreconditionError("Batched output tensor has 0 dimensions")
    if len(output) != batch_size:
        raise errors.FailedPreconditionError(
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors"
        )
