"""The vm module: making VMs with everything, and bringing existing ones to what a task says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.units import parse_size
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "os": "server2022",
            "memory": "256GB",
            "switches": [{"name": "LAN", "type": "external", "adapters": ["Ethernet"]}, {"name": "Lab"}],
            "folders": [r"C:\VMs"],
            "files": [
                {"path": r"C:\ISO\setup.iso", "size": "5GB"},
                {"path": r"C:\ISO\tools.iso", "size": "1GB"},
                {"path": r"C:\Images\golden.vhdx", "size": "40GB"},
            ],
            "vms": [
                {
                    "name": "run01",
                    "state": "running",
                    "memory": "2GB",
                    "notes": "first",
                    "adapters": [{"name": "LAN", "switch": "LAN"}, {"name": "Lab", "switch": "Lab"}],
                    "disks": [{"path": r"C:\VMs\run01.vhdx", "size": "40GB"}],
                    "dvd_drives": [{}],
                },
                {"name": "off01", "memory": "2GB", "adapters": [{"name": "LAN"}], "disks": [{}], "dvd_drives": [{}]},
                {"name": "bios01", "generation": 1, "memory": "1GB", "disks": [{}], "adapters": [{"name": "LAN"}]},
                {"name": "old01", "version": "5.0", "memory": "1GB"},
            ],
        }
    ]
}

SERVICES = {
    "guest_service_interface": True,
    "heartbeat": True,
    "key_value_pair_exchange": True,
    "shutdown": False,
    "time_synchronization": False,
    "vss": True,
}
NODE: dict[str, Any] = {
    "name": "node01",
    "generation": 2,
    "version": "9.3",
    "path": r"C:\VMs",
    "notes": "made by a test",
    "processor": {"count": 4, "reserve": 10, "limit": 90, "weight": 200, "threads_per_core": 1},
    "memory": {"dynamic": True, "startup": "4GB", "minimum": "2GB", "maximum": "8GB", "buffer": 30, "priority": 80},
    "nesting": {"state": "enabled", "mac_spoofing": True},
    "network_adapters": [
        {"name": "Management", "switch": "LAN", "vlan": {"mode": "access", "id": 20}, "dhcp_guard": True},
        {"name": "Storage", "switch": "Lab", "mac_address": "00:15:5D:AA:00:01", "bandwidth": {"maximum": "1Gbps"}},
        {"name": "Cluster", "switch": "Lab", "mac_spoofing": False},
        {"name": "Spare"},
    ],
    "disks": [
        {"path": r"C:\VMs\node01\os.vhdx", "size": "127GB"},
        {"path": r"C:\VMs\node01\data.vhdx", "size": "1TB", "controller_number": 1, "controller_location": 5},
    ],
    "dvd_drives": [{"path": r"C:\ISO\setup.iso"}, {}],
    "firmware": {"secure_boot": True, "secure_boot_template": "uefi_ca", "boot_order": ["network:Storage", "disk"]},
    "tpm": True,
    "checkpoints": {"type": "production_only", "automatic": False},
    "automatic_start": {"action": "always", "delay": 90},
    "automatic_stop": {"action": "shut_down"},
    "integration_services": SERVICES,
}


@pytest.fixture(params=["real", "async"])
def jobs(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Hosts answer as real ones do, or with a job for everything."""
    return {"mode": request.param}


real_host = pytest.mark.parametrize("jobs", [{"mode": "real"}], ids=["real"])


