"""Rules that make a host misbehave."""

from __future__ import annotations

import http.client

import pytest
import requests
import winrm

from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

from ..talk import SYSTEM, Talk, vm_id

VM = {"CreationClassName": "Msvm_ComputerSystem", "Name": vm_id(1)}


@pytest.fixture
def endpoint(serve):
    return serve()


def test_drop_closes_the_connection_before_anything_is_done(endpoint, rules, provider):
    rules.add(Rule("drop", operation="Invoke", method="requeststatechange"))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        Talk(endpoint).invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>2</p:RequestedState>", VM)
    assert provider.calls == []
    assert [entry.status for entry in endpoint.log] == [0]
    Talk(endpoint).invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>2</p:RequestedState>", VM)
    assert len(provider.calls) == 1


def test_lose_does_the_work_and_closes_the_connection(endpoint, rules, provider):
    rules.add(Rule("lose", class_name="Msvm_ComputerSystem"))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        Talk(endpoint).invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>2</p:RequestedState>", VM)
    assert len(provider.calls) == 1


def test_at_and_times_choose_the_requests(endpoint, rules):
    rules.add(Rule("refuse", operation="Get", at=2, times=2))
    talk = Talk(endpoint)
    assert [talk.transfer("Get", SYSTEM, VM).status for _turn in range(5)] == [200, 503, 503, 200, 200]
    assert talk.enumerate(SYSTEM).status == 200


def test_a_rule_for_ever_on_one_host(endpoint, rules):
    rules.add(Rule("fault", host="hv01", fault="MaxOperations", times=0))
    rules.add(Rule("drop", host="hv02"))
    talk = Talk(endpoint)
    assert [talk.enumerate(SYSTEM).fault[2] for _turn in range(3)] == [2150859174] * 3


def test_delay_past_the_operation_timeout(endpoint, rules):
    rules.add(Rule("delay", seconds=30, times=0))
    talk = Talk(endpoint)
    assert talk.transfer("Get", SYSTEM, VM).status == 200
    answer = talk.enumerate(SYSTEM, extra="<w:OperationTimeout>PT5S</w:OperationTimeout>")
    assert answer.fault == ("s:Receiver", "w:TimedOut", 2150858793)


def test_operation_timeout_is_never_longer_than_the_services(endpoint, rules):
    rules.add(Rule("delay", seconds=61))
    answer = Talk(endpoint).enumerate(SYSTEM, extra="<w:OperationTimeout>PT600S</w:OperationTimeout>")
    assert answer.fault[1] == "w:TimedOut"


@pytest.mark.parametrize("values", [{"do": "nothing"}, {"do": "fault", "fault": "Nope"}, {"do": "drop", "nope": 1}])
def test_a_rule_that_is_none(values):
    with pytest.raises(ValueError, match="fault rule"):
        Rule.of(values)


def test_a_dropped_tls_connection_ends(serve, rules):
    endpoint = serve(tls=True)
    rules.add(Rule("drop", times=0))
    protocol = winrm.Protocol(
        endpoint.url,
        transport="basic",
        username="Administrator",
        password="p:ss wörd",
        server_cert_validation="ignore",
        read_timeout_sec=5,
        operation_timeout_sec=4,
    )
    with pytest.raises(requests.exceptions.ConnectionError):
        protocol.open_shell()


def test_an_answer_that_relates_to_another_message(endpoint, rules):
    rules.add(Rule("misdirect"))
    talk = Talk(endpoint)
    first, second = talk.transfer("Get", SYSTEM, VM), talk.transfer("Get", SYSTEM, VM)
    assert (first.status, second.status) == (200, 200)
    assert first.texts(".//a:RelatesTo") != first.texts(".//a:MessageID")
    assert first.texts(".//a:RelatesTo") != second.texts(".//a:RelatesTo")


def test_an_answer_that_is_cut(endpoint, rules):
    rules.add(Rule("cut"))
    with pytest.raises(http.client.IncompleteRead):
        Talk(endpoint).transfer("Get", SYSTEM, VM)


def test_a_garbled_answer(endpoint, rules):
    rules.add(Rule("garble"))
    talk = Talk(endpoint)
    assert len(talk.transfer("Get", SYSTEM, VM).text) == len(talk.transfer("Get", SYSTEM, VM).text)


def test_a_lost_refusal(endpoint, rules):
    rules.add(Rule("lose", class_name="Msvm_Nope"))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        Talk(endpoint).enumerate(f"{SYSTEM.rpartition('/')[0]}/Msvm_Nope")
