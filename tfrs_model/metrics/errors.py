"""The error of all metrics."""


class MetricsError(ValueError):
    """Answers, targets or values that have no such metric; the message says which rule they break."""
