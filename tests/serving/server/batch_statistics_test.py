import threading

from serving import errors
from serving.server import batch_statistics


def test_no_count_is_lost_among_threads():
    statistics = batch_statistics.BatchStatistics()

    def count():
        for _ in range(500):
            statistics.add(batches=1, rows=3)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statistics.counts == batch_statistics.BatchCounts(batches=4000, rows=12000)


def test_what_nobody_waited_for_is_counted_by_its_reason():
    statistics = batch_statistics.BatchStatistics()
    statistics.add_unwanted(errors.CancelledError("gone"))
    for _ in range(2):
        statistics.add_unwanted(errors.DeadlineExceededError("late"))
    assert statistics.counts == batch_statistics.BatchCounts(cancelled=1, overdue=2)