def test_a_whole_vm_of_generation_2(lab: Lab) -> None:
    result = lab.apply("vm", **NODE)
    vm = lab.vm("node01")
    assert result["id"] == vm.id
    assert result["name"] == "node01"
    assert result["diff"]["before"] == {"state": "absent"}
    assert (result["power_cycle_required"], result["power_cycled"]) == (False, False)
    system = vm.system
    assert (vm.generation, system["Version"], vm.state) == (2, "9.3", simulator.model.STATE_NAMES["off"])
    assert system["ConfigurationDataRoot"] == system["SnapshotDataRoot"] == r"C:\VMs\node01"
    assert system["Notes"] == ["made by a test"]
    assert (system["AutomaticStartupAction"], system["AutomaticShutdownAction"]) == (4, 4)
    assert system["AutomaticStartupActionDelay"] == timedelta(seconds=90)
    assert (system["UserSnapshotType"], system["AutomaticSnapshotsEnabled"]) == (4, False)
    assert (system["SecureBootEnabled"], system["SecureBootTemplateId"][:8]) == (True, "272E7447")
    processor = vm.processor
    assert (processor["VirtualQuantity"], processor["Reservation"], processor["Limit"]) == (4, 10000, 90000)
    assert (processor["Weight"], processor["HwThreadsPerCore"]) == (200, 1)
    assert processor["ExposeVirtualizationExtensions"] is True
    memory = vm.memory
    assert (memory["VirtualQuantity"], memory["Reservation"], memory["Limit"]) == (4096, 2048, 8192)
    assert (memory["TargetMemoryBuffer"], memory["Weight"], memory["DynamicMemoryEnabled"]) == (30, 8000, True)
    assert not vm.component_enabled("Shutdown")
    assert vm.component_enabled("GuestServiceInterface")
    assert [row["TpmEnabled"] for row in vm.rows("Msvm_SecuritySettingData")] == [True]
    order = lab.info("node01", "firmware")["firmware"]["boot_order"]
    assert order[:2] == ["network:Storage", "disk:0:0"]
    assert sorted(order[2:]) == sorted(
        ["disk:1:5", "dvd:0:1", "dvd:0:2", "network:Cluster", "network:Management", "network:Spare"]
    )


def test_its_adapters_and_disks(lab: Lab) -> None:
    lab.apply("vm", **NODE)
    found = lab.info("node01", "network_adapters", "disks")
    adapters = {one["name"]: one for one in found["network_adapters"]}
    assert {name: one["switch"] for name, one in adapters.items()} == {
        "Management": "LAN",
        "Storage": "Lab",
        "Cluster": "Lab",
        "Spare": None,
    }
    assert {name: one["mac_spoofing"] for name, one in adapters.items()} == {
        "Management": True,
        "Storage": True,
        "Cluster": False,
        "Spare": True,
    }
    assert adapters["Management"]["vlan"] == {"mode": "access", "id": 20}
    assert adapters["Management"]["dhcp_guard"] is True
    assert adapters["Storage"]["mac_address"] == "00:15:5D:AA:00:01"
    assert adapters["Storage"]["bandwidth"]["maximum"] == 10**9
    places = [(one["path"], one["controller_number"], one["controller_location"]) for one in found["disks"]]
    assert places == [(r"C:\VMs\node01\os.vhdx", 0, 0), (r"C:\VMs\node01\data.vhdx", 1, 5)]


def test_a_whole_vm_of_generation_1(lab: Lab) -> None:
    result = lab.apply(
        "vm",
        name="bios02",
        generation=1,
        notes="old",
        memory={"startup": "512MB", "dynamic": False},
        disks=[
            {"path": r"C:\VMs\bios02-os.vhdx", "size": "20GB"},
            {"path": r"C:\VMs\bios02-data.vhd", "size": "10GB", "type": "fixed", "controller_type": "scsi"},
        ],
        dvd_drives=[{"path": r"C:\ISO\setup.iso", "controller_type": "ide", "controller_number": 1}],
        network_adapters=[{"name": "LAN", "switch": "LAN"}],
        firmware={"boot_order": ["dvd", "disk"]},
        integration_services={"time_synchronization": False},
    )
    vm = lab.vm("bios02")
    assert result["diff"]["after"]["generation"] == 1
    assert vm.generation == 1
    assert vm.system["BootOrder"] == [1, 2, 0, 3]
    media = sorted(row["HostResource"][0] for row in vm.rows("Msvm_StorageAllocationSettingData"))
    assert media == [r"C:\ISO\setup.iso", r"C:\VMs\bios02-data.vhd", r"C:\VMs\bios02-os.vhdx"]
    lab.apply("vm", name="bios02", state="running")


