"""Is a server ready? Each probe asks it for what it is there for, and answers within about two seconds."""

import http.client
import socket
from collections.abc import Callable

from rxproject.buckets import Identity, client, prepare
from rxproject.local.stack.ports import LOOPBACK

Probe = Callable[[], bool]
_TIMEOUT = 2.0


def http_status(port: int, path: str, *, host: str = LOOPBACK) -> int:
    """Status of GET `path`; 0 when there is no HTTP answer."""
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def http_answers(port: int, path: str, *, status: int = 200, host: str = LOOPBACK) -> bool:
    return http_status(port, path, host=host) == status


def redis_answers(port: int, password: str, *, host: str = LOOPBACK) -> bool:
    """AUTH and PING by hand: a client library would retry and keep a pool."""
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT) as link:
            link.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := link.recv(256)):  # one line for each command
                answer += part
            return b"+PONG" in answer
    except OSError:
        return False


def s3_is_writable(port: int, secret_key: str, *, host: str = LOOPBACK) -> bool:
    """Wait for health, then make the buckets and write to both. True once everything held."""
    if not http_answers(port, "/healthz", host=host):
        return False
    from botocore.exceptions import BotoCoreError, ClientError  # Lazy: imported while the servers start

    try:
        prepare(client(f"http://{host}:{port}", Identity.BOOTSTRAP, secret_key))
    except (BotoCoreError, ClientError):
        return False
    return True


def worker_answers(broker_url: str, node: str) -> bool:
    """Celery's own ping through the broker: the worker consumes its queues."""
    from celery import Celery  # Lazy: these too
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    app = Celery("runstack", broker=broker_url, set_as_current=False)
    try:
        with app.connection_for_write() as connection:
            return bool(app.control.inspect(timeout=0.5, connection=connection, destination=[node]).ping())
    except (OSError, OperationalError, RedisError):
        return False
    finally:
        app.close()
