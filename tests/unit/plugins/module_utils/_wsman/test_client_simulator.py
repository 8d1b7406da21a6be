# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client and the simulator, which share no code, over real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import cim, faults
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass

V2 = "root/virtualization/v2"
COMPUTER = CimClass(
    V2,
    "Msvm_ComputerSystem",
    ("CreationClassName", "Name"),
    {
        "CreationClassName": "string",
        "Name": "string",
        "ElementName": "string",
        "EnabledState": "uint16",
        "OperationalStatus": "uint16[]",
        "Roles": "string[]",
        "InstallDate": "datetime",
        "ProcessID": "uint32",
    },
)
SETTINGS = CimClass(
    V2,
    "Msvm_VirtualSystemSettingData",
    ("InstanceID",),
    {
        "InstanceID": "string",
        "ElementName": "string",
        "Notes": "string[]",
        "VirtualSystemType": "string",
        "VirtualSystemIdentifier": "string",
        "AutomaticStartupActionDelay": "datetime",
    },
)
MEMORY = CimClass(
    V2,
    "Msvm_MemorySettingData",
    ("InstanceID",),
    {"InstanceID": "string", "VirtualQuantity": "uint64", "DynamicMemoryEnabled": "boolean"},
)
SERVICE = CimClass(V2, "Msvm_VirtualSystemManagementService", ("CreationClassName", "Name"))
SERVICE_KEYS = {"CreationClassName": SERVICE.name}
REALIZED = "VirtualSystemType = 'Microsoft:Hyper-V:System:Realized'"
NAMES = [
    "O'Neil",
    'say "hi"',
    "back\\slash\\",
    "R&D <lab>",
    "100%_[a-z]*",
    "Größe-虚拟机-🖥",
    "]]>",
    "-- ; DROP",
    "x" * 100,
]
NAMED = {"vms": [{"name": name} for name in NAMES]}


def vm_of(client, name="vm1"):
    (row,) = client.query(COMPUTER, COMPUTER.keys, {"ElementName": name})
    return row


def settings_of(client, row):
    return client.query(SETTINGS, where=f"{REALIZED} AND VirtualSystemIdentifier = {cim.quote(row['Name'])}")


def one_vm(**more):
    return {"vms": [{"name": "vm1"}]} | more


# ---- names ----


@pytest.mark.parametrize("name", NAMES)
def test_names_go_through_unharmed(simulated, name):
    client = simulated(NAMED).client()
    (row,) = client.query(COMPUTER, where={"ElementName": name})
    assert row["ElementName"] == name
    (same,) = client.query(COMPUTER, ("Name",), f"ElementName LIKE {cim.like_prefix(name)}")
    assert same == {"Name": row["Name"]}
    assert client.get(COMPUTER, COMPUTER.reference(row).keys)["ElementName"] == name


@pytest.mark.parametrize("name", NAMES)
def test_names_go_through_embedded_instances(simulated, name):
    client = simulated(one_vm()).client()
    (settings,) = settings_of(client, vm_of(client))
    changed = cim.embedded(SETTINGS, {"InstanceID": settings["InstanceID"], "ElementName": name, "Notes": [name]})
    output = client.invoke(SERVICE, "ModifySystemSettings", SERVICE_KEYS, {"SystemSettings": changed}, {"Job": "ref"})
    assert output["ReturnValue"] in (0, 4096)
    (settings,) = settings_of(client, vm_of(client, name))
    assert settings["ElementName"] == name
    assert settings["Notes"] == [name]


# ---- reading ----


def test_types(simulated):
    client = simulated(one_vm()).client()
    vm = next(row for row in client.enumerate(COMPUTER) if row["ElementName"] == "vm1")
    assert vm["EnabledState"] == 3
    assert vm["OperationalStatus"] == [2]
    assert vm["Roles"] == []
    assert vm["ProcessID"] is None
    assert vm["InstallDate"].tzinfo is not None
    assert vm["__CLASS"] == "Msvm_ComputerSystem"


