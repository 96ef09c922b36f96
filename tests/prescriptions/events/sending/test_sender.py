"""One message: to the very address that was checked, in its time, and no further than to whom it is addressed."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpcore
import pytest
from pytest_django import Settings

from prescriptions.events.sending.connections import Resolve, by_system
from prescriptions.events.sending.sender import Answer, Message, Sender
from tests.deploy.certificates import certificate_for, certificates
from tests.receiver import Receiver, receiving

PUBLIC = "93.184.215.14"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def private(settings: Settings) -> None:
    settings.RX_WEBHOOK_ALLOW_PRIVATE = True


def post(url: str, resolve: Resolve = by_system) -> Answer:
    headers = {"host": url.split("/")[2], "content-type": "application/json"}
    sender = Sender(resolve)
    with closing(sender):
        return sender.send(Message(url, headers, b'{"a":1}')).result(20)


class Names:
    """A resolver whose answers change from one question to the next, as an attacker's would."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0.0.0.0"),  # noqa: S104
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::]"),
    ],
)
def test_no_form_of_an_address_leads_to_this_machine(host: str, receiver: Receiver) -> None:
    """Not even where whoever looked at its text saw nothing wrong with it."""
    before = len(receiver.got)
    port = receiver.url.split(":")[2]

    answer = post(f"http://{host}:{port}")

    assert (answer.status, answer.error) in {(None, "address-refused"), (None, "name-unknown")}
    assert answer.error == "address-refused" or "64:ff9b" in host
    assert len(receiver.got) == before


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]])
def test_a_name_that_leads_to_us_is_refused(addresses: list[str], receiver: Receiver) -> None:
    names, before = Names(addresses), len(receiver.got)

    answer = post(f"http://shop.example:{receiver.url.split(':')[2]}", names)

    assert (answer.status, answer.error, names.asked) == (None, "address-refused", 1)
    assert len(receiver.got) == before


def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that would lead to this machine if it were asked a second time is asked once."""
    called: list[str] = []

    async def connect(_self: Any, host: str, *_: Any, **__: Any) -> Any:
        called.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    names = Names([PUBLIC], ["127.0.0.1"])

    answer = post("https://shop.example/hook", names)

    assert (answer.error, called, names.asked) == ("connect", [PUBLIC], 1)


def test_no_redirect_is_followed(receiver: Receiver, private: None) -> None:
    receiver.answer, receiver.location = (lambda _event: 307), receiver.url
    before = len(receiver.got)

    answer = post(receiver.url)

    receiver.answer, receiver.location = (lambda _event: 200), ""
    assert (answer.status, answer.is_good, len(receiver.got) - before) == (307, False, 1)


@contextmanager
def talking(*pieces: bytes, endless: bytes = b"") -> Iterator[str]:
    """A server that says these and then, for as long as it is listened to, `endless`, or nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                for piece in pieces:
                    connection.sendall(piece)
                while not ended.wait(0.05 if len(endless) == 1 else 0):
                    connection.sendall(endless)
            except OSError:
                ended.set()

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        ended.set()
        thread.join(10)
        listener.close()


@pytest.mark.parametrize(("pieces", "endless"), [((b"HTTP/1.1 200 OK\r\nX: ",), b"a"), ((), b"")])
def test_a_receiver_that_takes_for_ever_has_its_time(
    pieces: tuple[bytes, ...], endless: bytes, private: None, settings: Settings
) -> None:
    settings.RX_WEBHOOK_TIMEOUT = 0.5

    with talking(*pieces, endless=endless) as url:
        answer = post(url)

    assert (answer.status, answer.error) == (None, "timeout")


def test_of_an_endless_answer_only_the_status_is_read(private: None) -> None:
    with talking(b"HTTP/1.1 202 Accepted\r\nContent-Length: 99999999999\r\n\r\n", endless=b"a" * 65536) as url:
        assert post(url).is_good


def test_what_is_no_http_is_one_more_failure(private: None) -> None:
    with talking(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", endless=b"") as url:
        assert post(url).error in ("protocol", "timeout")
    assert post("http://127.0.0.1:1/").error == "connect"
    assert post("http://nothing.invalid/").error == "name-unknown"


def test_tls_asks_for_the_name_and_checks_it(private: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = certificates(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "trust" / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_for("shop.example", folder))
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)  # type: ignore[assignment]

    with receiving(tls=context) as receiver:
        port = receiver.url.split(":")[2]
        good = post(f"https://shop.example:{port}", Names(["127.0.0.1"]))
        other = post(f"https://other.example:{port}", Names(["127.0.0.1"]))

    assert (good.status, other.status, other.error) == (200, None, "tls")
    assert asked == ["shop.example", "other.example"]
    assert len(receiver.got) == 1
