"""What preparation refuses."""


class PreparationError(ValueError):
    """A source or option cannot be prepared; the message names it, what came and the remedy."""


class EngineStoppedError(PreparationError):
    """The engine ran out of memory, disk or its process; what it had finished is whole, so a next run can go on."""
