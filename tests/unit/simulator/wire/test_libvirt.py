"""What libvirt's Hyper-V driver asks, in the envelopes that openwsman sends for it.

Recorded from virsh 9.0.0 with openwsman 2.8, unpatched, against this simulator: list, dominfo, nodeinfo, dumpxml,
screenshot, send-key, define and undefine work with it.
"""

from __future__ import annotations

import base64
from xml.sax.saxutils import escape

import pytest

from ansible_collections.nested.hyperv.tests import simulator

from ..talk import NS, ROOT, Talk

CIMV2, V2 = f"{ROOT}/root/cimv2", f"{ROOT}/root/virtualization/v2"
VSMS = "Msvm_VirtualSystemManagementService"
ISO = r"C:\iso\setup.iso"
MODEL = {
    "hosts": [
        {
            "name": "hv01",
            "winrm": {"allow_unencrypted": True, "max_envelope_kb": 4096},
            "switches": [{"name": "LAN"}],
            "files": [{"path": ISO, "size": "1GB"}],
            "vms": [
                {"name": "web01", "state": "running", "notes": "hello", "disks": [{}], "adapters": [{"switch": "LAN"}]},
                {
                    "name": "old01",
                    "generation": 1,
                    "state": "running",
                    "guest": {"os": "none", "integration_services": False},
                },
                {"name": "off01"},
            ],
        }
    ]
}


class Driver(Talk):
    """Its requests: no envelope size, no time-out, every header to be understood, one item a Pull."""

    def request(self, action, uri, body, selectors=()):
        chosen = "".join(f'<wsman:Selector Name="{name}">{value}</wsman:Selector>' for name, value in selectors)
        chosen = f"<wsman:SelectorSet>{chosen}</wsman:SelectorSet>" if chosen else ""
        answer = self.post(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsa="{NS["a"]}" xmlns:wsman="{NS["w"]}" xmlns:wsen="{NS["n"]}">'
            f'<s:Header><wsa:Action s:mustUnderstand="true">{action}</wsa:Action>'
            '<wsa:To s:mustUnderstand="true">http://127.0.0.1:5985/wsman</wsa:To>'
            f'<wsman:ResourceURI s:mustUnderstand="true">{uri}</wsman:ResourceURI>'
            '<wsa:MessageID s:mustUnderstand="true">uuid:f3f93c8a-6125-1125-8002-01000000fc02</wsa:MessageID>'
            f"<wsa:ReplyTo><wsa:Address>{NS['a']}/role/anonymous</wsa:Address></wsa:ReplyTo>{chosen}</s:Header>"
            f"<s:Body>{body}</s:Body></s:Envelope>\n"
        )
        assert answer.status == 200, answer.text
        return answer

    def rows(self, text, class_name, namespace=V2, mode=""):
        """hypervEnumAndPull: the items, which must be elements of the class and its namespace."""
        wql = f'<wsman:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">{escape(text)}</wsman:Filter>'
        mode = mode and f"<wsman:EnumerationMode>{mode}</wsman:EnumerationMode>"
        body = f"<wsen:Enumerate>{mode}{wql}</wsen:Enumerate>"
        answer = self.request(f"{NS['n']}/Enumerate", f"{namespace}/*", body)
        found = []
        while answer.context:
            body = f"<wsen:Pull><wsen:EnumerationContext>{answer.context}</wsen:EnumerationContext></wsen:Pull>"
            answer = self.request(f"{NS['n']}/Pull", f"{namespace}/{class_name}", body)
            found += answer.items
        if not mode:
            assert {item.tag for item in found} <= {f"{{{namespace}/{class_name}}}{class_name}"}
        return found

    def invoke(self, class_name, method, inner, **selectors):
        uri = f"{V2}/{class_name}"
        body = f'<n1:{method}_INPUT xmlns:n1="{uri}">{inner}</n1:{method}_INPUT>'
        return self.request(f"{uri}/{method}", uri, body, selectors.items()).body[0]

    def systems(self, condition):
        return self.rows(f"SELECT * FROM Msvm_ComputerSystem WHERE {condition}", "Msvm_ComputerSystem")

    def settings(self, vm):
        """hypervGetMsvmVirtualSystemSettingDataFromUUID."""
        (found,) = self.rows(
            f"ASSOCIATORS OF {{Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='{vm}'}} "
            "WHERE AssocClass = Msvm_SettingsDefineState ResultClass = Msvm_VirtualSystemSettingData",
            "Msvm_VirtualSystemSettingData",
        )
        return value(found, "InstanceID")

    def parts(self, settings, class_name):
        return self.rows(
            f"ASSOCIATORS OF {{Msvm_VirtualSystemSettingData.InstanceID='{settings}'}} "
            f"WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent ResultClass = {class_name}",
            class_name,
        )

    def by_path(self, class_name, path):
        doubled = path.replace("\\", "\\\\")
        (found,) = self.rows(f"SELECT * FROM {class_name} WHERE __PATH = '{doubled}'", class_name)
        return found

    def reference(self, text, class_name):
        """hypervSerializeEprParam: the parts of the first EndpointReference."""
        epr = self.rows(text, class_name, mode="EnumerateEPR")[0]
        assert epr.tag == f"{{{NS['a']}}}EndpointReference"
        uri = epr.findtext(".//w:ResourceURI", "", NS)
        chosen = "".join(
            f'<w:Selector Name="{key.get("Name")}">{key.text}</w:Selector>' for key in epr.iterfind(".//w:Selector", NS)
        )
        return (
            f'<a:Address xmlns:a="{NS["a"]}">{NS["a"]}/role/anonymous</a:Address>'
            f'<a:ReferenceParameters xmlns:a="{NS["a"]}" xmlns:w="{NS["w"]}"><w:ResourceURI>{uri}</w:ResourceURI>'
            f"<w:SelectorSet>{chosen}</w:SelectorSet></a:ReferenceParameters>"
        )


