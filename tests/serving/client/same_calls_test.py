"""A sync and an async client are called alike."""

import inspect

import pytest

from serving import client


def _arguments(function):
    return [(name, each.default) for name, each in inspect.signature(function).parameters.items()]


def _public(class_):
    return {name for name in dir(class_) if not name.startswith("_")}


def test_both_have_the_same_calls_with_the_same_arguments():
    assert _public(client.ModelClient) == _public(client.AsyncModelClient)
    assert {"status", "metadata", "predict", "recommend", "classify", "regress", "close"} <= _public(client.ModelClient)
    for name in _public(client.ModelClient):
        sync, async_ = getattr(client.ModelClient, name), getattr(client.AsyncModelClient, name)
        assert _arguments(sync) == _arguments(async_)
        assert inspect.iscoroutinefunction(async_)
        assert not inspect.iscoroutinefunction(sync)


@pytest.mark.parametrize(
    ("sync", "async_"), [(client.RestClient, client.AsyncRestClient), (client.GrpcClient, client.AsyncGrpcClient)]
)
def test_both_are_made_alike(sync, async_):
    assert _arguments(sync.__init__) == _arguments(async_.__init__)
    assert {"timeout_seconds", "retries"} <= dict(_arguments(sync.__init__)).keys()


@pytest.mark.parametrize("name", ["status", "metadata", "predict", "recommend", "classify", "regress"])
def test_every_call_takes_version_label_and_timeout(name):
    arguments = dict(_arguments(getattr(client.ModelClient, name)))
    assert [arguments[each] for each in ("version", "version_label", "timeout_seconds")] == [None] * 3
