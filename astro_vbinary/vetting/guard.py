"""Who may talk to the page: one browser on this machine that knows the token.

The model and what it does not cover are in the developer documentation.
"""

import hmac
import ipaddress
import re
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.responses import PlainTextResponse, RedirectResponse

__all__ = ["HEADERS", "Guard"]

#: Largest body of a request, in bytes: a label with a long note is far below.
LARGEST_BODY = 65_536

#: Headers of every answer. The page holds no script, style or frame of its own, and
#: loads nothing from anywhere else.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": with it browsers send "Origin: null" with forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(:(?P<port>\d{1,5}))?")


class Guard:
    """Let requests through to an ASGI application, or refuse them.

    Parameters
    ----------
    app : callable
        The application.
    token : str
        What the address printed at the start holds, and later the cookie.
    port : int
        The port that is listened at.
    names : iterable of str, optional
        Hosts that a request may be to.
    any_address : bool, optional
        Whether it may also be to any IP address: needed where all interfaces are
        listened at, and no way in for a site that gives this machine a name.
    """

    def __init__(self, app, *, token, port, names=(), any_address=False):
        self._app = app
        self._token = token
        self._port = port
        self._names = {"127.0.0.1", "localhost", "[::1]", *map(_bracketed, names)}
        self._any_address = any_address

    @property
    def cookie(self):
        """Name of the cookie (str): cookies do not tell ports apart."""
        return f"astro_vbinary_{self._port}"

    async def __call__(self, scope, receive, send):
        """Answer a request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_guarded(message):
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                message["headers"] += [
                    (name.lower().encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.lower().encode() not in known
                ]
                if b"cache-control" not in known:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        headers = {}
        for name, value in scope["headers"]:
            # Two headers of one name could be understood in two ways.
            if name in headers and name in (b"host", b"origin", b"content-length"):
                await _refuse(400, "a header stands twice")(
                    scope, receive, send_guarded
                )
                return
            headers[name] = value.decode("latin-1")
        answer = self._check(scope, headers)
        if answer is None:
            body = await _read_body(scope, receive)
            if body is None:
                answer = _refuse(413, "the request is too long")
            else:
                await self._app(scope, _replay(body, receive), send_guarded)
                return
        await answer(scope, receive, send_guarded)

    def _check(self, scope, headers):
        """An answer that refuses the request or sets the cookie, or None."""
        if not self._is_here(headers.get(b"host", "")):
            return _refuse(421, "this host name is not served")
        origin = headers.get(b"origin")
        own = f"http://{headers[b'host']}".casefold()
        if origin is not None and origin.casefold() != own:
            return _refuse(403, "requests from other sites are refused")
        site = headers.get(b"sec-fetch-site", "none")
        if site not in ("same-origin", "none"):
            return _refuse(403, "requests from other sites are refused")
        writes = scope["method"] not in ("GET", "HEAD")
        if writes and origin is None:
            return _refuse(403, "a change needs an Origin")
        if writes and headers.get(b"content-type", "").partition(";")[0] != (
            "application/x-www-form-urlencoded"
        ):
            return _refuse(415, "a change comes from a form of the page")
        length = headers.get(b"content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return _refuse(413, "the request is too long")
        if self._knows(self._cookie_of(headers)):
            return None
        return self._first_visit(scope)

    def _first_visit(self, scope):
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get("token", [""])[0]
        if scope["path"] != "/" or scope["method"] != "GET" or not self._knows(given):
            return _refuse(
                403,
                "open the address that astro-vbinary inspect printed, token and all",
            )
        # Away from the address with the token, which would stay in the history.
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            self.cookie, self._token, httponly=True, samesite="strict", path="/"
        )
        return answer

    def _knows(self, given):
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _cookie_of(self, headers):
        try:
            found = SimpleCookie(headers.get(b"cookie", "")).get(self.cookie)
        except CookieError:
            found = None
        return found.value if found else ""

    def _is_here(self, host):
        match = _HOST.fullmatch(host.casefold())
        if match is None or int(match["port"] or 80) != self._port:
            return False
        name = match["name"]
        if name in self._names:
            return True
        if not self._any_address:
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _bracketed(name):
    name = name.casefold()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def _refuse(code, reason):
    return PlainTextResponse(f"Refused: {reason}.\n", status_code=code)


async def _read_body(scope, receive):
    """The whole body, or None where it is too long."""
    body, more = b"", scope["method"] not in ("GET", "HEAD")
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            return None
    return body


def _replay(body, receive):
    sent = False

    async def replay():
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
