"""Learning rates that rise at the start and fall afterwards."""

import math

import tensorflow as tf

SCHEDULES = ("constant", "inverse_sqrt", "cosine")


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class WarmUpSchedule(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to the peak, then stays or falls.

    With w = warm_up_steps and steps s = 0, 1, ...

        s < w:         peak * (s + 1) / w
        constant:      peak
        inverse_sqrt:  peak * sqrt(w / (s + 1))
        cosine:        peak * (1 + cos(pi * (s - w) / (decay_steps - w))) / 2,  0 from decay_steps on

    No step before `decay_steps` has rate 0, the first included. With peak 1, w = 4 and
    decay_steps = 12, step 0 has .25, step 3 has 1, and step 8 .667 (inverse_sqrt) or .5 (cosine).

    Args:
      peak: the highest rate, > 0.
      schedule: one of `SCHEDULES`.
      warm_up_steps: w, >= 0; >= 1 for `inverse_sqrt`, whose decay starts from there.
      decay_steps: the step at which `cosine` has reached 0, > warm_up_steps; 0 for the others.

    Raises:
      ValueError: if an argument is out of its range.
    """

    def __init__(self, peak: float, schedule: str, warm_up_steps: int = 0, decay_steps: int = 0):
        super().__init__()
        least_warm_up = 1 if schedule == "inverse_sqrt" else 0
        for name, value, allowed, rule in (
            ("peak", peak, 0.0 < peak < math.inf, "> 0 and finite"),
            ("schedule", schedule, schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("warm_up_steps", warm_up_steps, warm_up_steps >= least_warm_up, f">= {least_warm_up} for {schedule}"),
            (
                "decay_steps",
                decay_steps,
                decay_steps > warm_up_steps if schedule == "cosine" else decay_steps == 0,
                f"above the warm_up_steps, {warm_up_steps}, for cosine"
                if schedule == "cosine"
                else f"0 for {schedule}",
            ),
        ):
            if not allowed:
                raise ValueError(f"{name} of the learning rate must be {rule}, but is {value}.")
        self._config = {
            "peak": peak,
            "schedule": schedule,
            "warm_up_steps": warm_up_steps,
            "decay_steps": decay_steps,
        }

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the rate of a step: float32 scalar.

        Args:
          step: steps made before, integer scalar.
        """
        step = tf.cast(step, tf.float32)
        share = tf.constant(1.0)
        warm_up_steps = float(self._config["warm_up_steps"])
        if self._config["schedule"] == "inverse_sqrt":
            share = tf.sqrt(warm_up_steps / (step + 1.0))
        if self._config["schedule"] == "cosine":
            progress = (step - warm_up_steps) / (self._config["decay_steps"] - warm_up_steps)
            share = 0.5 * (1.0 + tf.cos(math.pi * tf.clip_by_value(progress, 0.0, 1.0)))
        if warm_up_steps:
            share = tf.where(step < warm_up_steps, (step + 1.0) / warm_up_steps, share)
        return self._config["peak"] * share

    def get_config(self) -> dict:
        """Returns the arguments that make an equal schedule."""
        return dict(self._config)