def value(item, name):
    return item.findtext(f"{item.tag.partition('}')[0]}}}{name}")


@pytest.fixture
def sim():
    with simulator.start(MODEL) as running:
        yield running


@pytest.fixture
def driver(sim):
    class Endpoint:
        url = sim.endpoints["hv01"].http

    return Driver(Endpoint, "administrator:Passw0rd!")


@pytest.fixture
def uuid(sim):
    """virUUIDFormat writes lower case."""
    return {vm.name: vm.id.lower() for vm in sim.machines["hv01"].vms.values()}


ACTIVE = "(EnabledState != 0 and EnabledState != 3 and EnabledState != 32769) "
INACTIVE = "(EnabledState = 0 or EnabledState = 3 or EnabledState = 32769) "


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("Name != __SERVER ", ["web01", "old01", "off01"]),
        ("Name = __SERVER ", ["hv01"]),
        (f"Name != __SERVER AND {ACTIVE}", ["web01", "old01"]),
        (f"Name != __SERVER AND {INACTIVE}", ["off01"]),
        ("Name != __SERVER AND ElementName = 'web01'", ["web01"]),
    ],
)
def test_list(driver, condition, names):
    assert [value(row, "ElementName") for row in driver.systems(condition)] == names


def test_dominfo(driver, uuid):
    (system,) = driver.systems(f"Name != __SERVER AND Name = '{uuid['web01']}'")
    settings = driver.settings(uuid["web01"])
    (processor,) = driver.parts(settings, "Msvm_ProcessorSettingData")
    (memory,) = driver.parts(settings, "Msvm_MemorySettingData")
    assert value(system, "EnabledState") == "2"
    assert int(value(system, "ProcessID")) > 0
    assert value(processor, "VirtualQuantity") == "2"
    assert value(memory, "VirtualQuantity") == "1024"


