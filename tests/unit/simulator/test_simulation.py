"""The protocol with a whole Hyper-V host behind it."""

from __future__ import annotations

import http.client
import re
import time
from urllib.parse import urlsplit

import pytest
import requests
import winrm

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.simulator.wire.config import Settings
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import FaultRules
from ansible_collections.nested.hyperv.tests.simulator.wire.wsman import WinRm

from .talk import NS, SYSTEM, V2, WQL, Answer, Talk, envelope

VSMS = f"{V2}/Msvm_VirtualSystemManagementService"
SINGLETON = {"CreationClassName": "Msvm_VirtualSystemManagementService"}


@pytest.fixture
def sim():
    with simulator.start("small") as running:
        yield running


class Client:
    """pywinrm, sealed NTLM."""

    def __init__(self, address, user=None, password=None):
        self.session = winrm.Session(
            address.http, auth=(user or address.user, password or address.password), transport="ntlm"
        )

    def ask(self, *parts, **options):
        text = self.session.protocol.send_message(envelope(*parts, **options)).decode()
        return Answer(200, {}, text)

    def query(self, text):
        inner = f'<w:OptimizeEnumeration/><w:Filter Dialect="{WQL}">{text}</w:Filter>'
        answer = self.ask(f"{NS['n']}/Enumerate", f"{V2}/*", f"<n:Enumerate>{inner}</n:Enumerate>")
        found = answer.items
        while not answer.ended:
            context = f"<n:EnumerationContext>{answer.context}</n:EnumerationContext>"
            body = f"<n:Pull>{context}<n:MaxElements>100</n:MaxElements></n:Pull>"
            answer = self.ask(f"{NS['n']}/Pull", f"{V2}/*", body)
            found += answer.items
        return found

    def invoke(self, uri, method, inner, selectors):
        body = f'<p:{method}_INPUT xmlns:p="{uri}">{inner}</p:{method}_INPUT>'
        return self.ask(f"{uri}/{method}", uri, body, selectors=selectors).body[0]


def vm_key(client, name):
    (item,) = client.query(f"SELECT Name FROM Msvm_ComputerSystem WHERE ElementName = '{name}'")
    return {"CreationClassName": "Msvm_ComputerSystem", "Name": item.findtext("Name")}


def job_of(client, output):
    reference = next(child for child in output if child.tag.endswith("}Job"))
    uri = reference.findtext(".//w:ResourceURI", None, NS)
    key = reference.findtext(".//w:Selector", None, NS)
    return client.ask(f"{NS['x']}/Get", uri, selectors={"InstanceID": key}).body[0]


def value(element, name):
    return next(child.text for child in element if child.tag.endswith(f"}}{name}"))


def test_every_vm_of_the_model_is_there(sim):
    client = Client(sim.endpoints["hv01"])
    names = {item.findtext("ElementName") for item in client.query("SELECT ElementName FROM Msvm_ComputerSystem")}
    assert {"web01", "db01", "lab01", "nested01", "legacy01"} < names


def test_a_method_with_a_job(sim):
    client = Client(sim.endpoints["hv01"])
    key = vm_key(client, "lab01")
    output = client.invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>2</p:RequestedState>", key)
    assert value(output, "ReturnValue") == "4096"
    sim.advance(5)
    assert value(job_of(client, output), "JobState") == "7"
    (state,) = client.query("SELECT EnabledState FROM Msvm_ComputerSystem WHERE ElementName = 'lab01'")
    assert state.findtext("EnabledState") == "2"


def test_a_rule_fails_the_job(sim):
    sim.faults.add(simulator.Rule("fail_job", method="RequestStateChange", code=32770, text="out of order"))
    client = Client(sim.endpoints["hv01"])
    key = vm_key(client, "lab01")
    output = client.invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>2</p:RequestedState>", key)
    sim.advance(5)
    job = job_of(client, output)
    assert (value(job, "JobState"), value(job, "ErrorCode")) == ("10", "32770")
    (state,) = client.query("SELECT EnabledState FROM Msvm_ComputerSystem WHERE ElementName = 'lab01'")
    assert state.findtext("EnabledState") == "3"


