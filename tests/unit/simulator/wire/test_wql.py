"""WQL against instances of real classes."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim import errors
from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV, load
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance, Reference
from ansible_collections.nested.hyperv.tests.simulator.wire import wql

MEMORY = load(26220).find(HYPERV, "Msvm_MemorySettingData")
ITEM = Instance(
    MEMORY,
    {
        "InstanceID": r"Microsoft:0A0B\4764334d_x",
        "ElementName": 'it\'s [100%] "C:\\x" Größe',
        "VirtualQuantity": 4096,
        "DynamicMemoryEnabled": True,
        "Parent": None,
    },
)

PATH = r'\\\\{}\\root\\virtualization\\v2:Msvm_MemorySettingData.InstanceID="Microsoft:0A0B\\\\4764334d_x"'


def matches(condition: str) -> bool:
    text = f"SELECT * FROM Msvm_MemorySettingData WHERE {condition}"
    query = wql.parse(text, HYPERV)
    return wql.predicate(query.condition, MEMORY, text, "HV01")(ITEM)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (r"InstanceID = 'microsoft:0a0b\\4764334D_x'", True),
        (r"InstanceID = 'Microsoft:0A0B\4764334d_x'", True),
        (r"InstanceID LIKE 'Microsoft:0A0B\\%'", True),
        (r"InstanceID LIKE 'Microsoft:0A0B\4764%'", True),
        ("InstanceID LIKE '%[_]x'", True),
        ("InstanceID LIKE '%[_]y'", False),
        ("InstanceID LIKE 'Microsoft:0A0_%'", True),
        ("InstanceID NOT LIKE '%Default'", True),
        (r"ElementName = 'it\'s [100%] \"C:\\x\" GRÖSSE'", False),
        (r"ElementName = 'it\'s [100%] \"C:\\x\" größe'", True),
        (r"""ElementName = "IT'S [100%] \"C:\\x\" GRÖßE" """, True),
        (r"ElementName LIKE '%[[]100[%]]%'", True),
        ("ElementName LIKE '[a-i]t%'", True),
        ("ElementName LIKE '[^a-h]t%'", True),
        ("ElementName LIKE '[^a-i]t%'", False),
        ("VirtualQuantity = 4096", True),
        ("VirtualQuantity = '4096'", True),
        ("VirtualQuantity >= 0x1000", True),
        ("4096 < VirtualQuantity", False),
        ("4095 < VirtualQuantity", True),
        ("VirtualQuantity <> 1 AND VirtualQuantity != 2", True),
        ("dynamicmemoryenabled = TRUE", True),
        ("DynamicMemoryEnabled = 'false'", False),
        ("NOT DynamicMemoryEnabled = FALSE", True),
        ("Parent IS NULL", True),
        ("Parent = NULL", True),
        ("Parent IS NOT NULL", False),
        ("Parent = 'x'", False),
        ("Parent <> 'x'", False),
        ("VirtualQuantity = 1 OR VirtualQuantity = 2 OR VirtualQuantity = 4096", True),
        ("VirtualQuantity = 1 OR VirtualQuantity = 4096 AND Parent IS NOT NULL", False),
        ("(VirtualQuantity = 1 OR VirtualQuantity = 4096) AND Parent IS NULL", True),
        ("__CLASS = 'Msvm_MemorySettingData'", True),
        ("__SERVER = 'hv01'", True),
        ("ElementName = __SERVER", False),
        ("ElementName != __SERVER", True),
        ("__SERVER = __SERVER", True),
        ("Parent != __SERVER", False),
        ("VirtualQuantity >= Limit", False),
        ("VirtualQuantity < Limit", True),
        ("__NAMESPACE = 'root\\\\virtualization\\\\v2'", True),
        (f"__PATH = '{PATH.format('HV01')}'", True),
        (f"__PATH = '{PATH.format('OTHER')}'", False),
        ("__RELPATH LIKE 'Msvm_MemorySettingData.InstanceID=%'", True),
        ("__RELPATH LIKE 'root%'", False),
        ("__GENUS = 2", True),
        ("__SUPERCLASS = 'CIM_ResourceAllocationSettingData'", True),
        ("__DYNASTY = 'CIM_ManagedElement'", True),
        ("__THIS ISA 'CIM_SettingData'", True),
    ],
)
def test_condition(condition, expected):
    assert matches(condition) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT * FROM",
        "SELECT * Msvm_MemorySettingData",
        "SELECT * FROM Msvm_MemorySettingData WHERE",
        "SELECT * FROM Msvm_MemorySettingData WHERE VirtualQuantity = ",
        "SELECT * FROM Msvm_MemorySettingData WHERE ElementName = 'a",
        "SELECT * FROM Msvm_MemorySettingData WHERE ElementName = 'it's'",
        "SELECT * FROM Msvm_MemorySettingData WHERE VirtualQuantity = 'many'",
        "SELECT * FROM Msvm_MemorySettingData WHERE Nope = 1",
        "SELECT * FROM Msvm_MemorySettingData WHERE HostResource = 'x'",
        "SELECT * FROM Msvm_MemorySettingData ORDER BY ElementName",
        "SELECT ElementName, FROM Msvm_MemorySettingData",
        "DELETE FROM Msvm_MemorySettingData",
        "ASSOCIATORS OF Msvm_MemorySettingData",
        "ASSOCIATORS OF {Msvm_MemorySettingData.InstanceID='x'} WHERE Nope = y",
        "REFERENCES OF {Msvm_MemorySettingData.InstanceID='x'} WHERE AssocClass = y",
    ],
)
def test_what_is_no_query_is_refused(text):
    def read():
        wql.predicate(wql.parse(text, HYPERV).condition, MEMORY, text)

    with pytest.raises(CimError) as caught:
        read()
    assert caught.value.status == errors.INVALID_QUERY


def test_columns_take_the_spelling_of_the_class():
    query = wql.parse("select virtualquantity, INSTANCEID from msvm_memorysettingdata", HYPERV)
    assert wql.columns(query, MEMORY, "") == ("VirtualQuantity", "InstanceID")


def test_an_unknown_column_is_refused():
    query = wql.parse("SELECT Nope FROM Msvm_MemorySettingData", HYPERV)
    with pytest.raises(CimError):
        wql.columns(query, MEMORY, "")


@pytest.mark.parametrize(
    "path",
    [
        "Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='{A-B}'",
        'Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="{a-b}"',
        r'\\.\root\virtualization\v2:Msvm_ComputerSystem.Name="{A-B}",CreationClassName="Msvm_ComputerSystem"',
        r'root/virtualization/v2:Msvm_ComputerSystem.Name="{A-B}",CreationClassName="Msvm_ComputerSystem"',
    ],
)
def test_associators_of(path):
    query = wql.parse(
        f"ASSOCIATORS OF {{{path}}} WHERE AssocClass = Msvm_SettingsDefineState "
        "ResultClass = Msvm_VirtualSystemSettingData Role=ManagedElement ResultRole = SettingData",
        HYPERV,
    )

    keys = {"CreationClassName": "Msvm_ComputerSystem", "Name": "{A-B}"}
    assert query.target == Reference(HYPERV, "Msvm_ComputerSystem", keys)
    assert query.conditions == {
        "assocclass": "Msvm_SettingsDefineState",
        "resultclass": "Msvm_VirtualSystemSettingData",
        "role": "ManagedElement",
        "resultrole": "SettingData",
    }


def test_a_path_with_doubled_backslashes():
    query = wql.parse(r"REFERENCES OF {Msvm_MemorySettingData.InstanceID='Microsoft:A\\B'}", HYPERV)
    assert query.target.keys == {"InstanceID": r"Microsoft:A\B"}
    assert not query.associators
