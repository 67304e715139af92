"""Which options of a Keras optimizer pass over whole tables, or clip what they should not."""

from collections.abc import Mapping
from typing import Any

_WHY_NOT = {
    "weight_decay": "Keras decays every row of a table at every step; pass weight_decay to TablesAndDense, which "
    "decays the touched rows",
    "use_ema": "it averages every row of a table at every step; leave it out",
    "clipnorm": "Keras clips before it adds up the parts of a row that came several times; pass clip_norm to "
    "TablesAndDense, which adds first and clips all gradients together",
}
_WHY_NOT["clipvalue"] = _WHY_NOT["global_clipnorm"] = _WHY_NOT["clipnorm"]


def require_none(owner: str, options: Mapping[str, Any]) -> None:
    """Checks that no option is set that would pass over a table or clip parts of a row.

    Args:
      owner: name of the optimizer, for the sentence.
      options: of a Keras optimizer, by name; `None` and false are not set.

    Raises:
      ValueError: naming the first such option, the reason and the remedy.
    """
    for name, reason in _WHY_NOT.items():
        value = options.get(name)
        # 0 is set too: with weight_decay=0 Keras still rewrites every row of a table.
        if value is not None and value is not False:
            raise ValueError(f"{owner} takes no {name}, but got {value!r}: {reason}.")
