"""A model manager that lends batchers in place of what it loads."""

import contextlib
import gc
import threading
import weakref

import numpy as np
import pytest
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving import tensor_proto
from serving.server import (
    batch_scheduler,
    batch_statistics,
    batcher,
    batching_parameters,
    model_config,
    model_manager,
    model_options,
    model_registry,
    predict,
    version_loader,
)
from tests.serving import tiny_models


@pytest.fixture(name="scheduler")
def _scheduler():
    made = batch_scheduler.BatchScheduler(2)
    yield made
    assert made.stop(grace_seconds=60.0)


def _half_plus(models):
    """Asks for 4 * 0.5 + addend; returns the version that answered, and the answer."""
    request = predict_pb2.PredictRequest(model_spec=model_pb2.ModelSpec(name="tiny"))
    request.inputs["x"].CopyFrom(tensor_proto.to_proto(np.array([4.0], np.float32)))
    with models.lease(request.model_spec) as model:
        response = predict.predict(model, request)
    return response.model_spec.version.value, list(response.outputs["y"].float_val)


@contextlib.contextmanager
def _asked_from_8_threads(models):
    """Gives the list of the answers so far, and ends once all threads have."""
    answers, is_over = [], threading.Event()

    def ask():
        while not is_over.is_set():
            answers.append(_half_plus(models))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    yield answers
    is_over.set()
    for thread in threads:
        thread.join()


def test_versions_are_swapped_under_load_and_the_old_one_leaves_the_memory(
    half_plus_two_dir, half_plus_three_dir, tmp_path, scheduler
):
    tiny_models.publish(half_plus_two_dir, tmp_path, 2)
    parameters = batching_parameters.BatchingParameters(batch_timeout_micros=1000)
    statistics = batch_statistics.BatchStatistics()
    loaded = {}

    def load(options, version, model_dir):
        made = batcher.Batcher(
            version_loader.load_version(options, version, model_dir), scheduler, parameters, statistics
        )
        loaded[version] = weakref.ref(made)
        return made

    def make_manager(model):
        options = model_options.ModelOptions(model.name, model.base_path, poll_wait_seconds=0.02)
        return model_manager.ModelManager(options, load)

    models = model_registry.ModelRegistry(make_manager)
    assert models.start([model_config.ModelConfig("tiny", tmp_path)], lambda: False)

    def is_unloaded():
        gc.collect()
        return loaded[2]() is None

    with _asked_from_8_threads(models) as answers:
        tiny_models.wait_until(lambda: len(answers) > 20)
        tiny_models.publish(half_plus_three_dir, tmp_path, 3)
        tiny_models.wait_until(lambda: (3, [5.0]) in answers)
        tiny_models.wait_until(is_unloaded)
    # By hand: 4 * 0.5 + 2 and + 3. A thread that failed would be an error of the test.
    assert {(version, tuple(answer)) for version, answer in answers} == {(2, (4.0,)), (3, (5.0,))}
    assert statistics.counts.requests == len(answers)
    assert models.stop(60.0)
