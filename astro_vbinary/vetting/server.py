"""Serve the page from this machine."""

import ipaddress
import secrets
import socket
from contextlib import closing

from astro_vbinary.vetting.app import create_app
from astro_vbinary.vetting.painting import warm_up

__all__ = ["is_loopback", "serve"]


def is_loopback(host):
    """Whether only this machine can reach an address.

    Parameters
    ----------
    host : str
        An IP address or a name.

    Returns
    -------
    bool
        True for ``localhost``, 127.0.0.0/8 and ::1.
    """
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(project, store, *, host="127.0.0.1", port=0, announce, **options):
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    project : `~astro_vbinary.vetting.VettingProject`
        What there is to look at.
    store : `~astro_vbinary.vetting.LabelStore`
        Where labels go, open.
    host : str, optional
        Address that is listened at.
    port : int, optional
        Port that is listened at; 0 for any that is free.
    announce : callable
        Is called with the address of the page, token and all, once it answers.
    **options
        As for `~astro_vbinary.vetting.create_app`.

    Raises
    ------
    OSError
        If the address cannot be listened at.
    """
    import uvicorn

    token = secrets.token_urlsafe(32)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY).
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with closing(made) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise OSError(
                f"cannot listen at {host} port {port}: {error.strerror or error}"
            ) from error
        listener.listen(128)
        port = listener.getsockname()[1]
        everywhere = host in ("0.0.0.0", "::")
        app = create_app(
            project,
            store,
            token=token,
            port=port,
            names=[socket.gethostname()] if everywhere else [host],
            any_address=everywhere,
            **options,
        )
        # No log of requests: the first of them holds the token.
        config = uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            server_header=False,
            ws="none",
            lifespan="off",
        )
        name = socket.gethostname() if everywhere else host
        name = f"[{name}]" if ":" in name else name
        warm_up()
        announce(f"http://{name}:{port}/?token={token}")
        uvicorn.Server(config).run(sockets=[listener])
