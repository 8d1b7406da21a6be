"""First boots: Windows from answer files, Linux from NoCloud, and installations that wait for a key."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import OFF, RUNNING
from ansible_collections.nested.hyperv.tests.simulator.hyperv.vm import Vm
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..discs import ACCOUNTS, NAME, OPEN, PASSWORD, SERVER, answers, commands, disc
from ..hosts import host

SEED, DISK, SETUP = r"C:\seed.iso", r"C:\vm.vhdx", r"C:\setup.iso"
GENERALIZED = {"os": "server2022", "generalized": True}
INTERFACE = (
    "<Interfaces><Interface><Ipv4Settings><DhcpEnabled>false</DhcpEnabled></Ipv4Settings>"
    "<Identifier>Ethernet</Identifier><UnicastIpAddresses><IpAddress>192.168.100.11/24</IpAddress>"
    "</UnicastIpAddresses><Routes><Route><Identifier>1</Identifier><NextHopAddress>192.168.100.1</NextHopAddress>"
    "<Prefix>0.0.0.0/0</Prefix></Route></Routes></Interface></Interfaces>"
)
PARTS = (
    "<DiskConfiguration><Disk><CreatePartitions><CreatePartition><Order>1</Order><Type>EFI</Type></CreatePartition>"
    "</CreatePartitions><DiskID>0</DiskID></Disk></DiskConfiguration>"
)
IMAGE = (
    "<ImageInstall><OSImage><InstallFrom><MetaData><Key>/IMAGE/INDEX</Key><Value>1</Value></MetaData></InstallFrom>"
    "<InstallTo><DiskID>0</DiskID><PartitionID>3</PartitionID></InstallTo></OSImage></ImageInstall>"
)
TERMS = "<UserData><AcceptEula>true</AcceptEula></UserData>"
INSTALLATION = answers(
    windowsPE={"Setup": PARTS + IMAGE + TERMS},
    specialize={"Shell-Setup": NAME, "Deployment": commands(OPEN.replace('"', "&quot;"))},
    oobeSystem={"Shell-Setup": ACCOUNTS},
)


def machine_with(system: Any, *images: bytes, adapters: int = 1, order: tuple[str, ...] = (DISK,), **spec: Any) -> Vm:
    """A VM with a disk and discs, off."""
    names = [SEED, SETUP][: len(images)]
    vm = {
        "adapters": [{"switch": "LAN"} for _number in range(adapters)],
        "disks": [{"path": DISK}],
        "dvd_drives": [{"path": name} for name in names],
        "guest": {"os": "none", "integration_services": False},
        **spec,
    }
    files = [{"path": DISK, "size": "40GB", **({"system": system} if system else {})}]
    files += [{"path": name, "content": image} for name, image in zip(names, images, strict=True)]
    machine = host(vm, files=files)
    (found,) = machine.vms.values()
    return found


def boots(vm: Vm) -> Machine | None:
    """The machine in the VM, after its start."""
    vm.set_state(RUNNING)
    vm.machine.clock.settle()
    return vm.guest.machine


def test_a_generalized_windows_becomes_one_of_its_own() -> None:
    text = SERVER.replace(
        "</settings><settings",
        f'<component name="Microsoft-Windows-TCPIP">{INTERFACE}</component></settings><settings',
        1,
    )
    vm = machine_with(GENERALIZED, disc("UNATTEND", {"Unattend.xml": text}))
    machine = boots(vm)
    assert machine.name == "lab01"
    assert {user.name: user.password for user in machine.users.values()} == {"Administrator": PASSWORD}
    assert machine.running
    assert list(vm.addresses.values()) == [["192.168.100.11"]]
    (address,) = (row for row in machine.network.addresses if row.adapter is not machine.network.loopback)
    assert (address.ip, address.prefix, address.adapter.dhcp) == ("192.168.100.11", 24, False)
    assert [route.gateway for route in machine.network.routes] == ["192.168.100.1"]
    assert vm.guest.os_name() == "Windows Server 2022 Datacenter"


def test_it_stays_that_one() -> None:
    vm = machine_with(GENERALIZED, disc("UNATTEND", {"Unattend.xml": SERVER}))
    machine = boots(vm)
    machine.files.write(r"C:\mine.txt", b"x")
    vm.set_state(OFF)
    assert boots(vm) is machine


@pytest.mark.parametrize(
    ("files", "panther", "question"),
    [
        ({}, None, "the licence terms"),
        (
            {"Unattend.xml": SERVER},
            answers(oobeSystem={"Shell-Setup": "<TimeZone>UTC</TimeZone>"}),
            "the licence terms",
        ),
        ({"Unattend.xml": "<unattend><!-- a -- b --></unattend>"}, None, "could not parse"),
        ({"Unattend.xml": SERVER.replace("lab01", "12345")}, None, "computer name"),
        ({"Unattend.xml": SERVER.replace(PASSWORD, "weak")}, None, "another password of Administrator"),
        (
            {
                "Unattend.xml": SERVER.replace("<AdministratorPassword>", "<X>").replace(
                    "</AdministratorPassword>", "</X>"
                )
            },
            None,
            "the password of Administrator",
        ),
        ({"other.xml": SERVER}, None, "the licence terms"),
    ],
)
def test_a_question_waits_on_the_console(files: dict[str, str], panther: str | None, question: str) -> None:
    vm = machine_with({**GENERALIZED, "panther": panther}, disc("X", files or {"x": ""}))
    assert boots(vm) is None
    assert question in vm.guest.question
    assert vm.guest.booted
    assert vm.guest.os_name() is None


def test_panther_outranks_the_seed_for_its_passes_only() -> None:
    panther = answers(specialize={"Shell-Setup": "<ComputerName>sealed</ComputerName>"})
    vm = machine_with({**GENERALIZED, "panther": panther}, disc("X", {"Autounattend.xml": SERVER}))
    machine = boots(vm)
    assert machine.name == "sealed"
    assert machine.users["administrator"].password == PASSWORD
    assert machine.closed, "the firewall rule was in the pass that Panther answered"


@pytest.mark.parametrize(
    ("os", "lines", "answers_"),
    [
        ("server2022", [], False),
        ("server2022", [OPEN.replace('"', "&quot;")], True),
        ("server2022", [OPEN.replace('"', "&quot;").replace("profile=any", "profile=private")], False),
        ("server2022", ["cmd.exe /c winrm quickconfig -q -force"], False),
        ("windows11", [OPEN.replace('"', "&quot;")], False),
        ("windows11", [OPEN.replace('"', "&quot;"), "cmd.exe /c winrm quickconfig -q -force"], True),
    ],
)
def test_winrm_is_reached_if_it_runs_and_is_let_in(os: str, lines: list[str], answers_: bool) -> None:
    account = (
        "<LocalAccounts><LocalAccount><Password><Value>Correct-Horse-7</Value><PlainText>true</PlainText></Password>"
        "<Group>Administrators</Group><Name>ansible</Name></LocalAccount></LocalAccounts></UserAccounts>"
    )
    text = answers(
        specialize={"Shell-Setup": NAME, "Deployment": commands(*lines)},
        oobeSystem={"Shell-Setup": ACCOUNTS.replace("</UserAccounts>", account)},
    )
    machine = boots(machine_with({"os": os, "generalized": True}, disc("X", {"Unattend.xml": text})))
    assert machine.running is answers_
    assert ("administrator" in machine.users) is (os == "server2022")
    assert not machine.users["ansible"].administrator, "its token is filtered"


def test_a_copy_and_a_child_have_a_first_boot_of_their_own() -> None:
    machine = host(
        {
            "disks": [{"path": r"C:\child.vhdx", "parent": DISK}],
            "dvd_drives": [{"path": SEED}],
            "guest": {"os": "none", "integration_services": False},
        },
        files=[
            {"path": DISK, "size": "40GB", "system": GENERALIZED},
            {"path": SEED, "content": disc("X", {"Unattend.xml": SERVER})},
        ],
    )
    (vm,) = machine.vms.values()
    assert boots(vm).name == "lab01"
    assert machine.files.need(DISK).disk.system.generalized
    assert not machine.files.need(r"C:\child.vhdx").disk.system.generalized


USER = "#cloud-config\nssh_pwauth: true\n"
META = "instance-id: i1\nlocal-hostname: linux01\n"
NETWORK = "version: 2\nethernets:\n  eth0:\n    addresses: [192.168.100.12/24]\n"
LINUX = {"meta-data": META, "user-data": USER, "network-config": NETWORK}


def test_a_linux_guest_takes_its_seed() -> None:
    vm = machine_with("linux", disc("cidata", LINUX))
    assert boots(vm) is None
    assert vm.guest.ssh
    assert list(vm.addresses.values()) == [["192.168.100.12"]]
    assert vm.guest.spec["hostname"] == "linux01"
    assert vm.guest.system.instance.user_data == {"ssh_pwauth": True}


@pytest.mark.parametrize(
    "image",
    [
        disc("cidata", LINUX, udf=True),
        disc("OTHER", LINUX),
        disc("cidata", {"meta-data": META, "network-config": NETWORK}),
        disc("cidata", {**LINUX, "meta-data": "x: y\n"}),
    ],
)
def test_a_disc_that_is_no_seed_of_linux(image: bytes) -> None:
    vm = machine_with("linux", image)
    boots(vm)
    assert vm.guest.booted
    assert not vm.guest.ssh
    assert not vm.addresses


def test_a_new_instance_configures_linux_again() -> None:
    vm = machine_with("linux", disc("cidata", LINUX))
    boots(vm)
    for meta, address in ((META, "192.168.100.12"), (META.replace("i1", "i2"), "192.168.100.99")):
        vm.set_state(OFF)
        changed = {**LINUX, "meta-data": meta, "network-config": NETWORK.replace(".12/", ".99/")}
        vm.machine.files.write(SEED, disc("cidata", changed))
        boots(vm)
        assert list(vm.addresses.values()) == [[address]]


WITH_DISC = {"dvd_drives": [{"path": SEED}, {"path": SETUP}]}


def installs(text: str = INSTALLATION, **maker: Any) -> Vm:
    from ansible_collections.nested.hyperv.tests.simulator.machine.contents import windows_disc

    return machine_with(None, disc("X", {"Autounattend.xml": text}), windows_disc(**maker))


def test_an_installation_waits_for_a_key() -> None:
    vm = installs()
    assert boots(vm) is None
    clock = vm.machine.clock
    vm.keyboard.type("vk 13")
    clock.advance(2)
    assert vm.guest.question == "a key", "a key before the prompt is lost"
    vm.keyboard.type("vk 13")
    clock.advance(3000)
    assert vm.guest.machine.name == "lab01"
    assert vm.guest.machine.running


def test_a_missed_key_leads_to_the_next_entry() -> None:
    vm = installs()
    boots(vm)
    clock = vm.machine.clock
    clock.advance(10)
    assert vm.guest.question == "a system to boot"
    vm.keyboard.type("vk 13")
    clock.advance(60)
    assert vm.guest.question == "a system to boot"
    vm.keyboard.type("ctrl+alt+del")
    clock.advance(2)
    vm.keyboard.type("vk 13")
    clock.advance(3000)
    assert vm.guest.machine


def test_a_disc_without_a_prompt_installs_again_unless_the_disk_is_first() -> None:
    vm = installs(noprompt=True)
    boots(vm)
    vm.machine.clock.advance(700)
    assert vm.guest.machine, "an empty disk is passed over, and boots afterwards"


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (answers(), "the language"),
        (INSTALLATION.replace("true</AcceptEula>", "false</AcceptEula>"), "the licence terms"),
        (INSTALLATION.replace("<Value>1<", "<Value>9<"), "the edition"),
        (INSTALLATION.replace("EFI", "Primary"), "the disk"),
        (answers(windowsPE={"Setup": TERMS + IMAGE + PARTS}), "the edition"),
    ],
)
def test_setup_asks_for_what_it_was_not_told(text: str, question: str) -> None:
    vm = installs(text)
    boots(vm)
    vm.machine.clock.advance(2)
    vm.keyboard.type("vk 32")
    vm.machine.clock.advance(3000)
    assert question in vm.guest.question
    assert vm.guest.machine is None


def test_an_installed_guest_listens() -> None:
    document = {
        "hosts": [
            {
                "name": "hv01",
                "files": [
                    {"path": DISK, "size": "40GB", "system": GENERALIZED},
                    {"path": SEED, "content": disc("X", {"Unattend.xml": SERVER})},
                ],
                "vms": [
                    {
                        "name": "lab",
                        "disks": [{"path": DISK}],
                        "dvd_drives": [{"path": SEED}],
                        "guest": {"os": "none", "integration_services": False},
                    }
                ],
            }
        ]
    }
    with simulator.start(document) as sim:
        assert list(sim.machines) == ["hv01"]
        with sim.machines["hv01"].turn():
            sim.machines["hv01"].vm("lab").set_state(RUNNING)
        assert sim.endpoints["lab01"].user == "Administrator"
        assert sim.machines["lab01"].running