def test_the_log_knows_the_requests_of_each_host(sim):
    Client(sim.endpoints["hv01"]).query("SELECT * FROM Msvm_MemorySettingData")
    assert [entry.action for entry in sim.log.requests("hv01")] == ["Enumerate", "Pull"]


def test_a_guest_is_an_endpoint_of_its_own_that_goes_with_its_vm(sim):
    sim.advance(5)
    name = next(name for name in sim.endpoints if name != "hv01")
    guest = Client(sim.endpoints[name])
    assert {item.findtext("ElementName") for item in guest.query("SELECT ElementName FROM Msvm_ComputerSystem")} >= {
        "inner01"
    }
    host = Client(sim.endpoints["hv01"])
    host.invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>3</p:RequestedState>", vm_key(host, "nested01"))
    sim.advance(5)
    with pytest.raises(OSError, match=r"refused|reset|aborted"):
        Client(sim.endpoints[name]).query("SELECT Name FROM Msvm_ComputerSystem")


@pytest.mark.parametrize(("user", "password"), [("nobody", "N0body!!"), ("administrator", "wrong")])
def test_users_without_rights(sim, user, password):
    with pytest.raises(winrm.exceptions.WinRMError):
        Client(sim.endpoints["hv01"], user, password).query("SELECT * FROM Msvm_ComputerSystem")


def test_both_endpoints_of_a_machine_are_one_service(sim):
    address = sim.endpoints["hv01"]
    http = Client(address)
    context = http.ask(f"{NS['n']}/Enumerate", SYSTEM, "<n:Enumerate/>").context
    https = winrm.Protocol(
        address.https,
        transport="ntlm",
        username=address.user,
        password=address.password,
        ca_trust_path=address.certificate,
    )
    body = f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext></n:Pull>"
    assert b"Msvm_ComputerSystem_Type" in https.send_message(envelope(f"{NS['n']}/Pull", SYSTEM, body))
    assert urlsplit(address.https).scheme == "https"


CLASSES = (
    "Msvm_ComputerSystem",
    "Msvm_VirtualSystemSettingData",
    "Msvm_ProcessorSettingData",
    "Msvm_MemorySettingData",
    "Msvm_SyntheticEthernetPortSettingData",
    "Msvm_EthernetPortAllocationSettingData",
    "Msvm_EthernetSwitchPortSecuritySettingData",
    "Msvm_EthernetSwitchPortVlanSettingData",
    "Msvm_GuestNetworkAdapterConfiguration",
    "Msvm_HeartbeatComponent",
)


def test_a_full_read_of_a_thousand_vms_takes_three_seconds_of_one_core():
    with simulator.start("thousand") as sim:
        machine = next(iter(sim.machines.values()))
        service = WinRm(machine, Settings(), FaultRules())
        user = machine.find_user("administrator")

        def post(action, body):
            exchange = service.handle(envelope(f"{NS['n']}/{action}", f"{V2}/*", body).encode(), user, "host")
            assert exchange.status == 200, exchange.text
            return exchange.text

        started = time.thread_time()
        rows = 0
        for name in CLASSES:
            inner = f'<w:OptimizeEnumeration/><w:Filter Dialect="{WQL}">SELECT * FROM {name}</w:Filter>'
            text = post("Enumerate", f"<n:Enumerate>{inner}</n:Enumerate>")
            while "EndOfSequence" not in text:
                rows += text.count('_Type">')
                (context,) = re.findall("EnumerationContext>(uuid:[^<]+)<", text)
                text = post(
                    "Pull",
                    f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext><n:MaxElements>32000</n:MaxElements>"
                    "</n:Pull>",
                )
            rows += text.count('_Type">')
        assert rows > 9_000
        assert time.thread_time() - started < 3


