"""What connections are told besides their address."""

from rxproject.configuration.database import connection


def test_each_side_gives_a_host_up_that_vanished() -> None:
    options = connection("postgresql://rx:secret@db/rx", pool=0)["OPTIONS"]

    assert options["connect_timeout"] == 3
    assert options["tcp_user_timeout"] == 25_000
    assert "-c tcp_user_timeout=25000" in options["options"]


def test_the_address_has_the_last_word() -> None:
    options = connection("postgresql://rx:secret@db/rx?connect_timeout=9&options=-c%20jit%3Doff", pool=0)["OPTIONS"]

    assert (options["connect_timeout"], options["options"]) == (9, "-c jit=off")
