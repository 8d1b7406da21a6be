"""Model files: what they make, and what they refuse."""

from __future__ import annotations

import cProfile
from pathlib import Path

import pytest

from ansible_collections.nested.hyperv.tests.simulator import model
from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import OFF, PAUSED, RUNNING, SAVED
from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.clock import Clock
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import host, rows

MODELS = sorted(Path(model.__file__).parent.glob("*.yml"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_can_be_built(path: Path) -> None:
    machines = model.by_name(model.build(model.read(path), Clock()))
    assert machines
    assert all(vm.system["ElementName"] for machine in machines.values() for vm in machine.vms.values())


def with_adapter(adapter: dict) -> dict:
    """A model with one adapter of a VM."""
    return {"hosts": [{"name": "a", "switches": ["Lab"], "vms": [{"name": "b", "adapters": [adapter]}]}]}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "no hosts"),
        ({"host": []}, "unknown host"),
        ({"hosts": [{}]}, r"hosts\[0\]: name is missing"),
        ({"hosts": [{"name": "a", "memroy": "1GB"}]}, r"hosts\[0\]: unknown memroy"),
        ({"hosts": [{"name": "a", "memory": "lots"}]}, "'lots' is not a size"),
        ({"hosts": [{"name": "a", "os": "server1998"}]}, "server1998 is not one of server2016"),
        ({"hosts": [{"name": "a", "cpu": {"cores": 3}}]}, "cpu: unknown cores"),
        ({"hosts": [{"name": "a", "jobs": {"mode": "fast"}}]}, "fast is not one of"),
        ({"hosts": [{"name": "a", "vms": [{"name": "b", "stat": "off"}]}]}, r"vms\[0\]: unknown stat"),
        ({"hosts": [{"name": "a", "vms": [{"name": "b", "state": "on"}]}]}, r"\(b\).state: on is not one of"),
        ({"hosts": [{"name": "a", "vms": [{"name": "b", "guest": {"shutdown": "slow"}}]}]}, "slow is not one of"),
        ({"hosts": [{"name": "a", "vms": ["b"]}]}, r"vms\[0\]: a mapping is expected"),
        ({"hosts": [{"name": "a", "vms": {"name": "b"}}]}, r"hosts\[0\] \(a\)\.vms: a list is expected"),
        ({"hosts": 5}, "hosts: a list is expected, not 5"),
        ({"hosts": [{"name": "a", "users": {}, "memroy": 1}]}, "unknown memroy; did you mean memory?"),
        ({"hosts": [{"name": "a", "vms": [{"name": "b", "count": "x"}]}]}, r"hosts\[0\]: "),
        (with_adapter({"switch": "Lba"}), r"adapters\[0\]\.switch: Lba is not one of the switches Lab$"),
        (with_adapter({"addresses": ["10.0.0.300"]}), r"adapters\[0\]\.addresses\[0\]: 10\.0\.0\.300 is"),
        (with_adapter({"mac": "zz"}), r"adapters\[0\]\.mac: ZZ is not a MAC address"),
    ],
)
def test_mistakes_are_named_with_their_place(document: dict, message: str) -> None:
    with pytest.raises(model.ModelError, match=message):
        model.build(document, Clock())


def test_ids_are_the_same_in_every_run_and_differ_for_equal_names() -> None:
    first, second = host({"name": "a"}, {"name": "a"}), host({"name": "a"}, {"name": "a"})
    assert list(first.vms) == list(second.vms)
    assert len(first.vms) == 2
    with pytest.raises(KeyError, match="2 VMs"):
        first.vm("A")


def many(count: int) -> Machine:
    vm = {"name": "vm{n:04}", "count": count, "state": "running", "adapters": [{"switch": "LAN"}, {}]}
    return host(vm, memory="4TB")


def test_the_cost_of_a_vm_does_not_depend_on_how_many_there_are() -> None:
    def calls(count: int) -> int:
        profile = cProfile.Profile()
        profile.runcall(many, count)
        return sum(entry.callcount for entry in profile.getstats())

    many(1)  # reads the schema and the tables
    empty, few, more = calls(0), calls(25), calls(100)
    assert more - empty < 5 * (few - empty)


def test_each_of_a_thousand_vms_has_its_rows() -> None:
    machine = many(1000)
    assert len(machine.vms) == 1000
    assert machine.vm("VM0042").name == "vm0042"
    assert (
        len(
            [
                row
                for row in rows(machine, "Msvm_SyntheticEthernetPortSettingData")
                if "Definition" not in row["InstanceID"]
            ]
        )
        == 2000
    )


@pytest.mark.parametrize(
    ("state", "number"), [("off", OFF), ("running", RUNNING), ("saved", SAVED), ("paused", PAUSED)]
)
def test_states(state: str, number: int) -> None:
    vm = host({"state": state}).vm("vm0")
    assert vm.enabled_state == number
    assert vm.guest.booted is (state in ("running", "paused"))


