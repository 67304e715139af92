"""grpc.health.v1.Health, as --enable_grpc_healthcheck_service turns it on.

Asked with messages as bytes, so that no package for it is needed: HealthCheckRequest.service is field 1, a string;
HealthCheckResponse.status is field 1, an enum in which 1 is SERVING.
"""

import grpc
import pytest

from tests.conformance.citations import Source, cites

_SERVING = b"\x08\x01"


def _request(service):
    return b"\x0a" + bytes([len(service)]) + service.encode() if service else b""


def _bytes(message):
    return message


@cites(Source.GRPC_HEALTH, "DefaultHealthCheckService: the empty name is SERVING from the start")
@cites(Source.MAIN, "--enable_grpc_healthcheck_service: the standard gRPC health check service")
def test_the_server_as_a_whole_is_serving(channel):
    check = channel.unary_unary("/grpc.health.v1.Health/Check", _bytes, _bytes)
    assert check(_request(""), timeout=10) == _SERVING


@cites(Source.GRPC_HEALTH, "HealthCheckServiceImpl::WatchReactor: the status at once, then each change")
def test_a_watch_begins_with_the_status(channel):
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch", _bytes, _bytes)
    call = watch(_request(""), timeout=10)
    assert next(call) == _SERVING
    call.cancel()


@cites(Source.HEALTH_PROTO, "Check: if the service is unknown, the call fails with NOT_FOUND")
def test_a_service_that_nobody_knows_is_not_found(channel):
    check = channel.unary_unary("/grpc.health.v1.Health/Check", _bytes, _bytes)
    with pytest.raises(grpc.RpcError) as refused:
        check(_request("absent.Service"), timeout=10)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
