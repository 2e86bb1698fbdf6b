import signal
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from pipeline.tracking import deadline
from pipeline.tracking.deadline import prompt, within


def waited(seconds: float) -> float:
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=rf"^no answer within {seconds:g} s$"), within(seconds):
        time.sleep(5)
    return time.monotonic() - start


def test_what_takes_too_long_is_given_up_and_nothing_stays_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert 0.05 <= waited(0.05) < 2
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    with within(0.05):
        pass
    time.sleep(0.1)  # nothing comes late


def test_of_two_the_sooner_counts_and_the_outer_one_goes_on() -> None:
    with pytest.raises(TimeoutError, match=r"within 0\.1 s"), within(0.1), within(5):
        time.sleep(5)

    def around() -> None:
        waited(0.05)
        time.sleep(5)

    with pytest.raises(TimeoutError, match=r"within 0\.3 s"), within(0.3):
        around()


def test_an_error_of_the_work_is_its_own() -> None:
    with pytest.raises(ZeroDivisionError), within(1):
        _ = 1 / 0


def test_a_client_that_catches_all_errors_cannot_go_on_waiting() -> None:
    def stubborn() -> None:
        for _ in range(50):
            with suppress(Exception):
                time.sleep(0.1)

    with pytest.raises(TimeoutError), within(0.05):
        stubborn()


def test_another_thread_has_no_deadline() -> None:
    ended: list[bool] = []

    def work() -> None:
        with within(0.01):
            time.sleep(0.05)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


def test_every_call_of_a_client_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        tracking_uri = "sqlite:///x"

        def get_run(self, seconds: float) -> str:
            time.sleep(seconds)
            return "run"

        log_artifacts = get_run

    monkeypatch.setattr(deadline, "_CALL", 0.05)
    client: Any = prompt(Client())  # type: ignore[arg-type]
    assert client.tracking_uri == "sqlite:///x"
    assert client.get_run(0) == "run"
    assert client.log_artifacts(0.1) == "run", "files may take long"
    with pytest.raises(TimeoutError):
        client.get_run(5)
