"""The life of a VM over HTTP: references, embedded texts, bytes and jobs as clients see them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.simulator.hyperv.settings import security, storage

from ..hosts import VSMS, embedded
from ..machines import GB, IMAGES, ROOT, SECURITY, SNAPSHOTS, VSSD, vhd
from ..talk import ANONYMOUS, NS, V2, Answer, Talk
from ..talk import ROOT as WMI

MODEL = {
    "hosts": [
        {"name": "HV01", "winrm": {"allow_unencrypted": True}, "vms": [{"name": "web01", "disks": [{"size": "40GB"}]}]}
    ]
}
HGS = f"{WMI}/root/Microsoft/Windows/Hgs"
CIMV2 = f"{WMI}/root/cimv2"
SERVICE = {name: {"CreationClassName": name} for name in (VSMS, IMAGES, SNAPSHOTS, SECURITY)}


@pytest.fixture
def sim() -> Iterator[simulator.Simulation]:
    with simulator.start(MODEL) as running:
        yield running


@pytest.fixture
def talk(sim: simulator.Simulation) -> Talk:
    return Talk(SimpleNamespace(url=sim.endpoints["HV01"].http), "administrator:Passw0rd!")


def method(talk: Talk, service: str, name: str, **parameters: str) -> Answer:
    """A call on a service of Hyper-V; parameters that begin with < are XML already."""
    inner = "".join(
        f"<p:{key}>{value if value.startswith('<a:') else escape(value)}</p:{key}>" for key, value in parameters.items()
    )
    answer = talk.invoke(f"{V2}/{service}", name, inner, SERVICE[service])
    assert answer.status == 200, answer.text
    return answer


def output(answer: Answer, name: str) -> str | None:
    return next((node.text for node in answer.body.iter() if node.tag.endswith("}" + name)), None)


def reference(class_name: str, **keys: str) -> str:
    selectors = "".join(f'<w:Selector Name="{name}">{escape(value)}</w:Selector>' for name, value in keys.items())
    return (
        f"<a:Address>{ANONYMOUS}</a:Address><a:ReferenceParameters><w:ResourceURI>{V2}/{class_name}</w:ResourceURI>"
        f"<w:SelectorSet>{selectors}</w:SelectorSet></a:ReferenceParameters>"
    )


def every(talk: Talk, uri: str) -> list[ElementTree.Element]:
    """All instances of a class, pulled to the end."""
    answer = talk.enumerate(uri)
    found = list(answer.items)
    while not answer.ended:
        answer = talk.pull(answer.context, uri=uri)
        found += answer.items
    return found


def job(talk: Talk, answer: Answer) -> dict[str, str | None]:
    """Properties of the job that a method started, read by its own reference."""
    parts = next(node for node in answer.body.iter() if node.tag.endswith("}Job"))
    uri = parts.find(f".//{{{NS['w']}}}ResourceURI").text
    key = parts.find(f".//{{{NS['w']}}}Selector").text
    read = talk.transfer("Get", uri, {"InstanceID": key})
    return {node.tag.rsplit("}", 1)[1]: node.text for node in read.body[0]}


def test_a_vm_is_defined_gets_a_disk_and_goes(sim: simulator.Simulation, talk: Talk) -> None:
    text = embedded(VSSD, ElementName="it's & <new>", VirtualSystemSubType="Microsoft:Hyper-V:SubType:2")
    answer = method(talk, VSMS, "DefineSystem", SystemSettings=text)
    assert output(answer, "ReturnValue") == "0"
    selectors = {node.get("Name"): node.text for node in answer.body.iter() if node.tag.endswith("}Selector")}
    vm = sim.machines["HV01"].vm("it's & <new>")
    assert selectors == {"CreationClassName": "Msvm_ComputerSystem", "Name": vm.id}

    def add(**values: object) -> str | None:
        cls = storage.SASD if values["ResourceType"] == 31 else storage.RASD
        configuration = reference(VSSD, InstanceID=f"Microsoft:{vm.id}")
        settings = embedded(cls, **values)
        added = method(
            talk, VSMS, "AddResourceSettings", AffectedConfiguration=configuration, ResourceSettings=settings
        )
        assert output(added, "ReturnValue") == "0"
        return next(node.text for node in added.body.iter() if node.tag.endswith("}Selector"))

    def path(instance_id: str | None, cls: str = storage.RASD) -> str:
        doubled = str(instance_id).replace("\\", "\\\\")
        return f'root/virtualization/v2:{cls}.InstanceID="{doubled}"'

    file = rf"{ROOT}\new.vhdx"
    text = vhd(Type=3, Format=3, Path=file, MaxInternalSize=GB)
    created = method(talk, IMAGES, "CreateVirtualHardDisk", VirtualDiskSettingData=text)
    assert output(created, "ReturnValue") == "4096"
    assert job(talk, created)["JobState"] == "7"
    controller = add(ResourceType=6, ResourceSubType=storage.SCSI)
    drive = add(ResourceType=17, ResourceSubType=storage.DISK_DRIVE, Parent=path(controller), AddressOnParent="0")
    add(ResourceType=31, ResourceSubType=storage.HARD_DISK, Parent=path(drive), HostResource=[file])
    medium = talk.query(
        f"SELECT * FROM {storage.SASD} WHERE InstanceID LIKE 'Microsoft:{vm.id}%'", "<w:OptimizeEnumeration/>"
    )
    assert [node.text for node in medium.root.iter() if node.tag.endswith("}HostResource")] == [file]
    gone = method(talk, VSMS, "DestroySystem", AffectedSystem=reference("Msvm_ComputerSystem", Name=vm.id))
    assert output(gone, "ReturnValue") == "4096"
    assert job(talk, gone)["JobState"] == "7"
    assert sim.machines["HV01"].files.get(file)


def test_settings_of_a_disk_come_as_text_in_the_text(talk: Talk) -> None:
    answer = method(talk, IMAGES, "GetVirtualHardDiskSettingData", Path=rf"{ROOT}\web01.vhdx")
    found = ElementTree.fromstring(str(output(answer, "SettingData")))
    assert found.get("CLASSNAME") == "Msvm_VirtualHardDiskSettingData"
    values = {node.get("NAME"): node.findtext("VALUE") for node in found}
    assert (values["MaxInternalSize"], values["Type"], values["ParentPath"]) == (str(40 * GB), "3", None or "")
    assert values["DataAlignment"] is None
    missing = method(talk, IMAGES, "GetVirtualHardDiskState", Path=rf"{ROOT}\no.vhdx")
    assert output(missing, "ReturnValue") == "32779"


def test_a_failed_creation_says_why_in_its_job(talk: Talk) -> None:
    text = vhd(Type=3, Format=3, Path=rf"{ROOT}\web01.vhdx", MaxInternalSize=GB)
    found = job(talk, method(talk, IMAGES, "CreateVirtualHardDisk", VirtualDiskSettingData=text))
    assert (found["JobState"], found["ErrorCode"]) == ("10", "32768")
    assert "The file exists. (0x80070050)" in str(found["ErrorDescription"])


def test_a_checkpoint_is_found_through_its_job(sim: simulator.Simulation, talk: Talk) -> None:
    vm = sim.machines["HV01"].vm("web01")
    system = reference("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=vm.id)
    answer = method(talk, SNAPSHOTS, "CreateSnapshot", AffectedSystem=system, SnapshotSettings="", SnapshotType="2")
    assert output(answer, "ReturnValue") == "4096"
    assert 'ResultingSnapshot xsi:nil="true"' in answer.text
    assert job(talk, answer)["JobState"] == "7"
    rows = every(talk, f"{V2}/Msvm_AffectedJobElement")
    made = [row for row in rows if row.find("{*}ElementEffects").text == "5"]
    (key,) = [
        node.text for row in made for node in row.find("{*}AffectedElement").iter() if node.tag.endswith("}Selector")
    ]
    assert key == f"Microsoft:{next(iter(vm.checkpoints))}"
    text = embedded(VSSD, InstanceID=key, ElementName="clean")
    assert output(method(talk, VSMS, "ModifySystemSettings", SystemSettings=text), "ReturnValue") == "0"
    assert (
        output(method(talk, SNAPSHOTS, "ApplySnapshot", Snapshot=reference(VSSD, InstanceID=key)), "ReturnValue")
        == "4096"
    )


def test_a_guardians_instance_and_the_bytes_of_a_protector_go_both_ways(sim: simulator.Simulation, talk: Talk) -> None:
    guardian = f"{HGS}/MSFT_HgsGuardian"
    made = talk.invoke(
        guardian,
        "NewByGenerateCertificates",
        "<p:Name>UntrustedGuardian</p:Name><p:GenerateCertificates>true</p:GenerateCertificates>",
    )
    assert made.status == 200, made.text
    instance = next(node for node in made.body.iter() if node.tag.endswith("}cmdletOutput"))
    inner = "".join(ElementTree.tostring(node, "unicode") for node in instance)
    kind = (
        f'xmlns:q="{guardian}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="q:MSFT_HgsGuardian_Type"'
    )
    protector = talk.invoke(
        f"{HGS}/MSFT_HgsKeyProtector",
        "NewByGuardians",
        f"<p:AllowUntrustedRoot>true</p:AllowUntrustedRoot><p:Owner {kind}>{inner}</p:Owner>",
    )
    assert protector.status == 200, protector.text
    raw = [int(str(node.text)) for node in protector.body.iter() if node.tag.endswith("}RawData")]
    assert len(raw) > 1000
    vm = sim.machines["HV01"].vm("web01")
    row = security.row_of(vm)
    text = escape(embedded(security.SECURITY, InstanceID=row["InstanceID"]))
    bytes_ = "".join(f"<p:KeyProtector>{one}</p:KeyProtector>" for one in raw)
    answer = talk.invoke(
        f"{V2}/{SECURITY}",
        "SetKeyProtector",
        f"<p:SecuritySettingData>{text}</p:SecuritySettingData>{bytes_}",
        SERVICE[SECURITY],
    )
    assert output(answer, "ReturnValue") in ("0", "4096")
    read = method(
        talk, SECURITY, "GetKeyProtector", SecuritySettingData=embedded(security.SECURITY, InstanceID=row["InstanceID"])
    )
    assert [int(str(node.text)) for node in read.body.iter() if node.tag.endswith("}KeyProtector")] == raw
    assert vm.tpm.protector == bytes(raw)


def test_files_are_found_with_wql_and_deleted_by_their_name(sim: simulator.Simulation, talk: Talk) -> None:
    path = rf"{ROOT}\web01.vhdx"
    quoted = path.replace("\\", "\\\\")
    found = talk.query(
        f"SELECT * FROM CIM_DataFile WHERE Name = '{quoted}'", "<w:OptimizeEnumeration/>", namespace="root/cimv2"
    )
    assert [node.text for node in found.root.iter() if node.tag.endswith("}Name")] == [path.lower()]
    answer = talk.invoke(f"{CIMV2}/CIM_DataFile", "Delete", "", {"Name": path})
    assert output(answer, "ReturnValue") == "0"
    assert sim.machines["HV01"].files.get(path) is None
    assert talk.transfer("Get", f"{CIMV2}/CIM_DataFile", {"Name": path}).status == 500


def test_a_drive_that_is_not_empty_makes_the_provider_fail(sim: simulator.Simulation, talk: Talk) -> None:
    drive = storage.drives(sim.machines["HV01"].vm("web01"))[0]
    settings = reference(storage.RASD, InstanceID=drive["InstanceID"])
    answer = talk.invoke(
        f"{V2}/{VSMS}", "RemoveResourceSettings", f"<p:ResourceSettings>{settings}</p:ResourceSettings>", SERVICE[VSMS]
    )
    assert answer.status == 500
    assert "80041001" in answer.text.lower()