def test_nodeinfo(driver):
    assert driver.rows("SELECT * FROM Win32_OperatingSystem ", "Win32_OperatingSystem", CIMV2)
    assert driver.rows("SELECT * FROM Win32_ComputerSystemProduct ", "Win32_ComputerSystemProduct", CIMV2)
    (system,) = driver.rows("SELECT * FROM Win32_ComputerSystem ", "Win32_ComputerSystem", CIMV2)
    processors = driver.rows(
        f"ASSOCIATORS OF {{Win32_ComputerSystem.Name='{value(system, 'Name')}'}} "
        "WHERE AssocClass = Win32_ComputerSystemProcessor ResultClass = Win32_Processor",
        "Win32_Processor",
        CIMV2,
    )
    assert [value(row, "NumberOfLogicalProcessors") for row in processors] == ["16"]


def test_dumpxml(driver, uuid):
    """hypervDomainDefParseStorage and …ParseEthernetAdapter: media and adapters are followed by their paths."""
    settings = driver.settings(uuid["web01"])
    rows = driver.parts(settings, "Msvm_ResourceAllocationSettingData")
    by_id = {value(row, "InstanceID").replace("\\", "\\\\") + '"': row for row in rows}

    def parent(row):
        return next(found for tail, found in by_id.items() if value(row, "Parent").endswith(tail))

    (medium,) = driver.parts(settings, "Msvm_StorageAllocationSettingData")
    assert value(parent(parent(medium)), "ResourceType") == "6"
    ports = driver.parts(settings, "Msvm_SerialPortSettingData")
    assert [value(port, "ElementName") for port in ports] == ["COM 1", "COM 2"]
    (connection,) = driver.parts(settings, "Msvm_EthernetPortAllocationSettingData")
    adapter = driver.by_path("Msvm_SyntheticEthernetPortSettingData", value(connection, "Parent"))
    switch = driver.by_path("Msvm_VirtualEthernetSwitch", value(connection, "HostResource"))
    assert len(value(adapter, "Address")) == 12
    assert value(switch, "ElementName") == "LAN"


def resolution(driver, vm, class_name):
    """hypervGetVideoResolution."""
    found = driver.rows(f"SELECT * FROM {class_name} WHERE SystemName = '{vm}'", class_name)
    if not found:
        return None
    (head,) = driver.rows(
        f"ASSOCIATORS OF {{{class_name}.CreationClassName='{class_name}',DeviceID='{value(found[0], 'DeviceID')}',"
        f"SystemCreationClassName='Msvm_ComputerSystem',SystemName='{vm}'}} "
        "WHERE AssocClass = Msvm_VideoHeadOnController ResultClass = Msvm_VideoHead",
        "Msvm_VideoHead",
    )
    size = (int(value(head, "CurrentHorizontalResolution")), int(value(head, "CurrentVerticalResolution")))
    return size if value(head, "EnabledState") == "2" else None


@pytest.mark.parametrize(
    ("name", "synthetic", "emulated"),
    [("web01", (1024, 768), None), ("old01", None, (720, 400)), ("off01", None, None)],
)
def test_screens(driver, uuid, name, synthetic, emulated):
    assert resolution(driver, uuid[name], "Msvm_SyntheticDisplayController") == synthetic
    assert resolution(driver, uuid[name], "Msvm_S3DisplayController") == emulated


def thumbnail(driver, vm, width, height):
    target = driver.reference(
        f"ASSOCIATORS OF {{Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='{vm}'}} "
        "WHERE ResultClass = Msvm_VirtualSystemSettingData",
        "Msvm_VirtualSystemSettingData",
    )
    return driver.invoke(
        VSMS,
        "GetVirtualSystemThumbnailImage",
        f"<n1:WidthPixels>{width}</n1:WidthPixels><n1:HeightPixels>{height}</n1:HeightPixels>"
        f"<n1:TargetSystem>{target}</n1:TargetSystem>",
        CreationClassName=VSMS,
    )


def test_screenshot(driver, uuid):
    output = thumbnail(driver, uuid["web01"], 1024, 768)
    assert value(output, "ReturnValue") == "0"
    assert len(base64.b64decode(value(output, "ImageData"), validate=True)) == 1024 * 768 * 2


