"""The model that a day goes on from, and what is said where it cannot: no training by hand mends a daily run."""

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import Iterator

import numpy as np

from pipelines import learned_data, model_directory, prepared_data, training_config, warm_start
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
      first_date: the first day of all, which is trained afresh.
    """

    date: datetime.date
    of_date: datetime.date
    directory: pathlib.Path
    first_date: datetime.date

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Says of a model that cannot be gone on from by which flag the daily run makes it again.

        Raises:
          BaseModelError: in place of what is said of its directory or its options.
        """
        try:
            yield
        except warm_start.OtherOptionsError as error:
            raise self._of_others(error.difference) from error
        except model_directory.OtherSchemaError as error:
            if str(self.directory) not in str(error):
                raise
            raise self._of_others("--schema is another") from error
        except (model_directory.ModelDirectoryError, learned_data.LearnedDataError) as error:
            if str(self.directory) not in str(error):
                raise
            raise BaseModelError(
                f"{self.date} goes on from the model of {self.of_date}, which cannot be read: "
                f"{str(error).partition('; ')[0].rstrip('.')}. Put {self.directory} back as it was, or make it "
                f"again with --backfill_from={self.of_date}."
            ) from error

    def require_same_model(self, training: training_config.TrainingConfig, data: prepared_data.PreparedData) -> None:
        """Refuses options or a schema that the model was not made with.

        Args:
          training: the options of the day.
          data: prepared of the day.

        Raises:
          BaseModelError: naming what differs, and how to go on.
        """
        with self.named():
            warm_start.require_same_model(self.directory, training, data)

    def require_whole_day(self, data: prepared_data.PreparedData, partition: Partition) -> None:
        """Refuses a day of which training would leave interactions out, as it takes those alone that are newer.

        Args:
          data: prepared of the day with its window.
          partition: the day.

        Raises:
          BaseModelError: if the model has learned until a moment of the day, or later, or nothing of the day is left.
        """
        with self.named():
            until = self._learned_until()
        timestamps = data.examples("train").timestamps
        of_day = timestamps[timestamps >= partition.begin]
        if not len(of_day):
            raise BaseModelError(
                f"No interaction of {self.date} is left to train on; look at what its preparation dropped, or pass the "
                f"day over with --skip_date={self.date}."
            )
        if num_hidden := int(np.sum(of_day <= until)):
            raise BaseModelError(
                f"Every interaction of {self.date} must be newer than what the model of {self.of_date} has learned, "
                f"but that is until {np.datetime64(until, 'us')} UTC and {num_hidden:,} of {len(of_day):,} are not. It "
                f"was trained on interactions of later dates; make it again with --backfill_from={self.of_date}, or "
                "from an earlier day if that ends so too."
            )

    def _learned_until(self) -> int:
        model_directory.read_description(self.directory)
        return learned_data.read_numbers(model_directory.ModelPaths(self.directory).description)["until_microseconds"]

    def _of_others(self, difference: str) -> BaseModelError:
        return BaseModelError(
            f"{self.date} goes on from the model of {self.of_date} and needs its options, but {difference}. Give "
            f"those, do all days again with --backfill_from={self.first_date}, or begin anew in another --state_dir "
            "and --export_dir."
        )
