"""A compiled call of one signature of a session, and the checks before it, with TensorFlow Serving's words."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.client import pywrap_tf_session

from serving import errors, tensor_proto
from serving.server import run_pace, worker_threads


class SignatureRunner:
    """A compiled call of one signature, and the checks before it.

    Inputs are ordered by the name of their placeholder, which is the order in
    which TensorFlow counts arguments in its messages.

    Attributes:
      output_names: sorted.
      fetch_positions: output name to its place in what `run` returns.

    Args:
      session: that the signature is run in.
      signature: what is run.

    Raises:
      InvalidArgumentError: if the signature names tensors that the graph does not have.
    """

    def __init__(self, session: tf.compat.v1.Session, signature: meta_graph_pb2.SignatureDef):
        inputs, outputs = signature.inputs, signature.outputs
        self._signature = signature
        # Looking into the message costs a request more.
        self._declared_names = frozenset(inputs)
        self._data_types = {name: info.dtype for name, info in inputs.items()}
        self._input_names = tuple(sorted(inputs, key=lambda name: inputs[name].name))
        self._defaults = {name: tensor_proto.to_array(proto, name) for name, proto in signature.defaults.items()}
        self.output_names = tuple(sorted(outputs))
        # Two outputs may name one tensor, which a call may fetch only once.
        fetches = list(dict.fromkeys(outputs[name].name for name in self.output_names))
        self.fetch_positions = {name: fetches.index(outputs[name].name) for name in outputs}
        feeds = [inputs[name].name for name in self._input_names]
        try:
            self._call_here = _compiled_for_callers_thread(session, feeds, fetches)
            self._call = _compiled(session, feeds, fetches)
        except (KeyError, ValueError) as error:
            raise errors.InvalidArgumentError(str(error)) from error
        self._pace = run_pace.RunPace()

    def check_output_filter(self, output_filter: Sequence[str]) -> Sequence[str]:
        """Returns the names of the outputs wanted, all where the filter is empty.

        Raises:
          InvalidArgumentError: if it names one twice, or one that is not there.
        """
        for name in output_filter:
            if name not in self.fetch_positions:
                raise errors.InvalidArgumentError(
                    f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                    f"{_braced(self.output_names)}."
                )
            if output_filter.count(name) > 1:
                raise errors.InvalidArgumentError(f"duplicate output tensor alias: {name}")
        return output_filter or self.output_names

    def run(self, feeds: Sequence[np.ndarray], deadline: float | None) -> list[np.ndarray]:
        """Returns the outputs by their positions.

        What is known to be quick runs in the caller's thread, which costs a fifth but cannot be ended; what takes
        longer runs in TensorFlow's threads and is ended at the deadline.

        Args:
          feeds: see `feeds`.
          deadline: on the monotonic clock; `None` for none.

        Raises:
          OpError: whatever the graph answers, `DeadlineExceededError` for what was ended.
        """
        pace = self._pace
        if not pace.is_short:
            worker_threads.give_up_turn()
        started, started_own = time.monotonic(), time.thread_time()
        try:
            return self._call_here(*feeds) if pace.is_quick else self._call(feeds, pace.pool_options(started, deadline))
        finally:
            seconds = time.monotonic() - started
            # A thread cannot have been busy for longer, and asking how long it was takes half a microsecond.
            own_seconds = seconds if pace.is_quick_run(seconds) else time.thread_time() - started_own
            pace.note(seconds, own_seconds)

    def feeds(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Returns the arrays in the order in which they are fed, defaults filled in.

        Raises:
          InvalidArgumentError: if names or dtypes are not those of the signature.
        """
        self.check_inputs(inputs)
        return [inputs[name] if name in inputs else self._defaults[name] for name in self._input_names]

    def check_inputs(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Checks names and dtypes of what a request gives.

        Raises:
          InvalidArgumentError: if they are not those of the signature.
        """
        if inputs.keys() != self._declared_names:
            self._check_names(inputs)
        for position, name in enumerate(self._input_names):
            if name not in inputs:
                continue
            expected, provided = self._data_types[name], tensor_proto.data_type_of(inputs[name])
            if expected != provided:
                raise errors.InvalidArgumentError(
                    f"Expects arg[{position}] to be {tensor_proto.data_type_name(expected)} but "
                    f"{tensor_proto.data_type_name(provided)} is provided"
                )

    def _check_names(self, inputs: Mapping[str, np.ndarray]) -> None:
        declared, defaults = self._signature.inputs, self._defaults
        sent = set(inputs)
        if len(sent) > len(declared) or (len(sent) < len(declared) and not defaults):
            raise errors.InvalidArgumentError(
                f"input size does not match signature: {len(sent)}!={len(declared)} len({_braced(sent)}) != "
                f"len({_braced(declared)}). Sent extra: {_braced(sent.difference(declared))}. "
                f"Missing but required: {_braced(set(declared).difference(sent))}."
            )
        for name in sorted(declared):
            if name not in sent and name not in defaults:
                raise errors.InvalidArgumentError(
                    f"Signature input alias: {name}(feed name: {declared[name].name}) not found in request and no "
                    f"default value provided. Inputs expected to be in the request {_braced(sent)}, or default "
                    f"input alias set: {','.join(sorted(defaults))}"
                )
        if not sent.issubset(declared):
            raise errors.InvalidArgumentError(
                f"Inputs contains invalid name. Used request inputs: {','.join(sorted(sent.intersection(declared)))}, "
                f"request input: {','.join(sorted(sent))}"
            )


def _compiled_for_callers_thread(
    session: tf.compat.v1.Session, feeds: Sequence[str], fetches: Sequence[str]
) -> Callable[..., list[np.ndarray]]:
    """Returns a call like that of `_compiled` which runs in the thread that makes it, and is compiled for that alone.

    It costs two thirds, but for a deadline there would have to be one for every number of milliseconds.
    """
    options = config_pb2.CallableOptions(
        feed=[_tensor(session, name).name for name in feeds],
        fetch=[_tensor(session, name).name for name in fetches],
        run_options=config_pb2.RunOptions(inter_op_thread_pool=-1),
    )
    return session._make_callable_from_options(options)


def _compiled(
    session: tf.compat.v1.Session, feeds: Sequence[str], fetches: Sequence[str]
) -> Callable[[Sequence[np.ndarray], bytes], list[np.ndarray]]:
    """Returns a call of a session from arrays in the order of `feeds`, and RunOptions, to arrays of `fetches`.

    `Session.run` would cast inputs in silence, refuse shapes that TensorFlow Serving takes, and cost four times as
    much; this is what it calls itself.
    """
    feeds = [_tensor(session, name)._as_tf_output() for name in feeds]
    fetches = [_tensor(session, name)._as_tf_output() for name in fetches]

    def call(arrays: Sequence[np.ndarray], run_options: bytes) -> list[np.ndarray]:
        options = pywrap_tf_session.TF_NewBufferFromString(run_options)
        try:
            feed = dict(zip(feeds, arrays, strict=True))
            return pywrap_tf_session.TF_SessionRun_wrapper(session._session, options, feed, fetches, [], None)
        finally:
            pywrap_tf_session.TF_DeleteBuffer(options)

    return call


def _tensor(session: tf.compat.v1.Session, name: str) -> tf.Tensor:
    """Returns the tensor of a name; one without a number is the first of its operation, as in TensorFlow's C++ code."""
    return session.graph.as_graph_element(name if ":" in name else f"{name}:0", allow_operation=False)


def _braced(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