def test_values_of_the_model_are_properties_of_the_rows() -> None:
    machine = host(
        {
            "generation": 1,
            "version": "8.0",
            "notes": "first line\nsecond",
            "processors": 6,
            "nested": True,
            "memory": {"startup": "2GB", "dynamic": True, "minimum": "512MB", "maximum": "8GB", "buffer": 30},
            "adapters": [{"name": "a", "switch": "LAN", "mac": "00:15:5d:01:02:03", "mac_spoofing": False, "vlan": 7}],
            "system_settings": {"AutomaticStartupAction": 4},
            "processor_settings": {"Weight": 200},
            "disabled_services": ["KvpExchange"],
        },
        os="server2019",
    )
    vm = machine.vm("vm0")
    assert (vm.generation, vm.version, vm.system["Notes"]) == (1, (8, 0), ["first line\nsecond"])
    assert (vm.system["AutomaticStartupAction"], vm.system["VirtualNumaEnabled"]) == (4, False)
    assert (vm.processor["VirtualQuantity"], vm.processor["Weight"]) == (6, 200)
    assert vm.processor["ExposeVirtualizationExtensions"] is True
    memory = {name: vm.memory[name] for name in ("VirtualQuantity", "Reservation", "Limit", "TargetMemoryBuffer")}
    assert memory == {"VirtualQuantity": 2048, "Reservation": 512, "Limit": 8192, "TargetMemoryBuffer": 30}
    (adapter,) = vm.rows("Msvm_SyntheticEthernetPortSettingData")
    assert (adapter["ElementName"], adapter["Address"], adapter["StaticMacAddress"]) == ("a", "00155D010203", True)
    (vlan,) = vm.rows("Msvm_EthernetSwitchPortVlanSettingData")
    assert (vlan["OperationMode"], vlan["AccessVlanId"]) == (1, 7)
    assert vm.rows("Msvm_EthernetSwitchPortSecuritySettingData")[0]["AllowMacSpoofing"] is False
    assert not vm.component_enabled("KvpExchange")
    assert vm.component_enabled("Shutdown")
    assert not vm.component_enabled("GuestServiceInterface")


def test_features_have_no_rows_until_they_are_given() -> None:
    vm = host({"adapters": [{"switch": "LAN"}]}).vm("vm0")
    assert vm.rows("Msvm_EthernetSwitchPortSecuritySettingData") == []
    assert vm.rows("Msvm_EthernetSwitchPortVlanSettingData") == []


def test_an_adapter_that_never_was_connected_has_no_connection() -> None:
    vm = host({"adapters": [{"connection": False}, {}]}).vm("vm0")
    assert len(vm.rows("Msvm_SyntheticEthernetPortSettingData")) == 2
    (connection,) = vm.rows("Msvm_EthernetPortAllocationSettingData")
    assert (connection["EnabledState"], connection["HostResource"]) == (3, None)


def test_guests_with_a_machine_are_machines_at_any_depth() -> None:
    machines = model.by_name(model.build(model.read("nested"), Clock()))
    assert [(name, machine.depth) for name, machine in machines.items()] == [("l0", 0), ("l1", 1), ("l2", 2)]
    assert machines["l1"].memory_total == 32 * 1024
    assert machines["l1"].logical_processors == 8
    assert machines["l2"].host is machines["l1"]


def test_users() -> None:
    users = [{"name": "Admin", "password": "x"}, {"name": "ops", "groups": ["Hyper-V Administrators"]}]
    machine = host(users=users)
    assert machine.find_user(r"HV01\ADMIN").administrator
    assert machine.find_user("admin@hv01").password == "x"
    assert machine.find_user("ops").hyperv
    assert not machine.find_user("ops").remote
    assert machine.find_user("root") is None
    assert not User("x", groups=("Users",)).hyperv


@pytest.mark.parametrize(("size", "expected"), [("4GB", 4096), ("512mb", 512), (2**30, 1024), ("1 TB", 2**20)])
def test_sizes(size: str | int, expected: int) -> None:
    assert model.megabytes(size) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"files": [{"path": r"C:\a.vhdx", "sice": 1}]}, r"hosts\[0\] \(a\): C:\\a.vhdx: unknown sice"),
        ({"files": [{"path": r"C:\a.vhdx", "parent": r"C:\no.vhdx"}]}, "parent of .* is not in the model"),
        ({"files": [{"path": "nowhere"}]}, "0x8007007B"),
        ({"drives": [{"letter": "C", "size": "big"}]}, "'big' is not a size"),
        ({"vms": [{"name": "b", "disks": [{"pat": "x"}]}]}, r"vms\[0\] \(b\): b: disks and DVD drives: unknown pat"),
        ({"vms": [{"name": "b", "controllers": {"ide": 1}}]}, "controllers: unknown ide"),
        ({"vms": [{"name": "b", "checkpoints": [{"nam": "x"}]}]}, "checkpoints: unknown nam"),
        ({"vms": [{"name": "b", "checkpoints": [{"name": "x"}, {"name": "y"}]}]}, "one root checkpoint"),
        ({"vms": [{"name": "b", "security": {"tmp": True}}]}, "security: unknown tmp"),
        ({"vms": [{"name": "b", "firmware": {"file": []}}]}, "firmware: unknown file"),
    ],
)
def test_mistakes_in_disks_and_checkpoints_are_named_with_their_place(spec: dict, message: str) -> None:
    with pytest.raises(model.ModelError, match=message):
        model.build({"hosts": [{"name": "a", **spec}]}, Clock())


def test_a_counted_vm_has_disks_of_its_own() -> None:
    machine = host({"name": "c{n}", "count": 2, "disks": [{"path": r"C:\d\{name}.vhdx"}, {}]})
    assert {file.name for file in machine.files} == {"c1.vhdx", "c2.vhdx", "c1_1.vhdx", "c2_1.vhdx"}
