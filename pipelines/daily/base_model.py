"""The model that a day goes on from, and what is said where it cannot: no training by hand mends a daily run."""

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import Iterator

import numpy as np

from pipelines import learned_data, model_directory, prepared_data
from pipelines.daily.partitions import Partition


class BaseModelError(ValueError):
    """A day cannot go on from the model of the day before; the message names both days and the remedy."""


@dataclasses.dataclass(frozen=True)
class BaseModel:
    """The model of the last accepted day before a day.

    Attributes:
      date: the day that goes on from it.
      of_date: the day whose model it is.
      directory: where it is.
    """

    date: datetime.date
    of_date: datetime.date
    directory: pathlib.Path

    @contextlib.contextmanager
    def readable(self) -> Iterator[None]:
        """Says of the model how it is made again.

        Raises:
          BaseModelError: in place of what a reader says of its directory.
        """
        try:
            yield
        except (model_directory.ModelDirectoryError, learned_data.LearnedDataError) as error:
            if str(self.directory) not in str(error):
                raise
            raise BaseModelError(
                f"{self.date} goes on from the model of {self.of_date}, which cannot be read: "
                f"{str(error).partition('; ')[0].rstrip('.')}. Put {self.directory} back as it was, or make it "
                f"again with --backfill_from={self.of_date}."
            ) from error

    def require_whole_day(self, data: prepared_data.PreparedData, partition: Partition) -> None:
        """Refuses a day of which training would leave interactions out, as it takes those alone that are newer.

        Args:
          data: prepared of the day with its window.
          partition: the day.

        Raises:
          BaseModelError: if the model has learned until a moment of the day, or later.
          ModelDirectoryError, LearnedDataError: if the model cannot be read.
        """
        model_directory.read_description(self.directory)
        until = learned_data.read_numbers(model_directory.ModelPaths(self.directory).description)["until_microseconds"]
        timestamps = data.examples("train").timestamps
        of_day = timestamps[timestamps >= partition.begin]
        if num_hidden := int(np.sum(of_day <= until)):
            raise BaseModelError(
                f"Every interaction of {self.date} must be newer than what the model of {self.of_date} has learned, "
                f"but that is until {np.datetime64(until, 'us')} UTC and {num_hidden:,} of {len(of_day):,} are not. It "
                f"was trained on interactions of later dates; make it again with --backfill_from={self.of_date}, or "
                "from an earlier day if that ends so too."
            )
