"""Job queue: sharing, progress, cancellation."""

import threading
import time

import pytest

from engine import jobs as jobs_module
from engine.errors import SelectionError
from engine.jobs import Jobs, _remaining
from tests.waiting import PATIENCE, wait_for


class Gate:
    """A computation that waits to be let through, and checks whether it is still wanted."""

    def __init__(self):
        self.calls = 0
        self.started = threading.Event()
        self.open = threading.Event()

    def __call__(self, job):
        self.calls += 1
        self.started.set()
        while not self.open.wait(0.002):
            job.check()


@pytest.fixture
def jobs():
    queue = Jobs()
    yield queue
    queue.close()


def nothing(job):
    pass


def test_twenty_threads_asking_for_one_key_compute_once(jobs):
    gate = Gate()
    everyone_asked = threading.Barrier(20, action=gate.open.set)
    answers = []

    def ask(index):
        jobs.submit("key", gate, f"client {index}")
        everyone_asked.wait(PATIENCE)
        answers.append(jobs.wait("key", PATIENCE).state)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == ["done"] * 20
    assert gate.calls == 1


def test_states_follow_each_other(jobs):
    gate = Gate()
    assert jobs.status("key") is None
    assert jobs.submit("key", gate).state in ("queued", "running")
    assert gate.started.wait(PATIENCE)
    assert jobs.status("key").state == "running"
    assert jobs.submit("later", nothing).state == "queued"
    gate.open.set()
    done = jobs.wait("later", PATIENCE)
    assert (done.state, done.fraction, done.remaining) == ("done", 1.0, 0.0)
    assert jobs.status("key").is_over


def test_progress_never_falls_and_names_the_stage(jobs):
    gate = Gate()

    def work(job):
        job.report("distances", 0.5)
        job.report("eigenpairs", 0.3)
        gate(job)

    jobs.submit("key", work, predicted=100.0)
    assert gate.started.wait(PATIENCE)
    status = jobs.status("key")
    assert (status.stage, status.fraction) == ("eigenpairs", 0.5)
    assert 0.0 < status.remaining < 100.0
    gate.open.set()
    assert jobs.wait("key", PATIENCE).fraction == 1.0


def test_remaining_time_moves_from_prediction_to_measurement():
    assert _remaining(0.0, 0.0, None) is None
    assert _remaining(1.0, 0.0, 10.0) == 9.0
    assert _remaining(5.0, 0.5, None) == pytest.approx(5.0)
    assert _remaining(20.0, 0.9, 10.0) == pytest.approx(0.9 * 20.0 / 9)


def test_the_last_interested_client_cancels(jobs):
    gate = Gate()
    jobs.submit("key", gate, "ann")
    jobs.submit("key", gate, "bob")
    assert gate.started.wait(PATIENCE)
    jobs.cancel("key", "ann")
    jobs.cancel("key", "ann")
    jobs.cancel("key", "a stranger")
    assert jobs.wait("key", 0.05).state == "running"
    jobs.cancel("key", "bob")
    assert jobs.wait("key", PATIENCE).state == "cancelled"
    assert jobs.submit("next", nothing).state != "cancelled"
    assert jobs.wait("next", PATIENCE).state == "done", "the worker takes the next job"


def test_a_queued_job_is_dropped_at_once(jobs):
    gate, dropped = Gate(), Gate()
    jobs.submit("running", gate, "ann")
    jobs.submit("queued", dropped, "bob")
    assert jobs.cancel("queued", "bob").state == "cancelled"
    gate.open.set()
    jobs.submit("last", nothing)
    assert jobs.wait("last", PATIENCE).state == "done"
    assert dropped.calls == 0


def test_rapid_requests_cost_at_most_two_computations(jobs):
    gates = [Gate() for _ in range(10)]
    gates[-1].open.set()
    for index, gate in enumerate(gates):
        jobs.submit(f"key {index}", gate, "ann")
    assert jobs.wait("key 9", PATIENCE).state == "done"
    assert sum(gate.calls for gate in gates) <= 2
    assert [jobs.wait(f"key {index}", PATIENCE).state for index in range(9)] == ["cancelled"] * 9


def test_a_newer_request_leaves_other_clients_alone(jobs):
    first, second = Gate(), Gate()
    jobs.submit("shared", first, "ann")
    jobs.submit("shared", first, "bob")
    assert first.started.wait(PATIENCE)
    jobs.submit("another", second, "ann")
    assert jobs.status("shared").state == "running"
    first.open.set()
    second.open.set()
    assert jobs.wait("another", PATIENCE).state == "done"
    assert jobs.status("shared").state == "done"


def test_the_nameless_client_may_want_several_keys(jobs):
    first, second = Gate(), Gate()
    jobs.submit("first", first)
    jobs.submit("second", second)
    first.open.set()
    second.open.set()
    assert jobs.wait("second", PATIENCE).state == "done"
    assert jobs.status("first").state == "done"