def test_the_smallest_task(lab: Lab) -> None:
    """A name alone makes a VM; its generation is 2, and Hyper-V chooses the rest."""
    result = lab.apply("vm", name="small01")
    memory = {"dynamic": True, "startup": "1GB", "minimum": "512MB", "maximum": "1TB"}
    assert result["diff"]["after"] == {"state": "present", "name": "small01", "generation": 2, "memory": memory}
    assert lab.vm("small01").generation == 2


@real_host
@pytest.mark.parametrize("state", ["running", "saved", "paused", "restarted"])
def test_a_new_vm_comes_in_the_state_that_is_asked_for(lab: Lab, state: str) -> None:
    result = lab.apply("vm", once_more=state != "restarted", name="small01", memory={"startup": "512MB"}, state=state)
    assert result["diff"]["after"]["state"] == state
    assert lab.vm("small01").state == simulator.model.STATE_NAMES[{"restarted": "running"}.get(state, state)]


@real_host
def test_what_it_costs(lab: Lab) -> None:
    """2 disks, 4 adapters, firmware and nesting: at most 40 requests besides job polls; 12 where nothing changes."""
    everything = {name: value for name, value in NODE.items() if name != "version"}
    more = ("tpm", "dvd_drives", "integration_services")
    task = {name: value for name, value in everything.items() if name not in more}
    assert lab.run("vm", **task)["changed"]
    assert lab.cost() <= 40
    assert lab.run("vm", **task)["changed"] is False
    assert lab.cost() <= 12
    assert lab.run("vm", **everything)["changed"]
    assert lab.run("vm", **everything)["changed"] is False
    assert lab.cost() <= 16, "a TPM and two ISO files more"


CHANGES: dict[str, Any] = {
    "notes": "second",
    "processor": {"count": 4, "weight": 300},
    "memory": {"startup": "4GB"},
    "nesting": {"state": "enabled", "mac_spoofing": True},
    "network_adapters": [{"name": "LAN", "vlan": {"mode": "access", "id": 7}}, {"name": "New", "switch": "Lab"}],
    "disks": [
        {"path": r"C:\VMs\run01.vhdx", "size": "60GB"},
        {"path": r"C:\VMs\more.vhdx", "size": "10GB", "controller_number": 1},
    ],
    "dvd_drives": [{"path": r"C:\ISO\setup.iso"}],
    "firmware": {"secure_boot": False, "boot_order": ["dvd"]},
    "checkpoints": {"type": "disabled"},
    "integration_services": {"vss": False},
}


def test_an_existing_vm_in_one_power_cycle_with_one_diff(lab: Lab) -> None:
    result = lab.apply("vm", name="run01", allow_power_cycle=True, **CHANGES)
    vm = lab.vm("run01")
    assert (result["power_cycle_required"], result["power_cycled"]) == (True, True)
    assert vm.running
    assert result["diff"]["before"]["notes"] == "first"
    assert result["diff"]["after"] == {
        "notes": "second",
        "processor": {"count": 4, "weight": 300},
        "memory": {"startup": "4GB"},
        "nesting": {"virtualization_extensions": True, "mac_spoofing": {"Lab": True}},
        "network_adapters": {
            "LAN": {"vlan": {"mode": "access", "id": 7}, "mac_spoofing": True},
            "New": {
                "state": "present",
                "name": "New",
                "mac_address": "dynamic",
                "switch": "Lab",
                "mac_spoofing": True,
            },
        },
        "disks": {
            r"C:\VMs\run01.vhdx": {"size": "60GB"},
            r"C:\VMs\more.vhdx": {"type": "dynamic", "size": "10GB", "attached": "scsi 1:0"},
        },
        "scsi_controllers": 2,
        "dvd_drives": {"scsi 0:1": {"path": r"C:\ISO\setup.iso"}},
        "firmware": {"secure_boot": False, "boot_order": ["dvd"]},
        "checkpoints": {"type": "disabled"},
        "integration_services": {"vss": False},
    }


@real_host
def test_one_power_cycle_is_one(lab: Lab) -> None:
    lab.run("vm", name="run01", allow_power_cycle=True, **CHANGES)
    assert lab.power_requests == ["InitiateShutdown", "RequestStateChange"]