def test_many_objects_over_many_pages(simulated):
    host = simulated({"vms": [{"name": "vm{n}", "count": 120}]})
    client = host.client()
    names = {row["Name"] for row in client.enumerate(COMPUTER)}
    assert len(names) == 121
    requests = [entry.action for entry in host.asked()]
    assert requests[0] == "Enumerate"
    assert requests.count("Pull") > 1
    projected = client.query(COMPUTER, ("Name",))
    assert {row["Name"] for row in projected} == names
    assert len(host.asked()) < len(requests)


def test_nothing_stays_open_on_the_host(simulated):
    host = simulated({"vms": [{"name": "vm{n}", "count": 120}]})
    client = host.client()
    assert len(client.query(COMPUTER, limit=3)) == 3
    client.query(COMPUTER)
    host.misbehave(do="fault", operation="Pull", fault="TimedOut")
    with pytest.raises(faults.OperationTimeout):
        client.enumerate(COMPUTER)
    assert [entry.action for entry in host.asked()][-1] == "Release"
    assert host.service.enumerations._open == {}


def test_associations(simulated):
    client = simulated({"vms": [{"name": "vm1"}, {"name": "vm2"}]}).client()
    system = COMPUTER.reference(vm_of(client))
    (settings,) = client.associators(system, SETTINGS, "Msvm_SettingsDefineState")
    assert settings["ElementName"] == "vm1"
    (memory,) = client.associators(SETTINGS.reference(settings), MEMORY, "Msvm_VirtualSystemSettingDataComponent")
    assert memory["InstanceID"].startswith(settings["InstanceID"] + "\\")
    (link,) = client.references(system, result_class="Msvm_SettingsDefineState")
    assert link["ManagedElement"] == system
    assert link["SettingData"] == SETTINGS.reference(settings)
    # A key with backslashes.
    (back,) = client.associators(MEMORY.reference(memory), SETTINGS, "Msvm_VirtualSystemSettingDataComponent")
    assert back["InstanceID"] == settings["InstanceID"]


def test_references_with_the_objects(simulated):
    client = simulated(one_vm()).client()
    rows = client.enumerate(COMPUTER, mode="EnumerateObjectAndEPR")
    assert all(row["__REFERENCE"] == COMPUTER.reference(row) for row in rows)
    only = client.enumerate(COMPUTER, mode="EnumerateEPR")
    assert [row["__REFERENCE"] for row in only] == [row["__REFERENCE"] for row in rows]


def test_summary_objects(simulated):
    client = simulated({"vms": [{"name": "vm1"}, {"name": "vm2"}]}).client()
    summary = CimClass(V2, "Msvm_SummaryInformation", (), {"ElementName": "string", "EnabledState": "uint16"})
    output = client.invoke(
        SERVICE,
        "GetSummaryInformation",
        SERVICE_KEYS,
        {"RequestedInformation": [0, 1, 100]},
        {"SummaryInformation": [summary]},
    )
    found = {row["ElementName"]: row["EnabledState"] for row in output["SummaryInformation"]}
    assert found == {"vm1": 3, "vm2": 3}


# ---- transports ----


@pytest.mark.parametrize(
    ("tls", "settings", "options", "sealed"),
    [
        (False, {}, {"transport": "ntlm"}, True),
        (False, {}, {"transport": "negotiate", "message_encryption": "always"}, True),
        (True, {}, {"transport": "ntlm"}, False),
        (True, {}, {"transport": "ntlm", "message_encryption": "always"}, True),
        (True, {}, {"transport": "basic"}, False),
        (True, {}, {"transport": "ssl"}, False),
        (False, {"allow_unencrypted": True}, {"transport": "plaintext"}, False),
        (False, {"credssp": True}, {"transport": "credssp"}, True),
    ],
)
def test_transports(simulated, tls, settings, options, sealed):
    host = simulated(one_vm(), tls=tls, **settings)
    client = host.client(**options)
    assert client.identify()["ProductVendor"] == "Microsoft Corporation"
    assert vm_of(client)["Name"]
    entries = host.asked()
    assert {entry.encrypted for entry in entries} == {sealed}
    assert len({entry.connection for entry in entries}) == 1
    client.close()
    assert vm_of(client)["Name"]
    assert len({entry.connection for entry in host.asked()} | {entries[0].connection}) == 2


