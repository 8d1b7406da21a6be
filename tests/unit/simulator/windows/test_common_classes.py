"""Classes of Windows that outside clients ask every host for."""

from __future__ import annotations

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import CIMV2
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Reference

from ..hosts import host, rows


def by(machine, class_name, key):
    return {row[key]: row for row in rows(machine, class_name, CIMV2)}


def test_processes_of_services_and_of_running_vms():
    machine = host({"name": "web01", "state": "running"}, {"name": "off01"}, services={"WinRM": "Stopped"})
    found = by(machine, "Win32_Process", "ProcessId")
    services = by(machine, "Win32_Service", "Name")

    assert found[services["vmms"]["ProcessId"]]["Name"] == "vmms.exe"
    assert services["WinRM"]["ProcessId"] == 0
    (worker,) = (row for row in found.values() if row["Name"] == "vmwp.exe")
    assert worker["ProcessId"] == machine.vm("web01").pid
    assert worker["CommandLine"].endswith(machine.vm("web01").id)


def test_windows_itself_cannot_be_terminated():
    machine = host()
    cls = machine.find_class(CIMV2, "Win32_Process")
    assert machine.invoke(cls, {"Handle": "4"}, "Terminate", {"Reason": 1})[0] == 2


def test_adapters_and_their_configuration_belong_together():
    adapters = [
        {
            "name": "Ethernet",
            "mac": "0C-C4-7A-00-00-01",
            "addresses": ["10.0.0.5/24"],
            "gateway": "10.0.0.1",
            "dhcp": False,
        },
        {"name": "Spare", "mac": "0C-C4-7A-00-00-02", "up": False},
    ]
    machine = host(network_adapters=adapters)
    adapter = by(machine, "Win32_NetworkAdapter", "NetConnectionID")
    configuration = by(machine, "Win32_NetworkAdapterConfiguration", "Index")

    assert adapter["Ethernet"]["MACAddress"] == "0C:C4:7A:00:00:01"
    assert [adapter[name]["NetConnectionStatus"] for name in ("Ethernet", "Spare")] == [2, 7]
    row = configuration[adapter["Ethernet"]["Index"]]
    assert (row["IPAddress"][0], row["IPSubnet"][0], row["DefaultIPGateway"]) == (
        "10.0.0.5",
        "255.255.255.0",
        ["10.0.0.1"],
    )
    assert row["DHCPEnabled"] is False
    assert configuration[adapter["Spare"]["Index"]]["IPEnabled"] is False


def test_volumes_are_the_drives():
    machine = host(drives=[{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "2TB", "label": "vms"}])
    volumes, drives = by(machine, "Win32_Volume", "DriveLetter"), by(machine, "Win32_LogicalDisk", "DeviceID")
    assert {name.upper() for name in drives} == set(volumes) == {"C:", "D:"}
    assert (volumes["D:"]["Label"], volumes["D:"]["Capacity"]) == ("vms", 2 << 40)


def test_processors_belong_to_the_computer():
    machine = host(cpu={"vendor": "intel", "sockets": 2, "logical_processors": 32})
    computer = Reference(CIMV2, "Win32_ComputerSystem", {"Name": "HV01"})
    found = machine.associators(computer, assoc_class="Win32_ComputerSystemProcessor", result_class="Win32_Processor")
    assert [row["DeviceID"] for row in found] == ["CPU0", "CPU1"]
