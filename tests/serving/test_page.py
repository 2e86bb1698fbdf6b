"""The page in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project import Project
from tests.web import BROWSER, ask, dom, free_port, serving

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium")


@pytest.fixture(scope="module")
def port(asked: Project) -> Iterator[int]:
    number = free_port()
    with serving(["pipeline.commands.main", "app", "--port", str(number)], asked.root, number, "/api/models"):
        yield number


def test_a_user_with_several_methods_side_by_side(port: int, tmp_path: Path) -> None:
    found = dom(f"http://127.0.0.1:{port}/#user=user-0007", tmp_path)
    assert 'data-ready="user"' in found
    assert "user user-0007" in found
    for label in ("the best, trained on everything", "pmtrec, seed 0", "single_task, seed 0"):
        assert label in found
    assert found.count('data-why="item-') >= 30
    assert '<svg viewBox="0 0 300 120" class="weights"' in found


def test_an_item_and_the_board(port: int, tmp_path: Path) -> None:
    assert "similar items" in dom(f"http://127.0.0.1:{port}/#item=item-0001", tmp_path)
    board = dom(f"http://127.0.0.1:{port}/#board", tmp_path)
    assert board.count('r="6" fill="#') == 3
    assert "with 95% intervals over the users" in board


def test_reasons_and_what_is_not_there(port: int) -> None:
    _, found = ask(port, "GET", "/api/user?models=demo/pmtrec/0&user=user-0007")
    item = found["lists"][0]["items"][0]["id"]
    status, why = ask(port, "GET", f"/api/why?model=demo/pmtrec/0&user=user-0007&item={item}")
    assert status == 200
    assert why["history"]
    assert ask(port, "GET", "/api/item?model=refits/demo&item=nothing")[0] == 400
    assert ask(port, "GET", "/api/user?models=demo/nothing/0&user=a")[0] == 404
    assert ask(port, "GET", "/api/find?model=/tmp&kind=item")[0] == 404
    assert "error" in ask(port, "GET", "/api/find?model=demo")[1]
    _, few = ask(port, "GET", "/api/find?model=refits/demo&kind=item&text=0001")
    assert few["ids"] == [{"id": "item-0001", "title": "item-0001"}]


def test_text_of_the_data_is_never_html(port: int, tmp_path: Path) -> None:
    found = dom(f"http://127.0.0.1:{port}/#user=%3Cimg%20src=x%20onerror=document.title=1%3E", tmp_path)
    assert "<title>pmtrec</title>" in found
    assert "is not known to this model" in found
