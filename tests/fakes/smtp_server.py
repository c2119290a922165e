"""Take mail by SMTP as RFC 5321 has it, keep it, and misbehave when a test asks for it."""

import base64
import contextlib
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

MOST_LINE = 1000


@dataclass
class Server:
    """Hold what a server was told; `mails` are those that it has taken, or has taken without saying so."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    connections: int = 0
    signed_in: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    """Answers to RCPT TO by recipient."""
    silent_after_data: bool = False
    """Take the mail, and hang up before it says so."""
    greeting: str = "220 test ESMTP"
    quit: str = "221 bye"
    gate: threading.Event | None = None
    """What it waits for before it says a word."""

    def ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]


class _Session(socketserver.StreamRequestHandler):
    server: "_Tcp"

    def handle(self) -> None:
        kept, self.secure, self.sender, self.recipients = self.server.kept, False, "", list[str]()
        kept.connections += 1
        if kept.gate:
            kept.gate.wait(30)
        with contextlib.suppress(OSError), contextlib.closing(self):
            self.say(kept.greeting)
            while line := self.rfile.readline(MOST_LINE + 2):
                assert line.endswith(b"\r\n"), line
                verb, _, rest = line.decode("ascii").rstrip("\r\n").partition(" ")
                if not self.obey(verb.upper(), rest):
                    return

    def close(self) -> None:
        """End the encryption, of which the server around does not know."""
        if self.secure:
            self.rfile.close()
            self.wfile.close()
            self.request.close()

    def obey(self, verb: str, rest: str) -> bool:
        """Do one command; return False when the connection is over."""
        kept = self.server.kept
        match verb:
            case "EHLO":
                self.say("250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN" if self.server.tls else "250 test")
            case "STARTTLS" if self.server.tls and not self.secure:
                self.say("220 go on")
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
                self.secure = True
            case "AUTH" if self.secure:
                _, name, word = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")
                kept.signed_in.append((name, word))
                self.say("235 welcome" if word == "sesame" else "535 5.7.8 not you")
            case "MAIL":
                self.sender, self.recipients = rest.partition("<")[2].partition(">")[0], []
                self.say("250 ok")
            case "RCPT" if self.sender:
                recipient = rest.partition("<")[2].partition(">")[0]
                answer = kept.refuse.get(recipient, "250 ok")
                self.recipients += [recipient] if answer.startswith("250") else []
                self.say(answer)
            case "DATA" if self.recipients:
                self.say("354 go on")
                return self.data()
            case "RSET" | "NOOP":
                self.say("250 ok")
            case "QUIT":
                self.say(kept.quit)
                return False
            case _:
                self.say("503 5.5.1 not now")
        return True

    def data(self) -> bool:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            assert line.endswith(b"\r\n"), line
            assert len(line) <= MOST_LINE, len(line)
            line.decode("ascii")  # 8BITMIME is not offered
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        kept = self.server.kept
        kept.envelopes.append((self.sender, self.recipients))
        kept.encrypted.append(self.secure)
        mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        kept.mails.append(mail)
        if kept.silent_after_data:
            return False
        self.say("250 taken")
        return True

    def say(self, answer: str) -> None:
        self.wfile.write(answer.encode() + b"\r\n")


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    kept: Server
    tls: ssl.SSLContext | None = None


@contextmanager
def serving(certificate: str = "") -> Iterator[Server]:
    """Serve, with STARTTLS and AUTH if there is a file of key and certificate."""
    with _Tcp(("127.0.0.1", 0), _Session) as server:
        server.kept = Server(port=server.server_address[1])
        if certificate:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.tls.load_cert_chain(certificate)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.kept
        finally:
            server.shutdown()
            thread.join()
