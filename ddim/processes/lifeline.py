"""How processes that belong together notice at once that one of them is gone: a connection of each to process 0.

JAX notices too, but after a minute, and without words that help.
"""

import logging
import os
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOST = (
    "Another of these processes has ended, so this one ends too: what that one printed says why. Start all again; "
    "training goes on with --resume, and has lost nothing but the time since its last checkpoint."
)
SECONDS_TO_CONNECT = 20
SECONDS_TO_CLOSE = 5
FAREWELL = b"."

logger = logging.getLogger("ddim")


def listener() -> socket.socket:
    """What process 0 listens with, at a free port."""
    server = socket.create_server(("", 0))
    server.settimeout(SECONDS_TO_CONNECT)
    return server


@contextmanager
def lifeline(address: str, password: bytes, server: socket.socket | None, others: int) -> Iterator[None]:
    """Meanwhile, end this process with code 1 if one is gone that has not come to the end of this.

    `address` is HOST:PORT of the `server` that process 0 alone has, for so many `others` that know the password. Where
    no connection can be had, this is told, and JAX is left to notice.
    """
    try:
        links = [_accepted(server, password) for _ in range(others)] if server else [_connected(address, password)]
    except OSError as error:
        logger.warning("No connection to process 0 at %s (%s): a lost process is noticed late.", address, error)
        links = []
    is_over = threading.Event()
    # Process 0 has a moment to notice by itself, and to write that into the folder of the run.
    patience = SECONDS_TO_CLOSE if server else 0
    threading.Thread(target=_watch, args=[links, is_over, patience], daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
    for link in links:
        link.sendall(FAREWELL)


def _accepted(server: socket.socket, password: bytes) -> socket.socket:
    while True:
        link, _ = server.accept()
        link.settimeout(SECONDS_TO_CONNECT)
        if link.recv(len(password), socket.MSG_WAITALL) == password:
            link.settimeout(None)
            return link
        link.close()


def _connected(address: str, password: bytes) -> socket.socket:
    link = connected(address)
    link.sendall(password)
    return link


def connected(address: str) -> socket.socket:
    """A connection to HOST:PORT. Raises OSError."""
    host, _, port = address.rpartition(":")
    link = socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS_TO_CONNECT)
    link.settimeout(None)
    return link


def _watch(links: list[socket.socket], is_over: threading.Event, patience: int) -> None:
    """Until each link has brought a farewell. One that breaks without ends the process, unless all is over anyway."""
    with selectors.DefaultSelector() as selector:
        for link in links:
            selector.register(link, selectors.EVENT_READ, data=link)
        while selector.get_map():
            for key, _ in selector.select():
                if not _says_farewell(key.data):
                    if is_over.wait(patience):
                        return
                    logger.critical(LOST)
                    os._exit(1)
                selector.unregister(key.fileobj)


def _says_farewell(link: socket.socket) -> bool:
    try:
        return link.recv(1) == FAREWELL
    except OSError:
        return False
