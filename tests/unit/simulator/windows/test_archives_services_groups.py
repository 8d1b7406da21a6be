"""tar.exe with files, sc.exe and Win32_Service beyond start and stop, net.exe and Win32_Group."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import host, rows
from .test_programs import USER, run

CIMV2 = "root/cimv2"


@pytest.fixture
def machine() -> Machine:
    found = host(hyperv=False)
    found.files.make_folder(r"C:\out")
    return found


# --- tar.exe


def tar(compression: str = "") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=f"w:{compression}") as archive:
        folder = tarfile.TarInfo("lab")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name in ("a.txt", "b.txt"):
            member = tarfile.TarInfo(f"lab/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return target.getvalue()


def packed(name: str = "lab/a.txt") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("lab/", "")
        archive.writestr(name, "a.txt")
        archive.writestr("lab/b.txt", "b.txt")
    return target.getvalue()


ARCHIVES = {"zip": packed(), "tar": tar(), "gz": tar("gz"), "bz2": tar("bz2"), "xz": tar("xz")}


@pytest.mark.parametrize("content", ARCHIVES.values(), ids=ARCHIVES)
def test_archives_are_known_by_their_content(machine, content):
    machine.files.write(r"C:\in\archive.bin", content)
    assert run(machine, r"tar.exe -tf C:\in\archive.bin") == (0, "lab/\r\nlab/a.txt\r\nlab/b.txt\r\n", "")
    assert run(machine, r"tar.exe -xf C:\in\archive.bin -C C:\out") == (0, "", "")
    assert machine.files.read(r"C:\out\lab\a.txt") == b"a.txt"
    assert run(machine, r"tar -x -f - -C C:\out\lab", content) == (0, "", ""), "also from standard input"
    assert machine.files.read(r"C:\out\lab\lab\b.txt") == b"b.txt"


def test_a_tar_that_ends_with_a_zip_is_a_tar(machine):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo("engine.zip")
        member.size = len(packed())
        archive.addfile(member, io.BytesIO(packed()))
    assert run(machine, r"tar -xf - -C C:\out", target.getvalue()) == (0, "", "")
    assert machine.files.read(r"C:\out\engine.zip") == packed()


def test_some_members_alone_are_extracted(machine):
    machine.files.write(r"C:\in\a.zip", packed())
    assert run(machine, r"tar -xvf C:\in\a.zip -C C:\out lab/a.txt") == (0, "", "x lab/a.txt\r\n")
    assert machine.files.get(r"C:\out\lab\b.txt") is None
    code, _out, error = run(machine, r"tar -xf C:\in\a.zip -C C:\out lab/c.txt")
    assert (code, error.splitlines()[0]) == (1, "tar: lab/c.txt: Not found in archive")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (r"tar.exe -xf C:\in\no.zip", r"tar.exe: Error opening archive: Failed to open 'C:\in\no.zip'"),
        (r"tar -xf C:\in\text", "tar: Error opening archive: Unrecognized archive format"),
        (r"tar -xf C:\in\a.zip -C C:\nope", r"tar: could not chdir to 'C:\nope'"),
        (r"tar -xf C:\in\evil.zip -C C:\out", "tar: lab/../../x: Path contains '..'"),
    ],
)
def test_archives_that_tar_refuses(machine, line, sentence):
    machine.files.write(r"C:\in\a.zip", packed())
    machine.files.write(r"C:\in\evil.zip", packed("lab/../../x"))
    machine.files.write(r"C:\in\text", b"no archive")
    code, out, error = run(machine, line)
    assert (code, out, error.splitlines()[0]) == (1, "", sentence)


def test_a_file_is_packed_into_an_archive(machine):
    machine.files.write(r"C:\in\a.txt", b"one")
    assert run(machine, r"tar -cJf C:\out\a.tar.xz -C C:\in a.txt") == (0, "", "")
    assert lzma.decompress(machine.files.read(r"C:\out\a.tar.xz"))[:5] == b"a.txt"


# --- services


def service(machine: Machine, name: str) -> Any:
    return next((row for row in rows(machine, "Win32_Service", CIMV2) if row["Name"] == name), None)


def call(machine: Machine, method: str, name: str = "", user: Any = None, **parameters: Any) -> int:
    cls = machine.find_class(CIMV2, "Win32_Service")
    return machine.invoke(cls, {"Name": name} if name else None, method, parameters, user)[0]


def test_sc_creates_configures_and_deletes(machine):
    line = r'sc.exe create lab binPath= "C:\lab\lab.exe -x" start= auto DisplayName= "The lab"'
    assert run(machine, line) == (0, "[SC] CreateService SUCCESS\r\n", "")
    assert run(machine, "sc qc lab") == (
        0,
        "[SC] QueryServiceConfig SUCCESS\r\n\r\nSERVICE_NAME: lab\r\n"
        "        TYPE               : 10  WIN32_OWN_PROCESS \r\n        START_TYPE         : 2   AUTO_START\r\n"
        "        ERROR_CONTROL      : 1   NORMAL\r\n        BINARY_PATH_NAME   : C:\\lab\\lab.exe -x\r\n"
        "        LOAD_ORDER_GROUP   : \r\n        TAG                : 0\r\n        DISPLAY_NAME       : The lab\r\n"
        "        DEPENDENCIES       : \r\n        SERVICE_START_NAME : LocalSystem\r\n",
        "",
    )
    assert run(machine, line)[0] == 1073
    assert run(machine, "sc config lab start= disabled") == (0, "[SC] ChangeServiceConfig SUCCESS\r\n", "")
    assert run(machine, "sc start lab")[0] == 1058
    assert service(machine, "lab")["StartMode"] == "Disabled"
    assert run(machine, "sc config lab start=auto")[0] == 1639, "the blank is needed"
    assert run(machine, "sc config nope start= auto")[1].startswith("[SC] OpenService FAILED 1060:")
    assert run(machine, "sc delete lab") == (0, "[SC] DeleteService SUCCESS\r\n", "")
    assert run(machine, "sc delete lab")[0] == 1060


def test_a_running_service_lingers_until_it_stops():
    machine = host(services={"slow": {"seconds": 10}})
    assert run(machine, "sc delete slow")[0] == 0
    assert service(machine, "slow")["State"] == "Running"
    assert run(machine, "sc delete slow")[0] == 1072
    assert run(machine, "sc config slow start= auto")[0] == 1072
    assert run(machine, "sc create slow binPath= x")[0] == 1072
    assert run(machine, "sc stop slow")[0] == 0
    machine.clock.advance(11)
    assert service(machine, "slow") is None


@pytest.mark.parametrize("line", ["create a binPath= b", "config w32time start= auto", "delete w32time"])
def test_sc_changes_nothing_without_rights(machine, line):
    code, out, _error = run(machine, f"sc {line}", user=USER)
    assert (code, "FAILED 5:" in out) == (5, True)
    assert (service(machine, "a"), service(machine, "W32Time")["StartMode"]) == (None, "Manual")


def test_methods_of_win32_service(machine):
    assert call(machine, "Create", Name="lab", PathName=r"C:\lab.exe", StartMode="Automatic", DisplayName="Lab") == 0
    row = service(machine, "lab")
    assert (row["StartMode"], row["State"], row["DisplayName"], row["ExitCode"]) == ("Auto", "Stopped", "Lab", 1077)
    assert call(machine, "Create", Name="lab", PathName="x", StartMode="Manual") == 23
    assert call(machine, "Create", Name="other", PathName="x", StartMode="Sometimes") == 21
    assert call(machine, "Change", "lab", PathName=r"C:\new.exe", StartMode="Manual") == 0
    assert (service(machine, "lab")["PathName"], service(machine, "lab")["StartMode"]) == (r"C:\new.exe", "Manual")
    assert call(machine, "ChangeStartMode", "lab", StartMode="Never") == 21
    assert [call(machine, method, "lab") for method in ("StartService", "StartService")] == [0, 10]
    assert call(machine, "Delete", "lab") == 0
    assert call(machine, "Delete", "lab") == 16
    assert [call(machine, method, "W32Time") for method in ("StopService", "StopService")] == [0, 6]
    assert call(machine, "StartService", "W32Time", user=USER) == 2
    assert service(machine, "W32Time")["ExitCode"] == 0
    assert call(machine, "StopService", "lab") == 0
    assert service(machine, "lab") is None


# --- groups


def groups(machine: Machine) -> dict[str, str]:
    return {row["Name"]: row["SID"] for row in rows(machine, "Win32_Group", CIMV2)}


def test_groups_are_created_once(machine):
    assert groups(machine)["Administrators"] == "S-1-5-32-544"
    done = (0, "The command completed successfully.\r\n\r\n", "")
    assert run(machine, 'net.exe localgroup docker-users /add /comment:"May use Docker"') == done
    assert groups(machine)["docker-users"].startswith("S-1-5-21-")
    row = next(row for row in rows(machine, "Win32_Group", CIMV2) if row["Name"] == "docker-users")
    assert (row["Domain"], row["Description"], row["LocalAccount"]) == ("HV01", "May use Docker", True)
    assert run(machine, "net localgroup Docker-Users /add") == (
        2,
        "",
        "System error 1379 has occurred.\r\n\r\nThe specified local group already exists.\r\n\r\n",
    )
    assert run(machine, "net localgroup docker-users")[0] == 0
    assert run(machine, "net localgroup docker-users /delete") == done
    assert run(machine, "net localgroup docker-users")[0] == 2
    assert run(machine, "net localgroup lab /add", user=USER)[::2] == (
        2,
        "System error 5 has occurred.\r\n\r\nAccess is denied.\r\n\r\n",
    )


def test_members_of_groups(machine):
    assert run(machine, "net localgroup docker-users /add")[0] == 0
    assert run(machine, "net localgroup docker-users administrator /add")[0] == 0
    assert machine.find_user("administrator").member("docker-users")
    assert "administrator\r\n" in run(machine, "net localgroup docker-users")[1]
    assert "System error 1378" in run(machine, "net localgroup docker-users administrator /add")[2]
    assert "System error 1317" in run(machine, "net localgroup docker-users nobody /add")[2]
    assert run(machine, "net localgroup docker-users administrator /delete")[0] == 0
    assert not machine.find_user("administrator").member("docker-users")
