"""The history encoders by name, as options and configurations give them."""

from tfrs_model.history.encoder import HistoryEncoder
from tfrs_model.history.gru import Gru
from tfrs_model.history.mean import Mean
from tfrs_model.history.recency_weighted_mean import RecencyWeightedMean
from tfrs_model.history.self_attention import SelfAttention

ENCODERS: dict[str, type[HistoryEncoder]] = {
    "mean": Mean,
    "recency_weighted_mean": RecencyWeightedMean,
    "gru": Gru,
    "self_attention": SelfAttention,
}


def build_encoder(
    encoder: str,
    width: int,
    *,
    num_layers: int | None = None,
    num_heads: int | None = None,
    dropout: float | None = None,
    reads_time_gaps: bool | None = None,
    seed: int = 0,
    name: str = "history_encoder",
) -> HistoryEncoder:
    """Returns a new encoder.

    Args:
      encoder: a name in `ENCODERS`.
      width: of the embeddings and of the states.
      num_layers: of a GRU (1 if `None`) or of self-attention (2).
      num_heads: of self-attention (2), a divisor of the width.
      dropout: rate within a GRU or self-attention (0), in [0, 1).
      reads_time_gaps: whether self-attention reads timestamps (it does not).
      seed: of everything drawn.
      name: of the layer; what is drawn depends on it.

    Raises:
      ValueError: if there is no such encoder, an option is out of its range, or the encoder does not read it.
    """
    if encoder not in ENCODERS:
        raise ValueError(f"A history encoder must be one of {', '.join(ENCODERS)}, but is {encoder!r}.")
    made_by = ENCODERS[encoder]
    given = {
        option: value
        for option, value in (
            ("num_layers", num_layers),
            ("num_heads", num_heads),
            ("dropout", dropout),
            ("reads_time_gaps", reads_time_gaps),
        )
        if value is not None
    }
    if unread := [option for option in given if option not in made_by.options]:
        raise ValueError(
            f"The history encoder {encoder} does not read {unread[0]}, but it is {given[unread[0]]}; leave it out, or "
            f"choose one of {', '.join(each for each in ENCODERS if unread[0] in ENCODERS[each].options)}."
        )
    if made_by.options:
        given["seed"] = seed
    return made_by(width, name=name, **given)
