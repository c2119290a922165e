"""Send a byte at a time to whoever connects, for as long as the other side stays."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

EVERY_S = 0.05
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Slow: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
REFUSAL = b"HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"
MAIL = b"220-"
HANDSHAKE = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"
"""A record of TLS of 16 kB."""


@contextmanager
def serving(beginning: bytes, drop: bytes = b"x", asks: bool = True) -> Iterator[str]:
    """Send `beginning` at once to whoever has asked something, then drops; yield the address as HOST:PORT."""
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if asks:
                connection.recv(65_536)
            connection.sendall(beginning)
            while not ended.wait(EVERY_S):
                connection.sendall(drop)

    def run() -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
