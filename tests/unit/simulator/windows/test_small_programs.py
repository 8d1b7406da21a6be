"""curl.exe, reg.exe and icacls.exe: exit codes, output and what they leave."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.identity import security_id
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Process

from ..hosts import host

USER = User("bob", groups=("Remote Management Users",))
URL = "https://example.test/a.tar"
ADMINISTRATORS = "S-1-5-32-544"


def machine(**spec: Any) -> Machine:
    return host(hyperv=False, **spec)


def start(on: Machine, line: str, user: User | None = None) -> Process:
    return programs.start(on, line, user=user or on.find_user("administrator"))


def texts(process: Process) -> tuple[str, str]:
    streams = ("stdout", "stderr")
    out, error = (b"".join(data for name, data in process.context.output if name == stream) for stream in streams)
    return out.decode(), error.decode()


def run(on: Machine, line: str, user: User | None = None) -> tuple[int | None, str, str]:
    process = start(on, line, user)
    return (process.exit_code, *texts(process))


# --- curl


def test_curl_downloads_to_a_file():
    on = machine(web={URL: "content"}, folders=[r"C:\d"])
    assert run(on, rf"curl.exe -fsSL --retry 3 -o C:\d\a.tar {URL}") == (0, "", "")
    assert on.files.read(r"C:\d\a.tar") == b"content"
    assert run(on, f"curl -s {URL}") == (0, "content", "")
    assert run(on, rf"curl -fsSL --create-dirs -o C:\x\y\a.tar {URL}") == (0, "", "")
    code, out, error = run(on, rf"curl -fL -o C:\d\b.tar {URL}")
    assert (code, out, error.splitlines()[0][:9]) == (0, "", "  % Total"), "a meter without -s"


@pytest.mark.parametrize(
    ("url", "options", "code", "text"),
    [
        (URL, {"status": 404}, 22, "curl: (22) The requested URL returned error: 404\r\n"),
        (URL, {"fails": "resolve"}, 6, "curl: (6) Could not resolve host: example.test\r\n"),
        (
            URL,
            {"fails": "connect"},
            7,
            "curl: (7) Failed to connect to example.test port 443 after 2041 ms: Could not connect to server\r\n",
        ),
        (
            URL,
            {"fails": "timeout"},
            28,
            "curl: (28) Operation timed out after 30001 milliseconds with 0 bytes received\r\n",
        ),
        (
            URL,
            {"fails": "revocation"},
            35,
            "curl: (35) schannel: next InitializeSecurityContext failed: CRYPT_E_REVOCATION_OFFLINE (0x80092013) - The "
            "revocation function was unable to check revocation because the revocation server was offline.\r\n",
        ),
        (
            URL,
            {"fails": "untrusted"},
            60,
            "curl: (60) schannel: SEC_E_UNTRUSTED_ROOT (0x80090325) - The certificate chain was issued by an authority "
            "that is not trusted.\r\n",
        ),
        ("https://example.test/b", {}, 22, "curl: (22) The requested URL returned error: 404\r\n"),
        ("https://nowhere.test/b", {}, 6, "curl: (6) Could not resolve host: nowhere.test\r\n"),
    ],
)
def test_curl_fails(url, options, code, text):
    on = machine(web={URL: options}, folders=[r"C:\d"])
    assert run(on, rf"curl -fsSL -o C:\d\a.tar {url}") == (code, "", text)
    assert on.files.get(r"C:\d\a.tar") is None
    assert run(on, rf"curl -fsL -o C:\d\a.tar {url}") == (code, "", ""), "-s without -S"


def test_curl_without_a_folder_or_with_a_mistake():
    on = machine(web={URL: "x"})
    code, _out, error = run(on, rf"curl -fsSL -o C:\nope\a.tar {URL}")
    assert code == 23
    assert error.endswith("curl: (23) Failure writing output to destination\r\n")
    assert run(on, f"curl --frobnicate {URL}")[0] == 2
    assert run(on, "curl -fsSL")[0] == 2


def test_curl_follows_redirections_uses_proxies_and_skips_revocation():
    on = machine(
        web={
            URL: {"status": 302, "redirect": "https://cdn.test/a"},
            "https://cdn.test/a": "moved",
            "https://inside.test/a": {"content": "x", "proxy": "http://proxy:3128"},
            "https://offline.test/a": {"content": "y", "fails": "revocation"},
        }
    )
    assert run(on, f"curl -fsSL {URL}") == (0, "moved", "")
    assert run(on, f"curl -fsS {URL}") == (0, "", "")
    assert run(on, "curl -fsS https://inside.test/a")[0] == 7
    assert run(on, "curl -fsS -x http://proxy:3128 https://inside.test/a") == (0, "x", "")
    assert run(on, "curl -fsS --ssl-no-revoke https://offline.test/a") == (0, "y", "")


def test_curl_retries_what_may_pass():
    on = machine(web={URL: {"content": "late", "status": 503, "times": 2}, "https://a.test/b": {"status": 404}})
    process = start(on, f"curl -fsSL --retry 3 {URL}")
    on.clock.advance(1)
    assert process.running, "after a second, and two more"
    on.clock.advance(2)
    assert (process.exit_code, texts(process)) == (0, ("late", ""))
    assert start(on, "curl -fsSL --retry 3 https://a.test/b").exit_code == 22, "404 doesn't pass"


def test_a_download_takes_time_and_leaves_a_part_if_it_is_ended():
    on = machine(web={URL: {"content": "0123456789", "seconds": 10}}, folders=[r"C:\d"])
    process = start(on, rf"curl -fsSL -o C:\d\a.tar {URL}")
    on.clock.advance(6)
    process.kill()
    assert on.files.read(r"C:\d\a.tar") == b"01234"


def test_guests_find_what_their_host_finds():
    inner = {"os": "server2025", "hyperv": False}
    outer = host({"name": "lab01", "state": "running", "guest": {"machine": inner}}, web={URL: "content"})
    guest = outer.vm("lab01").guest.machine
    assert run(guest, f"curl -fsSL {URL}") == (0, "content", "")


# --- reg

KEY = r"HKLM\SOFTWARE\Demo"


def test_reg_queries_adds_and_deletes():
    on = machine(registry={KEY: {"Version": "1.0", "Installed": 1}, rf"{KEY}\Below": {}})
    assert run(on, rf"reg query {KEY}") == (
        0,
        "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Demo\r\n"
        "    Version    REG_SZ    1.0\r\n    Installed    REG_DWORD    0x1\r\n\r\n"
        "HKEY_LOCAL_MACHINE\\SOFTWARE\\Demo\\Below\r\n",
        "",
    )
    done = (0, "The operation completed successfully.\r\n", "")
    assert run(on, rf"reg add {KEY}\New /v Path /t REG_EXPAND_SZ /d ^%X^% /f") == done
    assert run(on, r"reg query HKEY_LOCAL_MACHINE\SOFTWARE\Demo\New /v path") == (
        0,
        "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Demo\\New\r\n    Path    REG_EXPAND_SZ    %X%\r\n\r\n",
        "",
    )
    assert run(on, rf"reg add {KEY} /v Number /t REG_DWORD /d 0x10 /f") == done
    assert on.software.registry.data(KEY, "Number") == 16
    assert run(on, rf"reg delete {KEY} /v Number /f") == done
    assert run(on, rf"reg delete {KEY} /f") == done
    missing = "ERROR: The system was unable to find the specified registry key or value.\r\n"
    for line in (rf"reg query {KEY}", r"reg query HKLM\SOFTWARE /v nope", rf"reg delete {KEY} /f"):
        assert run(on, line) == (1, "", missing), line


def test_reg_and_who_asks():
    on = machine(locale="de-DE")
    assert run(on, rf"reg add {KEY} /f", USER) == (1, "", "FEHLER: Zugriff verweigert\r\n")
    assert run(on, rf"reg query {KEY}")[2].startswith("FEHLER: Der angegebene Registrierungsschl")
    assert run(on, r"reg add HKCU\Demo /v a /d b /f")[0] == 0
    assert on.software.registry.data(rf"HKU\{security_id(on.name, 'administrator')}\Demo", "a") == "b"
    assert run(on, "reg frobnicate")[0] == 1


# --- icacls


def test_icacls_shows_and_grants_by_sid():
    on = machine(files=[{"path": r"C:\d\a.txt", "content": "x"}])
    assert run(on, r"icacls C:\d\a.txt") == (
        0,
        "C:\\d\\a.txt NT AUTHORITY\\SYSTEM:(I)(F)\r\n           BUILTIN\\Administrators:(I)(F)\r\n"
        "           BUILTIN\\Users:(I)(RX)\r\n\r\nSuccessfully processed 1 files; Failed processing 0 files\r\n",
        "",
    )
    line = rf"icacls C:\d /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *{ADMINISTRATORS}:(OI)(CI)F"
    done = "processed file: C:\\d\r\nSuccessfully processed 1 files; Failed processing 0 files\r\n"
    assert run(on, line) == (0, done, "")
    assert [(entry.sid, entry.rights, entry.inherited) for entry in on.acls.read(r"C:\d")] == [
        (ADMINISTRATORS, "(OI)(CI)(F)", False),
        ("S-1-5-18", "(OI)(CI)(F)", False),
    ]
    assert run(on, line)[0] == 0
    assert len(on.acls.read(r"C:\d")) == 2, "granted once"
    assert run(on, rf"icacls C:\d /remove:g *{ADMINISTRATORS} /q")[0] == 0
    assert [entry.sid for entry in on.acls.read(r"C:\d")] == ["S-1-5-18"]
    assert run(on, r"icacls C:\d /reset /t")[0] == 0
    assert len(on.acls.read(r"C:\d")) == 3


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        (r"icacls C:\nope.txt", 2, "C:\\nope.txt: The system cannot find the file specified.\r\n"),
        (r"icacls C:\no\file.txt", 3, "C:\\no\\file.txt: The system cannot find the path specified.\r\n"),
        (
            r"icacls C:\d /grant nobody:F",
            1332,
            "nobody: No mapping between account names and security IDs was done.\r\n",
        ),
        (r"icacls C:\d /frobnicate", 87, "/frobnicate: The parameter is incorrect.\r\n"),
    ],
)
def test_icacls_fails(line, code, error):
    result = run(machine(folders=[r"C:\d"]), line)
    assert (result[0], result[2]) == (code, error)
    if code != 87:
        assert result[1] == "Successfully processed 0 files; Failed processing 1 files\r\n"


def test_icacls_in_german():
    on = machine(locale="de-DE", folders=[r"C:\d"])
    out = run(on, r"icacls C:\d")[1]
    assert "VORDEFINIERT\\Administratoren:(I)(OI)(CI)(F)\r\n" in out
    assert out.endswith("1 Dateien erfolgreich verarbeitet, bei 0 Dateien ist ein Verarbeitungsfehler aufgetreten\r\n")
    assert run(on, r"icacls C:\d /grant Administratoren:F")[0] == 0
    assert run(on, r"icacls C:\d /grant Administrators:F")[0] == 1332, "names are those of the language"
    assert run(on, r"icacls C:\d /grant *S-1-5-32-544:F", USER)[0] == 5
