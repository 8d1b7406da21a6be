"""Schema and repository: deep reading, keys, live properties, associations."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim import errors
from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.repository import Association, Repository
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import CIMV2, HYPERV, load
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Reference

MEMORY, PROCESSOR = "Msvm_MemorySettingData", "Msvm_ProcessorSettingData"


@pytest.fixture
def repository() -> Repository:
    repository = Repository(load(20348))
    repository.add(MEMORY, {"InstanceID": r"Microsoft:A\m", "VirtualQuantity": 512}, owner="A")
    repository.add(PROCESSOR, {"InstanceID": r"Microsoft:A\p"}, owner="A")
    repository.add(PROCESSOR, {"InstanceID": r"Microsoft:B\p"}, owner="B")
    return repository


def test_classes_know_what_they_inherit() -> None:
    schema = load(20348)
    memory = schema.find("ROOT\\Virtualization\\v2", "msvm_memorysettingdata")
    assert memory.name == MEMORY
    assert memory.is_a("cim_settingdata")
    assert memory.keys == ("InstanceID",)
    assert memory.find_property("virtualquantity").type == "uint64"
    assert list(memory.properties) == sorted(memory.properties, key=str.lower)
    assert schema.find(CIMV2, MEMORY) is None
    assert schema.find(HYPERV, "Msvm_Typo") is None


def test_superclasses_can_be_read_though_nobody_describes_them() -> None:
    base = load(20348).find(HYPERV, "CIM_ResourceAllocationSettingData")
    assert base.abstract
    assert base.keys == ("InstanceID",)
    assert "VirtualQuantity" in base.properties
    assert "DynamicMemoryEnabled" not in base.properties


def test_an_older_build_lacks_the_properties_of_a_newer_one() -> None:
    assert "MemoryEncryptionPolicy" in load(26100).find(HYPERV, MEMORY).properties
    assert "MemoryEncryptionPolicy" not in load(20348).find(HYPERV, MEMORY).properties


def test_a_base_class_shows_what_derives_from_it(repository: Repository) -> None:
    cls = repository.cls("CIM_ResourceAllocationSettingData")
    assert sorted(one.cls.name for one in repository.instances(cls)) == [MEMORY, PROCESSOR, PROCESSOR]
    assert [one.cls.name for one in repository.instances(repository.cls(MEMORY))] == [MEMORY]


def test_get_needs_all_keys_and_ignores_case(repository: Repository) -> None:
    cls = repository.cls(MEMORY)
    assert repository.get(cls, {"instanceid": r"MICROSOFT:a\M"})["VirtualQuantity"] == 512
    for keys in ({}, {"InstanceID": "x"}, {"ElementName": "x"}, {"InstanceID": r"Microsoft:A\m", "Caption": "x"}):
        with pytest.raises(CimError) as missing:
            repository.get(cls, keys)
        assert missing.value.status == errors.NOT_FOUND


def test_a_copy_is_a_copy(repository: Repository) -> None:
    cls = repository.cls(MEMORY)
    next(repository.instances(cls))["VirtualQuantity"] = 1
    repository.get(cls, {"InstanceID": r"Microsoft:A\m"})["VirtualQuantity"] = 2
    assert repository.row(MEMORY, InstanceID=r"Microsoft:A\m")["VirtualQuantity"] == 512


def test_keys_are_unique(repository: Repository) -> None:
    with pytest.raises(CimError) as twice:
        repository.add(MEMORY, {"InstanceID": r"microsoft:a\M"})
    assert twice.value.status == errors.ALREADY_EXISTS


def test_partial_keys_name_one_object_or_none(repository: Repository) -> None:
    for name in ("one", "two"):
        repository.add("Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": name})

    def find(**keys: str):
        return repository.find(Reference(HYPERV, "Msvm_ComputerSystem", keys), partial=True)

    assert find(Name="ONE")["Name"] == "one"
    assert find(CreationClassName="Msvm_ComputerSystem") is None
    assert find(ElementName="one") is None
    assert repository.find(Reference(HYPERV, "Msvm_ComputerSystem", {"Name": "one"})) is None


def test_owned_rows_go_together(repository: Repository) -> None:
    assert [row.cls.name for row in repository.owned("a")] == [MEMORY, PROCESSOR]
    assert len(repository.owned("A", PROCESSOR)) == 1
    repository.disown("a")
    assert [row["InstanceID"] for row in repository.rows("CIM_SettingData")] == [r"Microsoft:B\p"]
    with pytest.raises(CimError):
        repository.remove(repository.new(MEMORY, {"InstanceID": r"Microsoft:A\m"}))


def test_live_properties_are_computed_at_each_reading(repository: Repository) -> None:
    now = [1]
    repository.live(MEMORY, "swapfilesinuse", lambda row: row["VirtualQuantity"] * now[0] > 600)
    row = repository.get(repository.cls(MEMORY), {"InstanceID": r"Microsoft:A\m"})
    assert row["SwapFilesInUse"] is False
    now[0] = 2
    assert row["SwapFilesInUse"] is True


def test_provided_rows_can_be_listed_found_and_associated(repository: Repository) -> None:
    repository.provide(
        "Msvm_GuestNetworkAdapterConfiguration",
        lambda: [repository.new("Msvm_GuestNetworkAdapterConfiguration", {"InstanceID": "G1", "DHCPEnabled": True})],
    )
    cls = repository.cls("Msvm_GuestNetworkAdapterConfiguration")
    assert [row["InstanceID"] for row in repository.instances(cls)] == ["G1"]
    assert repository.get(cls, {"InstanceID": "g1"})["DHCPEnabled"] is True


def associate(repository: Repository) -> None:
    def row(name: str, tail: str):
        return repository.row(name, InstanceID=f"Microsoft:{tail}")

    repository.associate(
        Association(
            "Msvm_VirtualSystemSettingDataComponent",
            ("GroupComponent", "PartComponent"),
            lambda: [
                (row(PROCESSOR, r"A\p"), row(MEMORY, r"A\m")),
                (row(PROCESSOR, r"A\p"), row(PROCESSOR, r"B\p")),
                (None, row(MEMORY, r"A\m")),
            ],
        )
    )


def test_associators_and_references(repository: Repository) -> None:
    associate(repository)
    start = Reference(HYPERV, PROCESSOR, {"InstanceID": r"microsoft:a\P"})

    def found(**conditions: str) -> list[str]:
        return sorted(row["InstanceID"] for row in repository.associators(start, **conditions))

    assert found() == [r"Microsoft:A\m", r"Microsoft:B\p"]
    assert found(result_class=MEMORY) == [r"Microsoft:A\m"]
    assert found(result_class="CIM_SettingData", assoc_class="CIM_VirtualSystemSettingDataComponent") == found()
    assert found(assoc_class="Msvm_SystemDevice") == []
    assert found(role="PartComponent") == []
    assert found(result_role="partcomponent") == found()
    links = repository.references(start)
    assert [link["PartComponent"].key("InstanceID") for link in links] == [r"Microsoft:A\m", r"Microsoft:B\p"]
    assert repository.references(start, role="PartComponent") == []


def test_association_classes_can_be_listed_with_their_empty_ends(repository: Repository) -> None:
    associate(repository)
    links = list(repository.instances(repository.cls("Msvm_VirtualSystemSettingDataComponent")))
    assert len(links) == 3
    assert links[2]["GroupComponent"] is None


def test_associators_of_nothing(repository: Repository) -> None:
    with pytest.raises(CimError) as missing:
        repository.associators(Reference(HYPERV, PROCESSOR, {"InstanceID": "x"}))
    assert missing.value.status == errors.NOT_FOUND
