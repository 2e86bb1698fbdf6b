"""Web servers on this machine that behave as bad ones do."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONTENT = b"u1,i1\n" * 100


class _Bad(http.server.SimpleHTTPRequestHandler):
    """The first part of the path says how to answer; ``/good/...`` gives the files of ``folder``."""

    folder = ""
    failures = 0

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/good"))

    def do_GET(self) -> None:
        how = self.path.split("/")[1]
        if how in ("403", "404", "500", "503"):
            return self.send_error(int(how))
        if how == "flaky" and _Bad.failures > 0:
            _Bad.failures -= 1
            return self.send_error(503)
        if how == "good":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if how == "truncated":
            self.wfile.write(CONTENT[:100])
        elif how == "silent":
            time.sleep(1)
        elif how == "trickling":
            for n in range(20):
                self.wfile.write(CONTENT[n : n + 1])
                self.wfile.flush()
                time.sleep(0.05)
        else:
            self.wfile.write(CONTENT)
        return None

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def bad_server(folder: Path, failures: int = 0) -> Iterator[str]:
    """Its address, which ends in a slash; ``/flaky/`` fails so many times first."""
    _Bad.failures = failures
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: _Bad(*a, directory=str(folder))) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up here on purpose
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
