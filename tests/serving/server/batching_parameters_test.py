import logging
import os

import pytest

from serving.server import batching_parameters, server_config


@pytest.fixture(name="read")
def _read(tmp_path):
    path = tmp_path / "batching.config"

    def read(text):
        path.write_text(text)
        return batching_parameters.read(path)

    return read


def test_every_parameter_is_read(read):
    # As in the tests of saved_model_bundle_factory and bundle_factory_util of TensorFlow Serving.
    parameters = read(
        """
        max_batch_size { value: 128 }
        batch_timeout_micros { value: 1500 }
        max_enqueued_batches { value: 1000000 }
        num_batch_threads { value: 8 }
        thread_pool_name { value: "pool" }
        allowed_batch_sizes: 32
        allowed_batch_sizes: 128
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: True }
        max_execution_batch_size { value: 64 }
        """
    )
    assert parameters == batching_parameters.BatchingParameters(
        128, 1500, 1_000_000, 8, "pool", (32, 128), True, True, 64
    )
    assert parameters.execution_batch_size == 64
    assert parameters.batch_timeout_seconds == pytest.approx(0.0015)


def test_what_is_left_out_is_as_in_the_shared_batch_scheduler(read):
    # Options and QueueOptions in shared_batch_scheduler.h; port::MaxParallelism() is the number of usable CPUs.
    parameters = read("")
    assert parameters == batching_parameters.BatchingParameters(
        1000, 0, 10, len(os.sched_getaffinity(0)), "batch_threads", (), False, False, None
    )
    assert parameters.execution_batch_size == 1000


def test_without_a_file_the_threads_are_named_by_the_model_server():
    # Server::BuildAndStart in server.cc.
    assert batching_parameters.without_file().thread_pool_name == "model_server_batch_threads"


def test_large_requests_run_in_batches_of_the_largest_size_unless_told_otherwise(read):
    # GetQueueOptions in bundle_factory_util.h.
    parameters = read("max_batch_size { value: 8 } enable_large_batch_splitting { value: true }")
    assert parameters.execution_batch_size == 8


def test_the_size_of_large_batches_has_no_effect_without_splitting_and_the_log_says_so(read, caplog):
    with caplog.at_level(logging.WARNING, "absl"):
        parameters = read("max_batch_size { value: 8 } max_execution_batch_size { value: 4 }")
    assert parameters.execution_batch_size == 8
    assert "max_execution_batch_size has no effect" in caplog.text


def test_a_queue_of_no_batches_counts_as_one_and_the_log_says_so(read, caplog):
    # SharedBatchScheduler::AddQueue.
    with caplog.at_level(logging.WARNING, "absl"):
        assert read("max_enqueued_batches { value: 0 }").max_enqueued_batches == 1
    assert "max_enqueued_batches is 0, which counts as 1" in caplog.text


@pytest.mark.parametrize(("num_rows", "size"), [(1, 2), (2, 2), (3, 8), (8, 8), (9, 9)])
def test_a_batch_is_filled_up_to_the_next_allowed_size(num_rows, size):
    # RoundToLowestAllowedBatchSize in batching_util.cc; larger ones stay as they are.
    assert batching_parameters.BatchingParameters(8, allowed_batch_sizes=(2, 8)).padded_batch_size(num_rows) == size


def test_any_size_is_allowed_where_none_is_named():
    assert batching_parameters.BatchingParameters().padded_batch_size(7) == 7


@pytest.mark.parametrize("sizes", [(2, 4), (4, 8)])
def test_the_last_allowed_size_of_split_requests_may_be_either_limit(sizes):
    batching_parameters.BatchingParameters(
        8, allowed_batch_sizes=sizes, enable_large_batch_splitting=True, max_execution_batch_size=4
    )


# Texts of SharedBatchScheduler and of WrapSessionForBatching and CreateBasicBatchingSession, behind file and line.
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("max_batch_size { value: 0 }", "line 1: max_batch_size must be positive; was 0."),
        ("\nmax_enqueued_batches { value: -1 }", "line 2: max_enqueued_batches must be positive; was -1."),
        ("num_batch_threads {}", "line 1: num_batch_threads must be positive; was 0."),
        (
            "# batch_timeout_micros\nbatch_timeout_micros { value: -5 }",
            "line 2: batch_timeout_micros must be non-negative; was -5.",
        ),
        (
            "enable_large_batch_splitting { value: true }\nmax_enqueued_batches { value: 0 }",
            "line 2: max_enqueued_batches must be positive; was 0.",
        ),
        (
            "max_batch_size { value: 4 }\nallowed_batch_sizes: 2\nallowed_batch_sizes: 2\nallowed_batch_sizes: 4",
            "line 4: allowed_batch_sizes entries must be monotonically increasing and positive; were [2, 2, 4].",
        ),
        (
            "max_batch_size { value: 4 }\nallowed_batch_sizes: [0, 4]",
            "line 2: allowed_batch_sizes entries must be monotonically increasing and positive; were [0, 4].",
        ),
        (
            "max_batch_size { value: 4 }\nallowed_batch_sizes: [2, 3]",
            "line 2: Last entry in allowed_batch_sizes must match max_batch_size; last entry was 3; expected 4.",
        ),
        (
            "allowed_batch_sizes: 8",
            "line 1: Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 1000.",
        ),
        (
            "max_batch_size { value: 4 }\nenable_large_batch_splitting { value: true }\n"
            "max_execution_batch_size { value: 5 }",
            "line 3: When enable_large_batch_splitting is true, max_batch_size must be greater than or equal to "
            "max_execution_batch_size; was 4 and 5.",
        ),
        (
            'thread_pool_name { value: "#" } max_batch_size {}',
            "max_batch_size: max_batch_size must be positive; was 0.",
        ),
        ("max_batch_size: 4", 'line 1, at `max_batch_size: 4`, is no BatchingParameters in .*: Expected "{"'),
        ("max_batch: 4", 'line 1, at `max_batch: 4`, is no BatchingParameters in .* has no field named "max_batch"'),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused_with_file_line_and_field(read, text, sentence):
    with pytest.raises(server_config.ServerConfigError, match=r"/batching\.config, " + sentence.replace("[", r"\[")):
        read(text)