def test_all_that_needs_a_power_cycle_is_in_the_refusal(lab: Lab) -> None:
    result = lab.refuses("vm", "VM 'run01' is running", "'allow_power_cycle: true'", name="run01", **CHANGES)
    assert result["options"] == [
        "firmware.secure_boot",
        "processor.count",
        "disks.controller_number",
        "nesting.state",
        "firmware.boot_order",
    ]
    assert result["power_cycle_required"] is True


def test_what_a_running_vm_takes(lab: Lab) -> None:
    """Nothing here needs the VM off, so it isn't turned off."""
    on_since = lab.vm("run01").on_since
    result = lab.apply(
        "vm",
        name="run01",
        notes="live",
        processor={"weight": 50},
        network_adapters=[{"name": "LAN", "switch": "Lab"}, {"name": "Hot", "switch": "LAN"}],
        disks=[{"path": r"C:\VMs\hot.vhdx", "size": "5GB"}, {"path": r"C:\VMs\run01.vhdx", "size": "50GB"}],
        dvd_drives=[{"path": r"C:\ISO\tools.iso"}],
        checkpoints={"type": "standard"},
        automatic_start={"action": "nothing", "delay": 5},
        automatic_stop={"action": "turn_off"},
        integration_services={"heartbeat": False},
    )
    assert result["power_cycle_required"] is False
    assert lab.vm("run01").on_since == on_since


def test_what_is_left_out_is_left_alone(lab: Lab) -> None:
    before = lab.state()
    for name in ("run01", "off01", "bios01", "old01"):
        lab.leaves_alone("vm", name=name)
    lab.leaves_alone("vm", name="RUN01", firmware={}, memory={}, processor={}, checkpoints={}, integration_services={})
    assert lab.state() == before


def test_notes_are_cleared_by_an_empty_text(lab: Lab) -> None:
    lab.apply("vm", name="run01", notes="")
    assert lab.vm("run01").system["Notes"] == [""]
    lab.apply("vm", name="run01", notes="several\nlines & <odd> 'characters'")
    assert lab.vm("run01").system["Notes"] == ["several\nlines & <odd> 'characters'"]


def test_by_id(lab: Lab) -> None:
    vm_id = lab.vm("run01").id
    assert lab.apply("vm", id=vm_id.lower(), notes="by id")["name"] == "run01"


def test_integration_services_by_stable_names(lab: Lab) -> None:
    lab.apply("vm", name="off01", integration_services=SERVICES)
    vm = lab.vm("off01")
    assert not vm.component_enabled("Shutdown")
    assert not vm.component_enabled("TimeSync")
    assert vm.component_enabled("GuestServiceInterface")
    lab.apply("vm", name="off01", integration_services={"shutdown": True})
    assert vm.component_enabled("Shutdown")


# ---- boot order ----


OS_DISK = "disk:C:\\ProgramData\\Microsoft\\Windows\\Virtual Hard Disks\\off01.vhdx"


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (["disk"], ["disk:0:0"]),
        (["dvd", "network"], ["dvd:0:1", "network:LAN"]),
        (["disk: scsi 0:0"], ["disk:0:0"]),
        ([OS_DISK.upper().replace("DISK:", "disk:", 1), "network:lan"], ["disk:0:0", "network:LAN"]),
        (["network"], None),
        (["network:lan", OS_DISK], None),
    ],
)
@real_host
def test_boot_order_of_generation_2(lab: Lab, order: list[str], first: list[str] | None) -> None:
    if first is None:
        lab.leaves_alone("vm", name="off01", firmware={"boot_order": order})
        return
    result = lab.apply("vm", name="off01", firmware={"boot_order": order})
    assert result["diff"]["after"] == {"firmware": {"boot_order": order}}
    found = lab.info("off01", "firmware")["firmware"]["boot_order"]
    assert found[: len(first)] == first
    assert sorted(found) == ["disk:0:0", "dvd:0:1", "network:LAN"]