def test_screenshot_of_a_vm_that_is_off(driver, uuid):
    output = thumbnail(driver, uuid["off01"], 80, 60)
    assert value(output, "ReturnValue") == "32775"
    assert not value(output, "ImageData")


def test_send_key(driver, uuid):
    (keyboard,) = driver.rows(
        f"ASSOCIATORS OF {{Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='{uuid['web01']}'}} "
        "WHERE ResultClass = Msvm_Keyboard",
        "Msvm_Keyboard",
    )
    keys = {name: value(keyboard, name) for name in ("DeviceID", "SystemName", "SystemCreationClassName")}
    keys["CreationClassName"] = "Msvm_Keyboard"
    output = driver.invoke("Msvm_Keyboard", "PressKey", "<n1:keyCode>65</n1:keyCode>", **keys)
    assert value(output, "ReturnValue") == "0"


def embedded(class_name, **values):
    """hypervSerializeEmbeddedParam: indented, with an XML declaration, all of it escaped."""
    lines = ['<?xml version="1.0"?>', f'<INSTANCE CLASSNAME="{class_name}">']
    for name, (kind, text) in values.items():
        array = kind.endswith("[]")
        tag = "PROPERTY.ARRAY" if array else "PROPERTY"
        inner = f"<VALUE>{escape(text)}</VALUE>"
        inner = f"<VALUE.ARRAY>\n      {inner}\n    </VALUE.ARRAY>" if array else inner
        lines.append(f'  <{tag} NAME="{name}" TYPE="{kind.removesuffix("[]")}">\n    {inner}\n  </{tag}>')
    return escape("\n".join([*lines, "</INSTANCE>", ""]))


def add(driver, vm, **values):
    """hypervMsvmVSMSAddResourceSettings: the InstanceID of the new row."""
    settings = driver.settings(vm)
    target = driver.reference(
        f"SELECT * FROM Msvm_VirtualSystemSettingData WHERE InstanceID='{settings}'", "Msvm_VirtualSystemSettingData"
    )
    output = driver.invoke(
        VSMS,
        "AddResourceSettings",
        f"<n1:AffectedConfiguration>{target}</n1:AffectedConfiguration>"
        f"<n1:ResourceSettings>{embedded('Msvm_ResourceAllocationSettingData', **values)}</n1:ResourceSettings>",
        CreationClassName=VSMS,
    )
    assert value(output, "ReturnValue") in ("0", "4096")
    return output.findtext(".//w:Selector[@Name='InstanceID']", None, NS)


def test_attach_cdrom(driver, sim, uuid):
    """hypervDomainAddOpticalDrive and …OpticalDisk: the medium comes as a Msvm_ResourceAllocationSettingData."""
    (controller,) = (
        row
        for row in driver.parts(driver.settings(uuid["off01"]), "Msvm_ResourceAllocationSettingData")
        if value(row, "ResourceType") == "6"
    )

    def path(instance_id):
        doubled = instance_id.replace("\\", "\\\\")
        return rf'\\hv01\Root\Virtualization\V2:Msvm_ResourceAllocationSettingData.InstanceID="{doubled}"'

    drive = add(
        driver,
        uuid["off01"],
        Parent=("string", path(value(controller, "InstanceID"))),
        AddressOnParent=("string", "1"),
        ResourceType=("uint16", "16"),
        ResourceSubType=("string", "Microsoft:Hyper-V:Synthetic DVD Drive"),
    )
    add(
        driver,
        uuid["off01"],
        Parent=("string", path(drive)),
        HostResource=("string[]", ISO),
        ResourceType=("uint16", "31"),
        ResourceSubType=("string", "Microsoft:Hyper-V:Virtual CD/DVD Disk"),
    )
    (medium,) = sim.machines["hv01"].vm("off01").rows("Msvm_StorageAllocationSettingData")
    assert medium["HostResource"] == [ISO]
