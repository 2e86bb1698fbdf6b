"""`pmtrec serve` as a process, asked over HTTP."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.project import Project
from tests.web import ask, free_port, serving


@pytest.fixture(scope="module")
def port(asked: Project) -> Iterator[int]:
    number = free_port()
    command = ["pipeline.commands.main", "serve", "--from", "demo", "--port", str(number), "--poll", "0.3"]
    with serving(command, asked.root, number, DVC_ROOT=str(asked.root)):
        yield number


def test_a_user_gets_a_list_and_what_it_rests_on(port: int) -> None:
    status, found = ask(port, "POST", "/recommend", {"user_id": "user-0007", "k": 3})
    assert status == 200
    assert (found["user_id"], found["basis"], len(found["items"])) == ("user-0007", "history", 3)
    assert found["scores"] == sorted(found["scores"], reverse=True)
    assert found["version"] == "pmtrec-demo/1"


def test_many_users_and_histories_at_once(port: int) -> None:
    asks = [{"items": ["item-0001", "item-0002"]}, {"user_id": 12}, {"item_id": "item-0001"}]
    _, found = ask(port, "POST", "/recommend", {"users": ["user-0007"], "asks": asks, "k": 2})
    assert [one["basis"] for one in found["answers"]] == ["history", "items", "popular", "item"]
    assert all(len(one["items"]) == 2 for one in found["answers"])


def test_filters_and_similar_and_reasons(port: int) -> None:
    _, first = ask(port, "POST", "/recommend", {"user_id": "user-0007", "k": 2})
    _, second = ask(port, "POST", "/recommend", {"user_id": "user-0007", "k": 1, "exclude": first["items"][:1]})
    assert second["items"] == first["items"][1:]
    _, alike = ask(port, "POST", "/similar", {"items": ["item-0001", "nothing"], "k": 2})
    assert [one["basis"] for one in alike["answers"]] == ["item", "unknown"]
    _, why = ask(port, "POST", "/explain", {"user_id": "user-0007", "item_id": first["items"][0], "n": 2})
    assert len(why["history"]) == 2


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "the body is no JSON"),
        (b"[1]", 400, "the body must be an object"),
        (b"[" * 100_000, 400, "the body is no JSON"),
        ({}, 400, "nobody is asked for"),
        ({"user_id": "a", "k": 0}, 400, "k: must be a whole number in 1..1000, found '0'"),
        ({"user_id": "a", "k": 10**30}, 400, "k: must be"),
        ({"user_id": {"a": 1}}, 400, "user_id: must be text or a whole number"),
        ({"user_id": "a", "exclude": "b"}, 400, "exclude: must be a list of ids"),
        ({"user_id": "a", "exclude_seen": 1}, 400, "exclude_seen: must be true or false"),
        ({"user_id": "a", "kk": 3}, 400, "kk: there is no such key"),
        ({"users": "a"}, 400, "users: must be a list"),
        ({"users": 5}, 400, "users: must be a list"),
        ({"asks": 7}, 400, "asks: must be a list"),
        ({"items": 3}, 400, "items: must be a list of ids"),
        ({"user_id": "\ud800"}, 400, "user_id: must be text"),
        (b'{"user_id": NaN}', 400, "the body is no JSON"),
        ({"users": ["a"], "asks": [{"user_id": "b"}] * 10_000}, 413, "10,001 questions are too many"),
        ({"users": ["a"] * 5_000, "k": 1000}, 413, "5,000,000 items are too many for an answer"),
        ({"asks": ["a"]}, 400, "asks: must be a list of objects"),
        ({"users": ["a"] * 10_001}, 413, "10,001 questions are too many"),
        (b'{"user_id": "' + b"a" * 9 * 2**20 + b'"}', 413, "the body is larger than 8 MiB"),
    ],
)
def test_what_is_wrong_is_json_with_a_reason(port: int, body: Any, status: int, reason: str) -> None:
    found = ask(port, "POST", "/recommend", body)
    assert (found[0], set(found[1])) == (status, {"error"})
    assert reason in found[1]["error"]
    assert "Traceback" not in found[1]["error"]
    assert "/" not in found[1]["error"].replace("and/or", "")


def test_a_list_to_choose_from_that_is_empty_leaves_nothing(port: int) -> None:
    assert ask(port, "POST", "/recommend", {"user_id": "user-0007", "only": []})[1]["items"] == []
    _, alike = ask(port, "POST", "/similar", {"item_id": "item-0001", "k": 2})
    _, fewer = ask(port, "POST", "/similar", {"item_id": "item-0001", "k": 1, "exclude": alike["items"][:1]})
    assert fewer["items"] == alike["items"][1:]
    assert ask(port, "POST", "/similar", {"item_id": "item-0001", "kk": 2})[0] == 400


def test_a_page_of_another_site_cannot_ask(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"the server is not called so" in answer


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/recommend", 405)])
def test_other_paths_are_json_too(port: int, method: str, path: str, status: int) -> None:
    found = ask(port, method, path)
    assert found[0] == status
    assert set(found[1]) == {"error"}


def test_many_clients_at_once(port: int) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for _ in range(20):
            status, found = ask(port, "POST", "/recommend", {"user_id": f"user-{number:04d}", "k": 5})
            if status != 200 or found["user_id"] != f"user-{number:04d}":
                wrong.append(found)

    threads = [threading.Thread(target=work, args=[number]) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.slow  # as long as the server waits for a body
def test_slow_clients_keep_nobody_waiting(port: int) -> None:
    """Thirty clients that have sent half of a request."""
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    for one in slow:
        one.sendall(b"POST /recommend HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
    started = time.monotonic()
    assert ask(port, "POST", "/recommend", {"user_id": "user-0007"})[0] == 200
    assert time.monotonic() - started < 5
    answer = slow[0].recv(1000)
    assert b"408" in answer.split(b"\r\n")[0]
    for one in slow:
        one.close()


def test_health_version_and_counts(port: int) -> None:
    assert ask(port, "GET", "/health") == (200, {"status": "ok"})
    _, version = ask(port, "GET", "/version")
    assert (version["dataset"], version["model"]) == ("demo", "pmtrec-demo/1")
    assert ask(port, "POST", "/recommend", {"user_id": "user-0007"})[0] == 200
    _, text = ask(port, "GET", "/metrics")
    assert 'pmtrec_requests_total{path="/health",status="200"}' in text
    assert 'pmtrec_request_seconds_bucket{le="0.001",path="/recommend"}' in text


def test_a_champion_that_is_another_is_served_without_a_restart(port: int, in_project: Path) -> None:
    import mlflow

    from pipeline.tracking.completion import tracked
    from pipeline.tracking.registry import CHAMPION

    with tracked() as client:
        mlflow.set_tracking_uri(client.tracking_uri)  # where MLflow itself looks the model up
        version = client.get_model_version_by_alias("pmtrec-demo", CHAMPION)
        other = client.create_model_version("pmtrec-demo", str(version.source), version.run_id, tags=dict(version.tags))
        client.set_registered_model_alias("pmtrec-demo", CHAMPION, other.version)
        until = time.monotonic() + 20
        while ask(port, "GET", "/version")[1]["model"] != f"pmtrec-demo/{other.version}":
            assert time.monotonic() < until
            time.sleep(0.1)
        client.set_registered_model_alias("pmtrec-demo", CHAMPION, version.version)
        while ask(port, "GET", "/version")[1]["model"] != "pmtrec-demo/1":
            assert time.monotonic() < until
            time.sleep(0.1)
        client.delete_model_version("pmtrec-demo", other.version)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_its_workers_end_with_it(asked: Project, how: signal.Signals) -> None:
    number = free_port()
    command = ["pipeline.commands.main", "serve", "--from", "demo/pmtrec/0", "--port", str(number), "--workers", "2"]
    with serving(command, asked.root, number, DVC_ROOT=str(asked.root)) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) >= 2
        until = time.monotonic() + 10
        while "pmtrec_requests_total" not in ask(number, "GET", "/metrics")[1]:  # a worker counts when it has answered
            assert time.monotonic() < until
        os.kill(process.pid, how)
        process.wait(20)
        until = time.monotonic() + 15
        while any(_is_alive(child) for child in children):
            assert time.monotonic() < until
            time.sleep(0.1)


def _is_alive(pid: str) -> bool:
    """Whether a process runs; one that is over and that nobody waits for does not."""
    stat = Path("/proc", pid, "stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
