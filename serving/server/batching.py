"""Batching across requests as the flags of a server say: one pool of threads, one set of parameters for all models."""

from absl import logging

from serving.server import (
    batch_scheduler,
    batch_statistics,
    batcher,
    batching_parameters,
    servable,
    server_config,
)


class Batching:
    """Has requests of loaded versions run together, until it is stopped.

    Args:
      config: of the server.

    Raises:
      ServerConfigError: if the file of parameters is wrong.
    """

    def __init__(self, config: server_config.ServerConfig):
        self._parameters = (
            batching_parameters.read(config.batching_parameters_file)
            if config.batching_parameters_file
            else batching_parameters.without_file()
        )
        for flag in ("grpc_max_threads", "rest_api_num_threads"):
            if getattr(config, flag) < self._parameters.max_batch_size:
                logging.info(
                    "Each request under way has a thread, so batches from this port hold at most %d requests "
                    "(--%s); max_batch_size is %d",
                    *(getattr(config, flag), flag, self._parameters.max_batch_size),
                )
        self._statistics = batch_statistics.BatchStatistics()
        self._scheduler = batch_scheduler.BatchScheduler(
            self._parameters.num_batch_threads, self._parameters.thread_pool_name
        )

    def batched(self, model: servable.Servable) -> batcher.Batcher:
        """Returns what answers as the version does, requests together; the version belongs to it."""
        return batcher.Batcher(model, self._scheduler, self._parameters, self._statistics)

    def stop(self, grace_seconds: float) -> None:
        """Runs what waits, takes no more, and ends the threads."""
        self._scheduler.stop(grace_seconds)
