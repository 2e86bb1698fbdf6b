"""What nothing in the project may do, and what names that come from somebody's data cannot do."""

import ast
import io
import signal
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import InputError, ParamsError, PmtrecError
from pipeline.secrets import has_secret
from pipeline.terminal import running
from pipeline.terminal.screen import say, show_table
from tests.project import Project
from tests.sources import CUSTOM, ROOT, project_files

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "telnetlib", "ftplib", "xml"}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "torch.load",
    "torch.save",
    "torch.hub.load",
    "pd.read_pickle",
    "yaml.load",
    "yaml.unsafe_load",
    "tempfile.mktemp",
}
FORBIDDEN_ARGUMENTS = {"allow_pickle": True, "shell": True, "verify": False, "weights_only": False}


def calls(path: str) -> Iterator[ast.Call]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", project_files())
def test_no_file_loads_code_or_starts_a_shell(path: str) -> None:
    """``S`` of ruff, which is bandit, is on beside; numba's own cache is the one pickle, and has a checksum."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    imported = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & FORBIDDEN_MODULES
    for call in calls(path):
        assert ast.unparse(call.func) not in FORBIDDEN_CALLS, f"line {call.lineno}"
        for keyword in call.keywords:
            if keyword.arg in FORBIDDEN_ARGUMENTS and isinstance(keyword.value, ast.Constant):
                assert keyword.value.value != FORBIDDEN_ARGUMENTS[keyword.arg], f"line {call.lineno}"


def test_the_list_finds_what_it_forbids() -> None:
    (call,) = [node for node in ast.walk(ast.parse("torch.load(path)")) if isinstance(node, ast.Call)]
    assert ast.unparse(call.func) in FORBIDDEN_CALLS


HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07",
    "[red]x[/red]",
    "[/x]",
    "a\rb",
    "\u202egnp.exe",
    "=1+1",
    "\U0001f469\u200d\U0001f680",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_cannot_steer_a_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_table([{"item_id": name, "score": 0.5}])
    say(f"item {name}")
    shown = capsys.readouterr().out
    assert not set(shown) & set("\x1b\x07\r\u202e")
    if name.isprintable() or "\u200d" in name:
        assert shown.count(name) == 2, "brackets are no markup"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("clicks\x1b[2J.csv: what. Fix: how"), 2, "clicks\\x1b[2J.csv: what. Fix: how"),
        (pa.ArrowMemoryError("realloc failed"), 3, "does not fit into memory. Fix: take less data, or a larger machine"),
    ],
)
def test_nor_in_the_line_of_an_error(monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, line: str) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of the tests stay
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    with pytest.raises(SystemExit) as ended:
        running.run(fail, with_parent=False)
    assert ended.value.code == code
    assert said.getvalue() == f"pmtrec: error: {line}\n"


SECRETS = [
    "https://user:SECRET@127.0.0.1:9/x.csv",
    "https://127.0.0.1:9/x.csv?token=SECRET",
    "https://host/x.csv?page=1&private_token=SECRET",
    "s3://key:SECRET@bucket/x.csv",
    "https://ghp_SECRETSECRETSECRET@host/x.csv",
    "zip://x.csv::https://user:SECRET@host/x.zip",
]


@pytest.mark.parametrize("address", SECRETS)
def test_a_secret_in_a_path_is_refused_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    project = project_of(tmp_path, monkeypatch, address)
    with pytest.raises(ParamsError, match=r"an address without a password or token. Fix: write it as a variable") as refused:
        project.check()
    assert "SECRET" not in str(refused.value)


class Guarded(BaseHTTPRequestHandler):
    """Gives a log to who knows the secret."""

    def do_GET(self) -> None:  # as the library calls it
        known = {"/x.csv?token=SECRET", "Basic " + b64encode(b"user:SECRET").decode()}
        is_known = bool({self.path, self.headers.get("Authorization", "")} & known)
        content = "user,item\n" + "".join(f"u{n % 20},i{n % 7}\n" for n in range(140)) if is_known else ""
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.mark.parametrize("address", ["http://{}/x.csv?token=$TOKEN", "http://user:${{TOKEN}}@{}/x.csv"])
@pytest.mark.parametrize("token", ["SECRET", "NOT-SECRET"])
def test_one_in_a_variable_is_used_and_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, server: str, address: str, token: str
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setenv("TOKEN", token)
    monkeypatch.setattr("pipeline.data.raw.remote.time.sleep", lambda _: None)
    project = project_of(tmp_path, monkeypatch, address.format(server))
    if token == "SECRET":  # noqa: S105
        project.data()
        said = ""
    else:
        with pytest.raises(PmtrecError) as refused:
            project.data()
        said = str(refused.value)
    assert "SECRET" not in said + caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"SECRET" in path.read_bytes()] == []


@pytest.mark.parametrize(
    "address",
    [
        "logs/key=1/token=2.csv",
        "https://host:8080/x.csv?page=2&key=items",
        "https://host/x?mail=a@b",
        "https://user@host/x",
        "a@b:c.csv",
        "folder//2020:01@x.csv",
        "zip://a:b@c.csv::x.zip",
        "s3://bucket/a:b@c.csv",
        "C:\\logs\\x@y.csv",
    ],
)
def test_what_is_no_secret_is_none(address: str) -> None:
    assert not has_secret(address)


def project_of(root: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> Project:
    monkeypatch.setenv("DVC_ROOT", str(root))
    project = Project.in_folder(root, "shop")
    described = f"custom:\n  shop:\n    interactions: {{path: '{address}', user: user, item: item}}\n"
    project.change_params(**{CUSTOM: described})
    return project