@real_host
def test_the_first_adapter_is_the_first_of_the_boot_order(lab: Lab) -> None:
    """Not that with the smallest id, which is random; so a second run has nothing to do."""
    adapters = [{"name": name} for name in ("M", "A", "Z")]
    task = {"name": "new01", "network_adapters": adapters, "firmware": {"boot_order": ["network"]}}
    lab.apply("vm", **task)
    lab.apply("vm", name="new01", firmware={"boot_order": ["network:Z", "network"]})
    assert lab.info("new01", "firmware")["firmware"]["boot_order"] == ["network:Z", "network:M", "network:A"]
    lab.leaves_alone("vm", name="new01", firmware={"boot_order": ["network", "network"]})
    more = [*adapters, {"name": "B"}]
    lab.apply("vm", name="new01", network_adapters=more, firmware={"boot_order": ["network:B", "network"]})
    assert lab.info("new01", "firmware")["firmware"]["boot_order"][:2] == ["network:B", "network:Z"]


@real_host
def test_adapters_are_listed_as_they_were_added(lab: Lab) -> None:
    names = [f"{letter}{number}" for letter in "MAZ" for number in range(3)]
    lab.apply("vm", name="new01", network_adapters=[{"name": name} for name in names])
    groups = (["network_adapters"], ["nesting"], ["processor", "memory", "network_adapters"])
    for include in groups:
        (vm,) = lab.succeeds("vm_info", name=["new01"], include=include)["vms"]
        listed = vm.get("network_adapters") or vm["nesting"]["adapters"]
        assert [adapter["name"] for adapter in listed] == names


@real_host
def test_boot_entries_without_a_device_stay(lab: Lab) -> None:
    vm = lab.vm("off01")
    vm.boot_files = {"Windows Boot Manager": "0F6C2D4E-96A5-4C5E-8D2B-B1F50B5D7A10"}
    lab.apply("vm", name="off01", firmware={"boot_order": ["dvd"]})
    found = lab.info("off01", "firmware")["firmware"]["boot_order"]
    assert found == ["dvd:0:1", "file:Windows Boot Manager", "network:LAN", "disk:0:0"]


@real_host
def test_boot_order_of_generation_1(lab: Lab) -> None:
    result = lab.apply("vm", name="bios01", firmware={"boot_order": ["network", "disk"]})
    assert result["diff"]["after"] == {"firmware": {"boot_order": ["network", "disk", "floppy", "dvd"]}}
    assert lab.vm("bios01").system["BootOrder"] == [3, 2, 0, 1]


# ---- TPM ----


def test_a_tpm_comes_with_a_protector_of_the_host(lab: Lab) -> None:
    result = lab.apply("vm", name="off01", tpm=True)
    assert result["diff"] == {"before": {"tpm": False}, "after": {"tpm": True}}
    assert lab.vm("off01").tpm.protector.startswith(b"SIMKP1")
    lab.apply("vm", name="off01", state="running")


def test_a_protector_that_is_there_is_kept(lab: Lab) -> None:
    lab.apply("vm", name="off01", tpm=True)
    protector = lab.vm("off01").tpm.protector
    lab.apply("vm", name="off01", tpm=False)
    lab.apply("vm", name="off01", tpm=True)
    assert lab.vm("off01").tpm.protector == protector
    lab.apply("vm", name="small01", tpm=True)
    guardians = lab.machine.repository.rows("MSFT_HgsGuardian", "root/Microsoft/Windows/Hgs")
    assert [row["Name"] for row in guardians] == ["UntrustedGuardian"], "one guardian for all VMs"


def test_a_tpm_needs_the_vm_off(lab: Lab) -> None:
    lab.refuses("vm", "VM 'run01' is running", "changing tpm needs it off", name="run01", tpm=True)
    assert lab.apply("vm", name="run01", tpm=True, allow_power_cycle=True)["power_cycled"] is True


def test_a_host_without_guardians() -> None:
    with open_lab({"hosts": [{**MODEL["hosts"][0], "hgs": False}]}) as lab:
        words = ("tpm: VM 'off01'", "root/Microsoft/Windows/Hgs", "leave 'tpm' out")
        lab.refuses("vm", *words, name="off01", tpm=True)
        lab.refuses("vm", "tpm: VM 'new01'", "root/Microsoft/Windows/Hgs", name="new01", tpm=True)
        lab.leaves_alone("vm", name="off01", tpm=False)


# ---- a failure in the middle ----

