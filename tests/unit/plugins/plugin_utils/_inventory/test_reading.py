"""Which hosts are read at the same time, and parts of the cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import AuthenticationFailed, ConnectionFailed
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory import reading
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory.places import Host
from ansible_collections.nested.hyperv.plugins.plugin_utils._inventory.reading import Needs, Part


def host(name: str, user: str, ticket: Callable[[], None] | None = None) -> Host:
    return Host(name, name, ConnectionOptions(f"http://{name}:5985/wsman", user=user, password="p", ticket=ticket))


def ticket_of(user: str) -> Callable[[], None]:
    def get_ticket() -> None:
        if user == "nobody":
            raise AuthenticationFailed("no Kerberos ticket for nobody")
        os.environ["KRB5CCNAME"] = f"FILE:{user}"

    return get_ticket


@pytest.mark.parametrize("before", ["FILE:mine", None])
def test_hosts_of_two_tickets_are_not_read_at_the_same_time(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        monkeypatch.setenv("KRB5CCNAME", before)
    else:
        monkeypatch.delenv("KRB5CCNAME", raising=False)
    seen: dict[str, str | None] = {}

    def read(known: Host, _needs: Needs, _timeout: float, now: float, _warn: Any) -> Part:
        seen[known.name] = os.environ.get("KRB5CCNAME")
        if known.options.ticket:
            known.options.ticket()
        return Part(known.options.name, now, Needs(), [], [])

    monkeypatch.setattr(reading, "read", read)
    users = {"a1": "a", "b1": "b", "n1": "nobody", "a2": "a"}
    hosts = [host("basic", "admin"), *(host(name, user, ticket_of(user)) for name, user in users.items())]
    results = reading.read_all(hosts, Needs(), 8, 60, 0, print)
    assert (seen["a1"], seen["a2"], seen["b1"]) == ("FILE:a", "FILE:a", "FILE:b")
    assert results["n1"] == reading.Failure("no Kerberos ticket for nobody")
    assert os.environ.get("KRB5CCNAME") == before


def test_a_wrong_password_goes_to_three_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain account would be locked by fifty."""
    asked: list[str] = []

    def read(known: Host, _needs: Needs, _timeout: float, now: float, _warn: Any) -> Part:
        asked.append(known.name)
        if known.options.user == "wrong":
            raise AuthenticationFailed("rejected")
        return Part(known.options.name, now, Needs(), [], [])

    monkeypatch.setattr(reading, "read", read)
    hosts = [host(f"h{n:02}", user) for n in range(50) for user in ("wrong", "right")]
    for known, number in zip(hosts, range(100), strict=True):
        known.key = str(number)
    results = reading.read_all(hosts, Needs(), 20, 60, 0, print)
    assert len(asked) == 53
    texts = [result.text for result in results.values() if isinstance(result, reading.Failure)]
    assert texts.count("rejected") == 3
    assert texts.count("not asked, since 3 hosts have rejected the same user and password") == 47


def test_hosts_that_are_down_reject_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(known: Host, _needs: Needs, _timeout: float, _now: float, _warn: Any) -> Part:
        asked.append(known.name)
        raise ConnectionFailed("down")

    monkeypatch.setattr(reading, "read", read)
    reading.read_all([host(f"h{n}", "admin") for n in range(9)], Needs(), 4, 60, 0, print)
    assert len(asked) == 9


def test_a_part_of_the_cache() -> None:
    part = Part("http://hv01:5985/wsman", 1.0, Needs(mappings=True), [], [])
    assert Part.of(part.as_dict()) == part
    assert part.is_about(host("hv01", "admin"))
    assert part.is_about(host("hv01", "other"))
    assert not part.is_about(host("hv02", "admin"))
    assert part.serves(Needs())
    assert part.serves(Needs(mappings=True))
    assert not part.serves(Needs(guest_details=True))
    assert [part.is_fresh(now, 10) for now in (0.5, 1, 11, 12)] == [False, True, True, False]
    assert part.is_fresh(1e6, 0)


@pytest.mark.parametrize(
    "stored", [None, [], {}, {"format": 1}, {"format": 2, "read": 0}, {"format": 1, "needs": {"nonsense": True}}]
)
def test_a_part_that_this_version_has_not_written(stored: Any) -> None:
    assert Part.of(stored) is None
