"""How requests are batched: TensorFlow Serving's BatchingParameters, from its text file.

Defaults are those of SharedBatchScheduler (tensorflow/core/kernels/batching_util/shared_batch_scheduler.h), rules and
their texts those of bundle_factory_util.cc and batching_session.cc in TensorFlow Serving and of that header.
"""

import dataclasses
import os
import pathlib

from absl import logging

from serving.server import server_config, text_messages

# server.cc of TensorFlow Serving names the threads so where no file says how.
THREAD_POOL_NAME_WITHOUT_FILE = "model_server_batch_threads"
_WRAPPED = (
    *("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads", "thread_pool_name"),
    *("enable_large_batch_splitting", "max_execution_batch_size"),
)


class BatchingParameterError(server_config.ServerConfigError):
    """A parameter is out of range or clashes with another.

    Attributes:
      field: its name.
    """

    def __init__(self, field: str, sentence: str):
        super().__init__(sentence)
        self.field = field


def default_num_batch_threads() -> int:
    """Returns one thread for each CPU that this process may use."""
    return len(os.sched_getaffinity(0))


@dataclasses.dataclass(frozen=True)
class BatchingParameters:
    """How requests wait for each other. Field names are TensorFlow Serving's.

    Attributes:
      max_batch_size: most rows of one request, and of one batch unless large requests are split.
      batch_timeout_micros: longest time that a request waits for others while a thread is free, in microseconds.
      max_enqueued_batches: most batches that may wait in one queue.
      num_batch_threads: batches that run at once, of all models together.
      thread_pool_name: first part of the names of these threads.
      allowed_batch_sizes: sizes that batches are filled up to, ascending; empty for any size.
      pad_variable_length_inputs: whether requests of other lengths share a batch, shorter ones filled up.
      enable_large_batch_splitting: whether a request may be spread over several batches.
      max_execution_batch_size: most rows of one batch if requests are split; `None` for `max_batch_size`.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = dataclasses.field(default_factory=default_num_batch_threads)
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None

    def __post_init__(self) -> None:
        for field in ("max_batch_size", "max_enqueued_batches", "num_batch_threads", "max_execution_batch_size"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise BatchingParameterError(field, f"{field} must be positive; was {value}")
        if self.batch_timeout_micros < 0:
            raise BatchingParameterError(
                "batch_timeout_micros", f"batch_timeout_micros must be non-negative; was {self.batch_timeout_micros}"
            )
        if self.execution_batch_size > self.max_batch_size:
            raise BatchingParameterError(
                "max_execution_batch_size",
                "When enable_large_batch_splitting is true, max_batch_size must be greater than or equal to "
                f"max_execution_batch_size; was {self.max_batch_size} and {self.execution_batch_size}",
            )
        self._check_allowed_batch_sizes()

    @property
    def execution_batch_size(self) -> int:
        """Most rows of one batch, fillings aside."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size is not None:
            return self.max_execution_batch_size
        return self.max_batch_size

    @property
    def batch_timeout_seconds(self) -> float:
        """`batch_timeout_micros` in seconds."""
        return self.batch_timeout_micros / 1e6

    def padded_batch_size(self, num_rows: int) -> int:
        """Returns the size that a batch is filled up to: the smallest allowed one that holds its rows."""
        return next((size for size in self.allowed_batch_sizes if size >= num_rows), num_rows)

    def _check_allowed_batch_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if any(size <= previous for previous, size in zip((0, *sizes), sizes, strict=False)):
            raise BatchingParameterError(
                "allowed_batch_sizes",
                f"allowed_batch_sizes entries must be monotonically increasing and positive; were {list(sizes)}",
            )
        # With large requests split, the model server of TensorFlow Serving asks for the first, its batching
        # session and TensorFlow's batch operation for the second.
        if sizes[-1] not in (self.max_batch_size, self.execution_batch_size):
            raise BatchingParameterError(
                "allowed_batch_sizes",
                f"Last entry in allowed_batch_sizes must match max_batch_size; last entry was {sizes[-1]}; expected "
                f"{self.max_batch_size}",
            )


def without_file() -> BatchingParameters:
    """Returns the parameters of `--enable_batching` alone."""
    return BatchingParameters(thread_pool_name=THREAD_POOL_NAME_WITHOUT_FILE)


def read(path: pathlib.Path) -> BatchingParameters:
    """Reads a text file of BatchingParameters; what it leaves out has its default.

    Raises:
      ServerConfigError: if the file cannot be read, is no such message or breaks a rule; one sentence that names
        file, line and field.
    """
    text = text_messages.read_text(path)
    message = text_messages.parse(text, text_messages.BatchingParameters, path)
    values = {name: getattr(message, name).value for name in _WRAPPED if message.HasField(name)}
    if values.get("max_enqueued_batches") == 0 and not values.get("enable_large_batch_splitting"):
        # So does SharedBatchScheduler::AddQueue.
        logging.warning("%s: max_enqueued_batches is 0, which counts as 1; a queue holds one batch at least", path)
        values["max_enqueued_batches"] = 1
    if "max_execution_batch_size" in values and not values.get("enable_large_batch_splitting"):
        logging.warning("%s: max_execution_batch_size has no effect without enable_large_batch_splitting", path)
    try:
        return BatchingParameters(
            allowed_batch_sizes=tuple(message.allowed_batch_sizes),
            pad_variable_length_inputs=message.pad_variable_length_inputs,
            **values,
        )
    except BatchingParameterError as error:
        line = text_messages.line_of(text, error.field)
        where = f"{path}, line {line}" if line else f"{path}, {error.field}"
        raise server_config.ServerConfigError(f"{where}: {error}.") from error