STEPS = [
    ({"method": "DefineSystem"}, None),
    ({"method": "AddResourceSettings", "at": 1}, "adjust the settings"),
    ({"method": "AddResourceSettings", "at": 2}, "add the adapters"),
    ({"method": "AddFeatureSettings", "at": 1}, "connect the adapters"),
    ({"method": "CreateVirtualHardDisk", "at": 1}, "configure the switch port"),
    ({"method": "CreateVirtualHardDisk", "at": 2}, "attach"),
    ({"method": "AddResourceSettings", "at": 5}, "add SCSI controller"),
    ({"method": "SetKeyProtector"}, "create the guardian"),
    ({"method": "ModifyResourceSettings", "at": 4}, "TPM"),
    ({"method": "ModifySystemSettings"}, "extensions"),
    ({"method": "RequestStateChange"}, "boot order"),
]


@pytest.mark.parametrize(("rule", "before_it"), STEPS, ids=str)
@pytest.mark.parametrize("do", ["fail_job", "fault"])
@real_host
def test_a_failed_job_in_the_middle(lab: Lab, rule: dict[str, Any], before_it: str | None, do: str) -> None:
    """The result says what exists now, and running the task again finishes the work."""
    more = {"code": 32768, "text": "The disk is on fire."} if do == "fail_job" else {"fault": "AccessDenied"}
    lab.sim.faults.add(simulator.Rule(do=do, **rule, **more))
    task = {**NODE, "state": "running"}
    result = lab.fails("vm", *(["The disk is on fire."] if do == "fail_job" else []), **task)
    if before_it is None:
        assert result["changed"] is False
        assert "completed" not in result
    else:
        assert result["changed"] is True
        assert result["completed"][0] == "create the VM 'node01'"
        assert before_it in result["completed"][-1]
        assert result["diff"]["after"]["name"] == "node01"
        assert not lab.vm("node01").running
    again = lab.run("vm", **task)
    assert not again.get("failed"), again
    lab.leaves_alone("vm", **task)
    assert lab.vm("node01").running


@pytest.mark.parametrize("rule", [rule for rule, _before_it in STEPS], ids=str)
@real_host
def test_a_lost_answer_in_the_middle(lab: Lab, rule: dict[str, Any]) -> None:
    """The task looks at the host and goes on."""
    lab.sim.faults.add(simulator.Rule(do="lose", **rule))
    task = {**NODE, "state": "running"}
    assert lab.succeeds("vm", **task)["changed"] is True
    assert lab.vm("node01").running
    lab.leaves_alone("vm", **task)


@real_host
def test_a_host_that_fails_while_the_new_vm_is_read(lab: Lab) -> None:
    lab.sim.faults.add(simulator.Rule(do="fault", operation="Get", class_name="Msvm_VirtualSystemSettingData"))
    result = lab.fails("vm", **NODE)
    assert result["changed"] is True
    assert result["completed"] == ["create the VM 'node01'"]
    assert result["diff"]["after"]["processor"] == {
        "count": 4,
        "reserve": 10,
        "limit": 90,
        "weight": 200,
        "threads_per_core": 1,
    }
    assert "disks" not in result["diff"]["after"], "what wasn't done isn't told"


@real_host
@pytest.mark.parametrize("state", ["present", "running", "restarted"])
def test_a_vm_whose_change_fails_is_started_again(lab: Lab, state: str) -> None:
    lab.sim.faults.add(simulator.Rule(do="fail_job", method="CreateVirtualHardDisk", text="The disk is on fire."))
    result = lab.fails("vm", "The disk is on fire.", name="run01", state=state, allow_power_cycle=True, **CHANGES)
    assert lab.vm("run01").running
    assert (result["changed"], result["power_cycled"]) == (True, True)
    assert result["completed"][-1].startswith("expand the virtual disk")
    assert result["diff"]["after"]["notes"] == "second"
    assert "firmware" not in result["diff"]["after"] or "boot_order" not in result["diff"]["after"]["firmware"]
    again = lab.run("vm", name="run01", allow_power_cycle=True, **CHANGES)
    assert not again.get("failed"), again
    lab.leaves_alone("vm", name="run01", **CHANGES)