def test_client_certificates(simulated, self_signed):
    mine = self_signed("client")
    options = {"transport": "certificate", "certificate_pem": str(mine), "certificate_key_pem": str(mine)}
    host = simulated(one_vm(), tls=True, client=mine)
    assert vm_of(host.client(**options, user="", password=""))["Name"]
    assert {entry.user for entry in host.asked()} == {"administrator"}
    unmapped = simulated(one_vm(), tls=True)
    with pytest.raises(faults.AuthenticationFailed, match="does not accept the client certificate"):
        unmapped.client(**options).identify()


def test_ipv6(simulated):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    host = simulated(one_vm())
    host.endpoint.stop()
    host.endpoint.host = "::1"
    try:
        host.endpoint.start()
    except OSError:
        pytest.skip("no IPv6 here")
    assert host.endpoint.url.startswith("http://[::1]:")
    assert vm_of(host.client())["Name"]


@pytest.mark.parametrize(
    ("tls", "options", "kind", "said"),
    [
        (
            False,
            {"password": "wrong"},
            faults.AuthenticationFailed,
            "rejects the credentials of the user administrator",
        ),
        (True, {"password": "wrong", "transport": "basic"}, faults.AuthenticationFailed, "rejects the credentials"),
        (False, {"user": "nobody"}, faults.AuthenticationFailed, "rejects the credentials of the user nobody"),
        (False, {"transport": "basic"}, faults.AuthenticationFailed, "it offers Negotiate, Kerberos"),
        (False, {"transport": "credssp"}, faults.AuthenticationFailed, "over credssp failed"),
        (False, {"message_encryption": "never"}, faults.AuthenticationFailed, "wants messages encrypted"),
        (True, {"ca_trust_path": None}, faults.CertificateInvalid, "self-signed"),
    ],
)
def test_no_way_in(simulated, tls, options, kind, said):
    host = simulated(one_vm(), tls=tls)
    with pytest.raises(kind, match=said) as caught:
        host.client(**options).identify()
    assert "Passw0rd!" not in repr(caught.value.details) + str(caught.value)
    assert host.asked() == []


def test_wrong_path(simulated):
    host = simulated(one_vm())
    with pytest.raises(faults.NotWSMan, match="not a WinRM endpoint"):
        host.client(endpoint=host.endpoint.url.replace("/wsman", "/elsewhere")).identify()


# ---- faults ----


def test_faults(simulated):
    client = simulated(one_vm()).client()
    keys = COMPUTER.reference(vm_of(client)).keys
    nowhere = CimClass("root/nowhere", "Msvm_ComputerSystem")
    for expected, ask in (
        (faults.NotFound, lambda: client.get(COMPUTER, {**keys, "Name": "no such"})),
        (faults.NotFound, lambda: client.get(COMPUTER, {"Name": keys["Name"]})),
        (faults.InvalidSelectors, lambda: client.get(COMPUTER, {"Nome": "x"})),
        (faults.InvalidClass, lambda: client.enumerate(COMPUTER._replace(name="Msvm_NoSuch"))),
        (faults.InvalidClass, lambda: client.query(COMPUTER._replace(name="Msvm_NoSuch"))),
        (faults.InvalidClass, lambda: client.query(nowhere, where="Name = 'x'")),
        (faults.FilterRefused, lambda: client.query(COMPUTER, where="ElementName ==== 'x'")),
        (faults.FilterRefused, lambda: client.wql(V2, "SELECT FROM WHERE")),
        (faults.InvalidMethod, lambda: client.invoke(COMPUTER, "NoSuch", keys)),
        (faults.Fault, lambda: client.invoke(COMPUTER, "RequestStateChange", keys, {"NoSuch": 1})),
        (faults.Fault, lambda: client.invoke(SERVICE, "ModifySystemSettings", None, {"SystemSettings": "x"})),
    ):
        with pytest.raises(expected):
            ask()
    # None of them has broken the session.
    assert client.get(COMPUTER, keys)["ElementName"] == "vm1"


def test_a_user_without_rights(simulated):
    users = [{"name": "guest", "password": "Passw0rd!", "groups": ["Users"]}]
    client = simulated(one_vm(users=users)).client(user="guest")
    with pytest.raises(faults.AccessDenied, match="not allowed") as caught:
        client.query(COMPUTER)
    assert caught.value.details["code"] == 5
    assert caught.value.message.startswith(f"Enumerate {COMPUTER.name}: "), "the class is named, not the resource *"
    assert caught.value.details["class"] == COMPUTER.name


