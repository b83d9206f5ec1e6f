"""An HTTP server on loopback that a test can ask what it was asked."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Ask:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    def get(self, name, default=None):
        """A parameter, whatever its case."""
        for key, value in self.query.items():
            if key.casefold() == name.casefold():
                return value
        return default


@dataclass
class Reply:
    """What is answered."""

    body: bytes | str = b""
    status: int = 200
    kind: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)


NOT_FOUND = Reply("not here", 404, "text/plain")


class Server:
    """A service on a free port of loopback, as a context manager.

    Subclasses have `reply`, which gets an `Ask` and gives a `Reply`. Everything that
    was asked is kept in ``asked``.
    """

    def __init__(self):
        self.asked = []
        self._lock = threading.Lock()
        self._http = None

    @property
    def url(self):
        """Where it is."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def reply(self, ask):
        raise NotImplementedError

    def paths(self, part=""):
        """Paths that were asked for and hold a text."""
        return [ask.path for ask in self.asked if part in ask.path]

    def __enter__(self):
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.daemon = True
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler_for(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self):
            parts = urlsplit(self.path)
            query = {
                key: values[-1]
                for key, values in parse_qs(parts.query, keep_blank_values=True).items()
            }
            size = int(self.headers.get("Content-Length") or 0)
            ask = Ask(
                self.command,
                parts.path,
                query,
                {k.casefold(): v for k, v in self.headers.items()},
                self.rfile.read(size) if size else b"",
            )
            with server._lock:
                server.asked.append(ask)
            try:
                reply = server.reply(ask)
            except Exception as error:  # a broken server is a failed test, not a hang
                reply = Reply(f"{type(error).__name__}: {error}", 500, "text/plain")
            self._send(_ranged(reply, ask))

        do_GET = do_POST = do_HEAD = _serve  # noqa: N815 - names of http.server

        def _send(self, reply):
            body = reply.body
            body = body.encode() if isinstance(body, str) else body
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(body)))
            for key, value in reply.headers.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    return Handler


def _ranged(reply, ask):
    """A part of a file, where a part was asked for."""
    wanted = ask.headers.get("range", "")
    if reply.status != 200 or not wanted.startswith("bytes="):
        return reply
    body = reply.body.encode() if isinstance(reply.body, str) else reply.body
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    first = int(first)
    last = min(int(last) if last else len(body) - 1, len(body) - 1)
    if first >= len(body):
        return Reply(b"", 416, headers={"Content-Range": f"bytes */{len(body)}"})
    headers = {"Content-Range": f"bytes {first}-{last}/{len(body)}", **reply.headers}
    return Reply(body[first : last + 1], 206, reply.kind, headers)