# ---- bad input ----


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "bios01", "firmware": {"secure_boot": True}}, ("firmware.secure_boot: VM 'bios01'", "generation 1")),
        (
            {"name": "bios01", "firmware": {"secure_boot_template": "windows"}},
            ("firmware.secure_boot_template: VM 'bios01'", "leave it out"),
        ),
        ({"name": "bios01", "tpm": True}, ("tpm: VM 'bios01' is a generation 1 VM", "leave it out")),
        ({"name": "new01", "generation": 1, "tpm": True}, ("tpm: VM 'new01' is a generation 1 VM",)),
        ({"name": "new01", "generation": 1, "firmware": {"secure_boot": True}}, ("firmware.secure_boot: VM 'new01'",)),
        (
            {"name": "bios01", "firmware": {"boot_order": ["disk:0:0"]}},
            ("firmware.boot_order: 'disk:0:0'", "VM 'bios01'", "generation 1", "floppy, dvd, disk, network"),
        ),
        (
            {"name": "off01", "disks": [{"path": r"C:\VMs\x.vhdx", "size": "1GB", "controller_type": "ide"}]},
            ("disks.controller_type: VM 'off01' is a generation 2 VM", "use scsi"),
        ),
        (
            {"name": "off01", "dvd_drives": [{"controller_type": "ide"}, {"controller_type": "ide"}]},
            ("dvd_drives.controller_type: VM 'off01' is a generation 2 VM",),
        ),
        (
            {"name": "off01", "firmware": {"boot_order": ["disk", "disk"]}},
            ("firmware.boot_order: 'disk' is not attached to VM 'off01', or another entry names it",),
        ),
        ({"name": "off01", "firmware": {"boot_order": ["dvd:0:1", "dvd:0:1"]}}, ("is listed twice for VM 'off01'",)),
        ({"name": "bios01", "firmware": {"boot_order": ["disk", "DISK"]}}, ("is listed twice for VM 'bios01'",)),
        ({"name": "off01", "firmware": {"boot_order": ["floppy"]}}, ("'floppy' names no device of VM 'off01'",)),
        ({"name": "off01", "generation": 1}, ("generation: VM 'off01' is a generation 2 VM", "Create another VM")),
        ({"name": "off01", "version": "9.0"}, ("version: VM 'off01' has configuration version 10.0", "Leave it out")),
        ({"name": "old01", "tpm": True}, ("tpm: VM 'old01'", "version 8.0", "Upgrade")),
        ({"name": "old01", "nesting": {}}, ("VM 'old01' can't run Hyper-V", "found version 5.0")),
        (
            {"name": "off01", "firmware": {"boot_order": ["disk:0:7"]}},
            ("firmware.boot_order: 'disk:0:7' is not attached to VM 'off01'", "attach it, or leave it out"),
        ),
        ({"name": "off01", "firmware": {"boot_order": ["network:WAN"]}}, ("'network:WAN' is not attached",)),
        ({"name": "new01", "firmware": {"boot_order": ["dvd"]}}, ("'dvd' is not attached to VM 'new01'",)),
        (
            {"name": "off01", "network_adapters": [{"name": "LAN", "switch": "Nosuch"}]},
            ("network_adapters.switch: there is no virtual switch 'Nosuch'", "this host has"),
        ),
        (
            {"name": "off01", "network_adapters": [{"name": "A"}, {"name": "a"}]},
            ("network_adapters.name: 'a' is listed twice",),
        ),
        ({"name": "off01", "memory": {"startup": "much"}}, ("memory.startup: 'much' is not a size",)),
        ({"name": "new01", "memory": {"startup": "256MB"}}, ("VM 'new01'", "minimum 512MB, startup 256MB")),
        ({"name": "new01", "processor": {"reserve": 90, "limit": 50}}, ("VM 'new01'", "reserve of 90 %")),
        ({"name": "new01", "nesting": {"adapters": ["X"]}}, ("nesting.adapters:",)),
        (
            {"name": "off01", "nesting": {"mac_spoofing": True, "adapters": ["WAN"]}},
            ("nesting.adapters: VM 'off01' has no network adapter 'WAN'", "'LAN'"),
        ),
        (
            {"name": "new01", "memory": {"startup": "2GB"}, "nesting": {"minimum_startup_memory": "4GB"}},
            ("memory.startup: 2GB is below nesting.minimum_startup_memory, 4GB", "leave one of them out"),
        ),
        (
            {"name": "off01", "memory": {"dynamic": True}, "nesting": {"static_memory": True}},
            ("memory.dynamic: nesting.static_memory asks for the opposite",),
        ),
        ({"name": "n" * 101}, ("name: a VM's name has 1 to 100 characters",)),
        ({"name": "new01", "path": "VMs"}, ("path: 'VMs' is not a full path on the host",)),
        ({"id": "00000000-0000-0000-0000-000000000001"}, ("id: no VM has this id", "set its 'name'")),
        ({"name": "off01", "wait_for": "heartbeat"}, ("wait_for: with 'state: present'", "requires 'state: running'")),
        (
            {"name": "off01", "automatic_start": {"delay": -1}},
            ("automatic_start.delay: -1 is out of range",),
        ),
        (
            {"name": "off01", "firmware": {"secure_boot_template": "linux"}},
            ("secure_boot_template", "uefi_ca", "linux"),
        ),
    ],
)
def test_bad_input(shared_lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    shared_lab.refuses("vm", *words, **args)


@real_host
def test_a_secure_boot_template_that_the_host_lacks(lab: Lab) -> None:
    rows = lab.machine.repository.rows("Msvm_VirtualSystemSettingData")
    for row in [one for one in rows if "4292AE2B" in str(one["InstanceID"])]:
        lab.machine.repository.remove(row)
    task = {"firmware": {"secure_boot_template": "shielded_open_source"}}
    words = ("firmware.secure_boot_template: this host doesn't have shielded_open_source", "uefi_ca, windows")
    lab.refuses("vm", "VM 'off01'", *words, name="off01", **task)
    lab.refuses("vm", "VM 'new01'", *words, name="new01", **task)


@real_host
def test_a_version_that_the_host_does_not_know(lab: Lab) -> None:
    lab.refuses("vm", "VM 'new01' can't have configuration version 99.0", name="new01", version="99.0")


# ---- the memory of a new VM ----

DYNAMIC = {"dynamic": True, "startup": "1GB", "minimum": "512MB", "maximum": "1TB"}
NEW_MEMORY: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, DYNAMIC),
    ({"memory": {"priority": 20}}, {**DYNAMIC, "priority": 20}),
    ({"memory": {"startup": "4GB"}}, {**DYNAMIC, "startup": "4GB"}),
    ({"memory": {"startup": "256MB", "minimum": "128MB"}}, {**DYNAMIC, "startup": "256MB", "minimum": "128MB"}),
    ({"memory": {"dynamic": True, "maximum": "2GB"}}, {**DYNAMIC, "maximum": "2GB"}),
    ({"memory": {"dynamic": False}}, {"dynamic": False, "startup": "1GB"}),
    ({"memory": {"dynamic": False, "startup": "256MB"}}, {"dynamic": False, "startup": "256MB"}),
    ({"nesting": {"static_memory": True, "minimum_startup_memory": "4GB"}}, {"dynamic": False, "startup": "4GB"}),
]


@pytest.mark.parametrize(("options", "memory"), NEW_MEMORY)
def test_the_diff_shows_the_memory_that_a_new_vm_has(lab: Lab, options: dict[str, Any], memory: dict[str, Any]) -> None:
    result = lab.apply("vm", name="new01", **options)
    assert result["diff"]["after"]["memory"] == memory
    now = lab.info("new01", "memory")["memory"]
    shown = {name: value if isinstance(value, (bool, int)) else parse_size(value) for name, value in memory.items()}
    assert {name: now[name] for name in shown} == shown


def test_a_new_vm_with_less_memory_than_the_default_minimum_is_refused(lab: Lab) -> None:
    words = ("memory.startup: VM 'new01' would get minimum 512MB, startup 256MB", "'dynamic: false' for static memory")
    lab.refuses("vm", *words, name="new01", memory={"startup": "256MB"})
