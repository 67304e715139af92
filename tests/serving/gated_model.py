"""A loaded model whose calls a test lets through one by one."""

import threading

from serving.server import servable


class GatedModel:
    """Notes each call, waits until it is let through, and then has the model answer.

    Attributes:
      calls: of each call the signature and, by input, the rows.
      errors: what calls fail with, by their number from 0.
      is_closed: whether it was closed.
    """

    def __init__(self, model: servable.Servable):
        self._model = model
        self._permits = threading.Semaphore(0)
        self._is_open = False
        self.model_name, self.version, self.signature_defs = model.model_name, model.version, model.signature_defs
        self.model_dir = model.model_dir
        self.check = model.check
        self.is_closed = False
        self.calls: list[tuple[str, dict[str, list]]] = []
        self.errors: dict[int, Exception] = {}

    def run(self, signature_name, inputs, output_filter=()):
        number = len(self.calls)
        self.calls.append((signature_name, {name: array.tolist() for name, array in inputs.items()}))
        if not self._is_open:
            self._permits.acquire()
        if number in self.errors:
            raise self.errors[number]
        return self._model.run(signature_name, inputs, output_filter)

    def let_through(self, num_calls: int = 1) -> None:
        self._permits.release(num_calls)

    def open(self) -> None:
        """Lets all further calls through, and those that wait."""
        self._is_open = True
        self._permits.release(len(self.calls) + 1)

    def close(self) -> None:
        self.is_closed = True

    def given(self, name: str) -> list[list]:
        """Returns what the calls so far gave for an input, those that gave something."""
        return [inputs[name] for _, inputs in self.calls if name in inputs]
