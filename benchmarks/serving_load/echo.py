"""A bare server that answers every request with the same bytes, to know what its library takes by itself.

python -m benchmarks.serving_load.echo grpc|rest PORT ANSWER_FILE NUM_THREADS
"""

import concurrent.futures
import pathlib
import sys

import grpc
from aiohttp import web


def serve_grpc(port: int, answer: bytes, num_threads: int) -> None:
    """Answers every gRPC method, from a pool of threads."""

    class Echo(grpc.GenericRpcHandler):
        """Has one handler for all methods."""

        def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            """Returns what answers with the bytes."""
            del handler_call_details
            return grpc.unary_unary_rpc_method_handler(lambda request, context: answer)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(num_threads), [Echo()])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def serve_rest(port: int, answer: bytes) -> None:
    """Answers every HTTP request once its body was read."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=answer, content_type="application/json")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    web.run_app(application, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    content = pathlib.Path(sys.argv[3]).read_bytes()
    if sys.argv[1] == "grpc":
        serve_grpc(int(sys.argv[2]), content, int(sys.argv[4]))
    else:
        serve_rest(int(sys.argv[2]), content)