def test_the_host_gives_up_on_a_request(simulated):
    host = simulated(one_vm())
    host.misbehave(do="fault", operation="Get", fault="TimedOut")
    client = host.client()
    keys = COMPUTER.reference(vm_of(client)).keys
    with pytest.raises(faults.OperationTimeout):
        client.get(COMPUTER, keys)


# ---- troubles on the way ----


@pytest.mark.parametrize(
    "rule",
    [
        {"do": "drop"},
        {"do": "lose"},
        {"do": "refuse", "status": 503},
        {"do": "fault", "fault": "MaxOperations"},
        {"do": "drop", "times": 2},
    ],
)
@pytest.mark.parametrize("operation", ["Enumerate", "Pull"])
def test_reads_survive(simulated, rule, operation):
    host = simulated({"vms": [{"name": "vm{n}", "count": 60}]})
    host.misbehave(operation=operation, **rule)
    assert len(host.client().enumerate(COMPUTER)) == 61


@pytest.mark.parametrize(
    ("rule", "done"),
    [
        ({"do": "drop"}, False),
        ({"do": "lose"}, True),
        ({"do": "refuse", "status": 503}, False),
        ({"do": "fault", "fault": "MaxOperations"}, False),
    ],
)
def test_writes_are_not_repeated(simulated, rule, done):
    host = simulated(one_vm())
    client = host.client()
    (settings,) = settings_of(client, vm_of(client))
    changed = cim.embedded(SETTINGS, {"InstanceID": settings["InstanceID"], "ElementName": "renamed"})
    host.misbehave(operation="Invoke", **rule)
    host.messages()
    with pytest.raises(faults.WSManError):
        client.invoke(SERVICE, "ModifySystemSettings", SERVICE_KEYS, {"SystemSettings": changed})
    assert len(host.messages()) == 1
    (settings,) = client.query(SETTINGS, where=REALIZED)
    assert (settings["ElementName"] == "renamed") is done


@pytest.mark.parametrize("tls", [False, True])
def test_a_dropped_session_is_opened_again(simulated, tls):
    """The host restarted its service; neither a read nor a write notices, and the write runs once."""
    host = simulated(one_vm(), tls=tls)
    client = host.client()
    keys = COMPUTER.reference(vm_of(client)).keys
    (settings,) = settings_of(client, vm_of(client))
    host.endpoint.stop()
    host.endpoint.start()
    assert client.get(COMPUTER, keys)["ElementName"] == "vm1"
    host.endpoint.stop()
    host.endpoint.start()
    host.messages()
    changed = cim.embedded(SETTINGS, {"InstanceID": settings["InstanceID"], "ElementName": "renamed"})
    output = client.invoke(SERVICE, "ModifySystemSettings", SERVICE_KEYS, {"SystemSettings": changed})
    assert output["ReturnValue"] in (0, 4096)
    assert [entry.method for entry in host.asked()] == ["ModifySystemSettings"]


# ---- cost ----


@contextlib.contextmanager
def relay(url):
    """Yields the address of a relay to the endpoint, and a list of the sizes of what goes up."""
    parts, sizes = urlsplit(url), []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pump(source, target, count):
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    count.append(len(data))
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    near, _address = listener.accept()
                    far = socket.create_connection((parts.hostname, parts.port))
                    threading.Thread(target=pump, args=(near, far, sizes), daemon=True).start()
                    threading.Thread(target=pump, args=(far, near, []), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/wsman", sizes


def test_two_queries_are_far_below_eight_kilobytes(simulated):
    """HTTP headers and the sealing included; the handshake before them isn't."""
    host = simulated(one_vm())
    with relay(host.endpoint.url) as (url, sizes):
        client = host.client(endpoint=url)
        client.identify()
        sizes.clear()
        row = vm_of(client)
        condition = f"InstanceID LIKE {cim.like_prefix('Microsoft:' + row['Name'])}"
        assert len(client.query(MEMORY, tuple(MEMORY.properties), condition)) == 1
        assert 2000 < sum(sizes) < 4096
    assert len([entry for entry in host.asked() if entry.action == "Enumerate"]) == 2
