"""The gRPC port: PredictionService and ModelService in a pool of threads."""

import concurrent.futures

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.server import model_registry, model_service, prediction_service

_OPTIONS = (
    # TensorFlow Serving's: as large as a message can be.
    ("grpc.max_receive_message_length", (1 << 31) - 1),
    ("grpc.max_send_message_length", -1),
    # Without this, two servers would share one port and each would get some of the requests.
    ("grpc.so_reuseport", 0),
)


class GrpcServer:
    """Serves a registry on one port."""

    def __init__(self, models: model_registry.ModelRegistry, port: int, num_threads: int, grace_seconds: float):
        """Prepares a server; nothing listens yet.

        Args:
          models: what answers.
          port: TCP port, on all addresses.
          num_threads: how many requests run at once; further ones wait.
          grace_seconds: how long `stop` waits for requests under way.
        """
        self._port = port
        self._grace_seconds = grace_seconds
        self._pool = concurrent.futures.ThreadPoolExecutor(num_threads, thread_name_prefix="grpc")
        self._server = grpc.server(self._pool, options=_OPTIONS)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            prediction_service.PredictionService(models), self._server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(model_service.ModelService(models), self._server)

    def start(self) -> None:
        """Binds the port and answers from now on.

        Raises:
          OSError: if the port is taken.
        """
        try:
            self._server.add_insecure_port(f"0.0.0.0:{self._port}")
        except RuntimeError as error:
            raise OSError(str(error)) from error
        self._server.start()

    def stop(self) -> None:
        """Refuses further requests, lets those under way finish, and returns when all is closed."""
        self._server.stop(self._grace_seconds).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)
