"""One pool of threads that runs the batches of all models, as TensorFlow's SharedBatchScheduler does.

The threads go round the queues and take one batch of each, as soon as it is full or its first request has waited
long enough. A queue exists as long as something waits in it: there may be one for each shape of inputs.
"""

import collections
import math
import threading
from collections.abc import Callable, Hashable

from serving import errors
from serving.server import batch_queue, batch_request, server_config
from serving.server import clock as clock_lib


class BatchScheduler:
    """Runs batches until it is stopped. Calls may come at once from many threads.

    Args:
      num_threads: how many batches run at once, >= 1.
      thread_name: first part of the threads' names.
      clock: tells the time.

    Raises:
      ServerConfigError: if the system does not give so many threads.
    """

    def __init__(self, num_threads: int, thread_name: str = "batch_threads", clock: clock_lib.Clock | None = None):
        self.clock = clock or clock_lib.Clock()
        self._lock = threading.Lock()
        # Threads of the pool wait for the first, whoever wants to see the end of something for the second.
        self._has_work = threading.Condition(self._lock)
        self._has_finished = threading.Condition(self._lock)
        # All below is guarded by the lock. A queue that was served last is last.
        self._queues: collections.OrderedDict[Hashable, batch_queue.BatchQueue] = collections.OrderedDict()
        self._queue_ids: dict[batch_request.BatchRequest, Hashable] = {}
        self._num_running: collections.Counter[Hashable] = collections.Counter()
        self._draining: set[Hashable] = set()
        self._is_stopping = False
        self._num_threads = 0
        self._start(num_threads, thread_name)

    @property
    def num_waiting(self) -> int:
        """How many requests wait in a queue, parts of split ones counted by themselves."""
        return len(self._queue_ids)

    def require_running(self) -> None:
        """Checks that the scheduler takes requests.

        Raises:
          UnavailableError: if it is stopped.
        """
        if self._is_stopping:
            raise errors.UnavailableError("The server is stopping and takes no more requests; ask again elsewhere.")

    def submit(
        self,
        queue_id: Hashable,
        make_queue: Callable[[], batch_queue.BatchQueue],
        request: batch_request.BatchRequest,
    ) -> list[batch_request.BatchRequest]:
        """Has a request wait for its batch.

        Args:
          queue_id: of the queue of all requests that it may share a batch with.
          make_queue: makes that queue if there is none.
          request: not yet submitted.

        Returns:
          The parts that will be answered: the request, unless it was split.

        Raises:
          ServingError: `UnavailableError` if the scheduler is stopped, or see `BatchQueue.add`.
        """
        with self._lock:
            self.require_running()
            queue = self._queues.get(queue_id) or make_queue()
            due_before = queue.due_at()
            parts = queue.add(request, self.clock.now())
            self._queues[queue_id] = queue
            self._queue_ids.update(dict.fromkeys(parts, queue_id))
            if queue.due_at() < due_before:
                self._has_work.notify()
        return parts

    def discard(self, request: batch_request.BatchRequest, error: errors.ServingError) -> bool:
        """Refuses a request that still waits; returns whether it did."""
        with self._lock:
            queue_id = self._queue_ids.pop(request, None)
            if queue_id is None:
                return False
            self._queues[queue_id].discard(request)
            self._forget_if_empty(queue_id)
            self._has_finished.notify_all()
        request.refuse(error)
        return True

    def drain(self, owner: Hashable) -> None:
        """Runs at once what waits in the queues of an owner, and returns when nothing of it is left."""
        with self._lock:
            self._draining.add(owner)
            self._has_work.notify_all()
            while self._num_running[owner] or any(queue.owner is owner for queue in self._queues.values()):
                self.clock.wait(self._has_finished, math.inf)
            self._draining.discard(owner)

    def stop(self, grace_seconds: float) -> bool:
        """Takes no more requests, runs at once what waits, and ends the threads.

        Args:
          grace_seconds: longest wait for that; what then still waits is refused with UNAVAILABLE.

        Returns:
          Whether all threads have ended.
        """
        until = self.clock.now() + grace_seconds
        with self._lock:
            self._is_stopping = True
            self._has_work.notify_all()
            while self._num_threads and self.clock.now() < until:
                self.clock.wait(self._has_finished, until)
            is_over = not self._num_threads
            left = list(self._queue_ids)
        for request in left:
            self.discard(request, errors.UnavailableError("The server stopped before the request could run."))
        return is_over

    def _start(self, num_threads: int, thread_name: str) -> None:
        for number in range(num_threads):
            thread = threading.Thread(target=self._work, name=f"{thread_name}_{number}", daemon=True)
            with self._lock:
                self._num_threads += 1
            try:
                thread.start()
            except RuntimeError as error:
                self._count_out()
                self.stop(grace_seconds=0)
                raise server_config.ServerConfigError(
                    f"num_batch_threads is {num_threads}, but the system gave {number} threads ({error}); lower it."
                ) from error

    def _work(self) -> None:
        while self._run_next():
            pass
        self._count_out()

    def _count_out(self) -> None:
        with self._lock:
            self._num_threads -= 1
            self._has_finished.notify_all()

    def _run_next(self) -> bool:
        """Runs one batch and forgets it; returns whether there may be another."""
        taken = self._take()
        if taken is None:
            return False
        queue, requests = taken
        queue.run(requests)
        with self._lock:
            self._num_running[queue.owner] -= 1
            if not self._num_running[queue.owner]:
                del self._num_running[queue.owner]
                self._has_finished.notify_all()
        return True

    def _take(self) -> tuple[batch_queue.BatchQueue, list[batch_request.BatchRequest]] | None:
        """Waits for a batch to run; `None` once the scheduler is stopped and nothing is left."""
        with self._lock:
            while True:
                queue_id, wake_at = self._first_due(self.clock.now())
                if queue_id is not None:
                    return self._take_from(queue_id)
                if self._is_stopping:
                    return None
                self.clock.wait(self._has_work, wake_at)

    def _first_due(self, now: float) -> tuple[Hashable | None, float]:
        """Returns the first queue that has a batch to run; if there is none, when there will be."""
        wake_at = math.inf
        for queue_id, queue in self._queues.items():
            is_hurried = self._is_stopping or queue.owner in self._draining
            due_at = -math.inf if is_hurried else queue.due_at()
            if due_at <= now:
                return queue_id, now
            wake_at = min(wake_at, due_at)
        return None, wake_at

    def _take_from(self, queue_id: Hashable) -> tuple[batch_queue.BatchQueue, list[batch_request.BatchRequest]]:
        queue = self._queues[queue_id]
        requests = queue.take()
        for request in requests:
            del self._queue_ids[request]
        self._num_running[queue.owner] += 1
        self._queues.move_to_end(queue_id)
        self._forget_if_empty(queue_id)
        if self._queues:
            # While this thread is busy another one has to look after the rest.
            self._has_work.notify()
        return queue, requests

    def _forget_if_empty(self, queue_id: Hashable) -> None:
        if not self._queues[queue_id].num_requests:
            del self._queues[queue_id]
