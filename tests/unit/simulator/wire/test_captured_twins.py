"""Each captured row beside the row that a simulated host of the same kind writes, value by value."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV
from ansible_collections.nested.hyperv.tests.simulator.wire import encode

from .. import captured
from ..hosts import call, embedded, host, rows

# Properties whose value is the object's own: the recorder replaced names and ids, and points of time are what they are.
NAMES = {"ElementName", "Name", "InstanceID", "DeviceID", "SystemName", "Owner", "OtherIdentifyingInfo"}
TIMES = {
    "InstallDate",
    "TimeOfLastConfigurationChange",
    "TimeOfLastStateChange",
    "OnTimeInMilliseconds",
    "StartTime",
    "ScheduledStartTime",
    "TimeSubmitted",
    "ElapsedTime",
}
# ... and further ones, by capture.
OWN = {
    "VM_RUNNING": {"ProcessID"},
    "STORAGE_JOB_RUNNING": {"PercentComplete"},
    "EXTERNAL_PORT": {"PermanentAddress", "MaxSpeed", "RequestedSpeed", "Speed"},
}
IMAGES = "Msvm_ImageManagementService"


def same_kind():
    """The host of the captures: Windows 11 in Japanese, with a switch on its network adapter, and two VMs."""
    return host(
        {"name": "on", "state": "running"},
        {"name": "off"},
        os={"product": "windows11", "build": 26220},
        locale="ja-JP",
        network_adapters=[{"name": "Ethernet"}],
        switches=[{"name": "LAN", "type": "external", "adapters": ["Ethernet"]}],
        jobs={"delays": {"create_disk": 1}},
    )


def system(name):
    return lambda machine: next(row for row in rows(machine, "Msvm_ComputerSystem") if row["ElementName"] == name)


def only(class_name, **values):
    def find(machine):
        (row,) = (r for r in rows(machine, class_name) if all(r[key] == value for key, value in values.items()))
        return row

    return find


def disk_job(seconds):
    def find(machine):
        path = "C:\\ProgramData\\Microsoft\\Windows\\Virtual Hard Disks\\new.vhdx"
        text = embedded("Msvm_VirtualHardDiskSettingData", Path=path, Type=3, Format=3, MaxInternalSize=10 << 30)
        code, outputs = call(machine, IMAGES, "CreateVirtualHardDisk", VirtualDiskSettingData=text)
        assert code == 4096
        machine.clock.advance(seconds)
        return machine.get(machine.find_class(HYPERV, "Msvm_StorageJob"), outputs["Job"].keys)

    return find


def created_element(machine):
    vm = machine.vm("off")
    call(machine, "Msvm_VirtualSystemSnapshotService", "CreateSnapshot", AffectedSystem=vm.reference, SnapshotType=2)
    machine.clock.advance(60)
    (row,) = (row for row in rows(machine, "Msvm_AffectedJobElement") if 5 in row["ElementEffects"])
    return row


TWINS = {
    "HOST": system("HV01"),
    "VM_OFF": system("off"),
    "VM_RUNNING": system("on"),
    "SWITCH": only("Msvm_VirtualEthernetSwitch", ElementName="LAN"),
    "EXTERNAL_PORT": only("Msvm_ExternalEthernetPort"),
    "STORAGE_JOB": disk_job(2),
    "STORAGE_JOB_RUNNING": disk_job(0.015),
    "AFFECTED_JOB_ELEMENT": created_element,
}


def values(text):
    """Property name → its texts, references as the classes and key names that they consist of."""
    found = {}
    for element in ElementTree.fromstring(text):
        name = element.tag.rpartition("}")[2]
        uri = element.findtext(".//{*}ResourceURI")
        if uri is not None:
            value = (uri, *(selector.get("Name") for selector in element.iterfind(".//{*}Selector")))
        else:
            value = None if element.get(f"{{{captured.XSI}}}nil") else "".join(element.itertext())
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("name", TWINS)
def test_a_simulated_host_writes_the_same_values(name):
    real, simulated = values(getattr(captured, name)), values(encode.instance(TWINS[name](same_kind())))
    own = NAMES | TIMES | OWN.get(name, set())
    assert list(simulated) == list(real)
    assert {key: value for key, value in simulated.items() if key not in own} == {
        key: value for key, value in real.items() if key not in own
    }
    # What is NULL on a real host is NULL here, whatever its value.
    assert [key for key, value in simulated.items() if value == [None]] == [
        key for key, value in real.items() if value == [None]
    ]


def test_what_the_lists_name_exists():
    """A name in a list of exceptions stands for a property of some capture."""
    every = {key for name in TWINS for key in values(getattr(captured, name))}
    assert NAMES | TIMES | set().union(*OWN.values()) <= every
