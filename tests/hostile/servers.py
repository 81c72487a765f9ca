"""Web servers on the loopback that serve pictures, or misbehave."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PICTURE = b"\x89PNG picture"
DRIPPING_SECONDS = 60


class _Handler(BaseHTTPRequestHandler):
    """`/photos/...` by the name of what it does; `asked` keeps what came."""

    asked: list[str]
    moved_to: str

    def do_GET(self) -> None:
        """Answer as the path says."""
        self.asked.append(self.path)
        name = self.path.rpartition("/")[2].partition("?")[0]
        length = {"Content-Length": str(len(PICTURE))}
        answers: dict[str, Callable[[], None]] = {
            "moved.png": lambda: self._answer(302, b"", {"Location": self.moved_to}),
            "round.png": lambda: self._answer(302, b"", {"Location": "/photos/round.png"}),
            "busy.png": lambda: self._answer(503, b""),
            "endless.png": lambda: self._drip(b"x" * 10_000, 0),
            "slow.png": lambda: self._drip(b"x", 0.05),
            "slow-header.png": lambda: self._drip(b"HTTP/1.0 200 OK\r\nx", 0.05, head=False),
            "short.png": lambda: self._answer(200, PICTURE, {"Content-Length": "100"}),
            "huge.png": lambda: self._answer(200, b"", {"Content-Length": str(10**12)}),
            "lie.html": lambda: self._answer(200, PICTURE, {"Content-Type": "text/html"}),
            "none.txt": lambda: self._answer(404, b""),
        }
        answers.get(name, lambda: self._answer(200, PICTURE, length))()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, drop: bytes, pause: float, head: bool = True) -> None:
        if head:
            self.send_response(200)
            self.end_headers()
        ended = time.monotonic() + DRIPPING_SECONDS
        try:
            while time.monotonic() < ended:
                self.wfile.write(drop)
                self.wfile.flush()
                time.sleep(pause)
        except OSError:
            return  # the other end has had enough


@contextmanager
def server(
    host: str = "127.0.0.1", moved_to: str = "", tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Serve; yields the address `scheme://host:port` and the list of paths that were asked for."""
    handler = type("Handler", (_Handler,), {"asked": [], "moved_to": moved_to})
    serving = ThreadingHTTPServer((host, 0), handler)
    serving.daemon_threads = True
    if tls is not None:
        serving.socket = tls.wrap_socket(serving.socket, server_side=True)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://{host}:{serving.server_port}", handler.asked
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()


def own_certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate of 127.0.0.1 that it signed itself, `own.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hostile")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "own.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "own.key").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem", folder / "own.key")
    return context


@contextmanager
def silent_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Accepts connections and never says a word; yields HOST:PORT."""
    with socket.create_server((host, port)) as listening:
        yield f"{host}:{listening.getsockname()[1]}"


@contextmanager
def black_hole(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Drops connections without an answer, as a firewall does; yields HOST:PORT."""
    with socket.socket() as listening, ExitStack() as waiting:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(0)
        place = listening.getsockname()
        for _ in range(3):  # the kernel drops what comes once nobody accepts
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(place)
        yield f"{host}:{place[1]}"


@contextmanager
def dripping_handshake() -> Iterator[tuple[str, threading.Event]]:
    """TLS that never gets on; yields HOST:PORT, and an event for the other end having left."""
    left = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with listening.accept()[0] as client:
                client.recv(10_000)
                client.sendall(b"\x16\x03\x03\x40\x00")  # a handshake record of 16 KiB
                try:
                    while True:
                        client.sendall(b"\x02")
                        time.sleep(0.02)
                except OSError:
                    left.set()

        threading.Thread(target=drip, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", left


@contextmanager
def server_for_crowds(count: int, picture: bytes) -> Iterator[str]:
    """Serves a picture to `count` clients once all of them are there, and to none before."""
    together = threading.Barrier(count)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            together.wait()
            self.send_response(200)
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = count
        daemon_threads = True

    serving = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}"
    finally:
        together.abort()
        serving.shutdown()
        serving.server_close()
        thread.join()


@contextmanager
def versioned_server(answers_head: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Serves a page whose headers, and `body`, a dictionary has; yields the address and that."""
    told: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in told.items():
                if name != "body":
                    self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(told.get("body", "").encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    if answers_head:
        Handler.do_HEAD = Handler.do_GET  # type: ignore[attr-defined]
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.daemon_threads = True
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}", told
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()
