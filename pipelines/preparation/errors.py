"""What preparation refuses."""


class PreparationError(ValueError):
    """A source or option cannot be prepared; the message names it, what came and the remedy."""