def test_asking_again_before_the_stop_completes(jobs):
    calls = []
    reached, go_on = threading.Event(), threading.Event()

    def work(job):
        calls.append(job.key)
        reached.set()
        assert go_on.wait(PATIENCE)
        if len(calls) == 1:
            raise jobs_module.JobCancelled("stopped a moment before it was wanted again")

    jobs.submit("key", work, "ann")
    assert reached.wait(PATIENCE)
    jobs.cancel("key", "ann")
    jobs.submit("key", work, "bob")
    go_on.set()
    assert jobs.wait("key", PATIENCE).state == "done"
    assert len(calls) == 2


def test_a_self_cancelling_computation_is_not_repeated(jobs):
    def give_up(job):
        raise jobs_module.JobCancelled("by itself")

    jobs.submit("key", give_up, "ann")
    assert jobs.wait("key", PATIENCE).state == "cancelled"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SelectionError("Two checkpoints are selected: select three."), "Two checkpoints are selected: select three."),
        (ZeroDivisionError("by nought"), jobs_module.DEFECT),
        (SystemExit(3), jobs_module.DEFECT),
        (MemoryError(), jobs_module.NO_MEMORY),
    ],
)
def test_a_failure_is_a_sentence_sparing_the_worker(jobs, caplog, error, message):
    def fail(job):
        raise error

    jobs.submit("key", fail)
    status = jobs.wait("key", PATIENCE)
    assert (status.state, status.message) == ("failed", message)
    (record,) = caplog.records
    assert (record.exc_info is None) is isinstance(error, SelectionError), "a defect's traceback is in the log"
    jobs.submit("key", nothing)
    assert jobs.wait("key", PATIENCE).state == "done", "a new request computes again"


def test_the_table_of_finished_jobs_is_bounded(jobs, monkeypatch):
    monkeypatch.setattr(jobs_module, "REMEMBERED", 10)
    for index in range(40):
        jobs.submit(f"key {index}", nothing)
        jobs.wait(f"key {index}", PATIENCE)
    assert len(jobs._table) <= 11
    assert jobs.status("key 0") is None
    assert jobs.status("key 39").state == "done"


def test_an_overlong_queue_is_refused_and_recovers(jobs, monkeypatch):
    monkeypatch.setattr(jobs_module, "LONGEST_QUEUE", 3)
    gate = Gate()
    jobs.submit("running", gate)
    assert gate.started.wait(PATIENCE)
    states = [jobs.submit(f"key {index}", nothing).state for index in range(4)]
    assert states == ["queued", "queued", "queued", "failed"]
    assert "ask again" in jobs.status("key 3").message
    gate.open.set()
    jobs.wait("key 2", PATIENCE)
    jobs.submit("key 3", nothing)
    assert jobs.wait("key 3", PATIENCE).state == "done"


def test_waiting_gives_up_when_the_time_is_up(jobs):
    gate = Gate()
    jobs.submit("key", gate)
    began = time.monotonic()
    assert not jobs.wait("key", 0.05).is_over
    assert time.monotonic() - began < PATIENCE
    assert jobs.wait("unknown", 0.05) is None


def test_closing_stops_the_running_job_and_the_worker():
    jobs = Jobs()
    gate = Gate()
    jobs.submit("running", gate, "ann")
    jobs.submit("queued", nothing, "bob")
    assert gate.started.wait(PATIENCE)
    worker = jobs._worker
    jobs.close()
    wait_for(lambda: not worker.is_alive())
    assert [jobs.status(key).state for key in ("running", "queued")] == ["cancelled", "cancelled"]
    assert jobs.submit("after", nothing).state == "cancelled"


def test_clients_changing_their_minds_get_their_last_request(jobs):
    def work(job):
        for _ in range(3):
            time.sleep(0.0005)
            job.check()

    def session(name):
        for index in range(30):
            jobs.submit(f"key {(name + index) % 7}", work, f"client {name}")
            time.sleep(0.0005)
        jobs.submit(f"last {name % 7}", work, f"client {name}")

    threads = [threading.Thread(target=session, args=(index,)) for index in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert {jobs.wait(f"last {index}", PATIENCE).state for index in range(7)} == {"done"}


def test_work_that_gives_way_waits_for_the_queue(jobs):
    gate, checks = Gate(), []
    jobs.give_way(lambda: pytest.fail("nothing to wait for"))
    jobs.submit("key", gate, "someone")
    waiting = threading.Thread(target=jobs.give_way, args=(lambda: checks.append(time.monotonic()),))
    waiting.start()
    wait_for(lambda: len(checks) > 1)
    assert waiting.is_alive()
    gate.open.set()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