def test_a_restart_over_a_shell_ends_the_shell_and_brings_the_host_back(sim):
    address, host = sim.endpoints["hv01"], sim.machines["hv01"]
    client, boots = Client(address), host.boots
    protocol = client.session.protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "shutdown.exe", ["/r", "/t", "5"])
    assert protocol.get_command_output(shell, command) == (b"", b"", 0)
    sim.advance(10)
    assert host.boots == boots + 1
    again = Client(address)
    with pytest.raises(winrm.exceptions.WSManFaultError) as error:
        again.session.protocol.run_command(shell, "hostname")
    assert error.value.wsman_fault_code == 2150858843
    assert again.session.run_cmd("hostname").std_out == b"hv01\r\n"


def test_a_host_that_is_down_does_not_listen():
    model = {"hosts": [{"name": "hv01", "restart": {"boot": 60}}]}
    with simulator.start(model) as sim:
        sim.machines["hv01"].restart.schedule(0, restart=True)
        sim.advance(10)
        with pytest.raises(requests.exceptions.ConnectionError):
            Client(sim.endpoints["hv01"]).session.run_cmd("hostname")
        sim.advance(60)
        assert Client(sim.endpoints["hv01"]).session.run_cmd("hostname").status_code == 0


def test_a_rule_restarts_the_host_after_the_request():
    """What was asked for is done; VMs follow their automatic actions, and the host is back after its time."""
    model = {
        "hosts": [
            {
                "name": "hv01",
                "winrm": {"allow_unencrypted": True},
                "users": [{"name": "Administrator", "password": "p:ss wörd"}],
                "vms": [{"name": "off01"}, {"name": "web01", "state": "running"}],
            }
        ],
        "faults": [{"do": "reboot", "method": "RequestStateChange", "seconds": 600}],
    }
    with simulator.start(model) as sim:
        machine = sim.machines["hv01"]
        keys = {"CreationClassName": "Msvm_ComputerSystem", "Name": machine.vm("web01").id}

        class Endpoint:
            url = sim.endpoints["hv01"].http

        with pytest.raises((http.client.HTTPException, OSError)):
            Talk(Endpoint).invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>9</p:RequestedState>", keys)
        assert not machine.running
        with pytest.raises(ConnectionRefusedError):
            Talk(Endpoint).transfer("Get", SYSTEM, keys)
        sim.advance(601)
        assert machine.running
        assert machine.boots == 1
        assert Talk(Endpoint).transfer("Get", SYSTEM, keys).status == 200
        assert machine.vm("web01").running


def test_rules_unplug_the_host_and_let_a_job_take_its_time():
    model = {
        "hosts": [
            {
                "name": "hv01",
                "winrm": {"allow_unencrypted": True},
                "users": [{"name": "Administrator", "password": "p:ss wörd"}],
                "vms": [{"name": "off01"}],
            }
        ],
        "faults": [
            {"do": "unplug", "operation": "Get", "seconds": 30},
            {"do": "hang_job", "method": "RequestStateChange", "seconds": 600},
        ],
    }
    with simulator.start(model) as sim:
        machine, boots = sim.machines["hv01"], sim.machines["hv01"].boots
        keys = {"CreationClassName": "Msvm_ComputerSystem", "Name": machine.vm("off01").id}

        class Endpoint:
            url = sim.endpoints["hv01"].http

        with pytest.raises((http.client.HTTPException, OSError)):
            Talk(Endpoint).transfer("Get", SYSTEM, keys)
        with pytest.raises(ConnectionRefusedError):
            Talk(Endpoint).transfer("Get", SYSTEM, keys)
        sim.advance(31)
        assert machine.boots == boots
        assert Talk(Endpoint).transfer("Get", SYSTEM, keys).status == 200

        Talk(Endpoint).invoke(SYSTEM, "RequestStateChange", "<p:RequestedState>2</p:RequestedState>", keys)
        sim.advance(500)
        assert not machine.vm("off01").running
        sim.advance(101)
        assert machine.vm("off01").running
