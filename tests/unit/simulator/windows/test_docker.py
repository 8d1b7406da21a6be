"""Docker on a machine: its service, its client, images and containers, as recorded and as its sources say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import engine_zip, image_tar

from ..hosts import host, rows
from .test_programs import USER, start, text

NANO = "mcr.microsoft.com/windows/nanoserver:ltsc2022"
HYPERV = {"exec-opts": ["isolation=hyperv"]}
PATH = {"PATH": r"C:\Program Files\Docker;C:\Windows\System32"}
LONG = 600  # seconds in which everything ends that ends by itself
DOWN = (
    "failed to connect to the docker API at npipe:////./pipe/docker_engine; check if the path is correct and if the "
    "daemon is running: open //./pipe/docker_engine: The system cannot find the file specified.\n"
)


def machine(**docker: Any) -> Machine:
    """A host with an engine that is up and isolates by Hyper-V, and one image."""
    spec = {"version": "29.6.2", "config": HYPERV, "images": [NANO], **docker}
    return host(os="server2022", features={"Containers": "enabled"}, docker=spec)


def run(machine: Machine, line: str, *, seconds: float = LONG, **options: Any) -> tuple[int | None, str, str]:
    process = start(machine, line, environment=PATH, **options)
    process.write(b"", end=True)
    machine.clock.advance(seconds)
    return process.exit_code, text(process), text(process, "stderr")


def test_an_engine_is_unpacked_registered_and_started():
    bare = host(os="server2022", features={"Containers": "enabled"})
    bare.files.write(r"C:\Temp\docker.zip", engine_zip("29.6.2"))
    bare.files.make_folder(r"C:\Program Files")
    bare.files.write(r"C:\ProgramData\docker\config\daemon.json", json.dumps(HYPERV).encode())
    assert run(bare, r'tar.exe -xf C:\Temp\docker.zip -C "C:\Program Files"') == (0, "", "")
    assert run(bare, "dockerd --validate") == (0, "", "configuration OK\n")
    assert run(bare, "dockerd --register-service") == (0, "", "")
    service = bare.software.find_service("docker")
    assert (service.path, service.display, service.start) == (
        r'"C:\Program Files\Docker\dockerd.exe" --run-service',
        "Docker Engine",
        "Auto",
    )
    assert run(bare, "docker version --format {{.Server.Version}}") == (1, "\n", DOWN)
    assert run(bare, "sc start docker")[0] == 0
    assert run(bare, "docker version --format {{.Server.Version}}") == (0, "29.6.2\n", "")
    assert run(bare, "docker info --format {{.Isolation}}") == (0, "hyperv\n", "")


def test_an_image_is_pulled_and_runs_isolated():
    engine = machine(images=[])
    code, out, error = run(engine, f"docker pull {NANO}")
    assert (code, error) == (0, "")
    assert out.splitlines()[0] == "ltsc2022: Pulling from windows/nanoserver"
    assert out.splitlines()[-2:] == [f"Status: Downloaded newer image for {NANO}", NANO]
    assert run(engine, f"docker run --rm --isolation=hyperv {NANO} cmd /c ver") == (
        0,
        "\r\nMicrosoft Windows [Version 10.0.20348.5386]\r\n",
        "",
    )
    code, out, _error = run(engine, f"docker run -d --name web {NANO} ping -t localhost")
    assert (code, len(out)) == (0, 65)
    assert run(engine, "docker inspect --format {{.HostConfig.Isolation}} web")[:2] == (0, "hyperv\n")
    names = [row["Name"] for row in rows(engine, "Win32_Process", "root/cimv2")]
    assert ("vmwp.exe" in names, "ping.exe" in names) == (True, False)
    assert run(engine, "docker rm -f web")[:2] == (0, "web\n")


def test_an_image_is_loaded_from_a_file():
    engine = machine(images=[])
    engine.files.write(r"C:\Temp\nano.tar", image_tar("10.0.20348.2582", NANO))
    assert run(engine, r"docker load -i C:\Temp\nano.tar") == (0, f"Loaded image: {NANO}\n", "")
    assert run(engine, f"docker image inspect --format {{{{.OsVersion}}}} {NANO}")[1] == "10.0.20348.2582\n"


@pytest.mark.parametrize("verb", ["docker ps", "docker pull x", "docker inspect x", "docker info --format {{.ID}}"])
def test_no_daemon(verb):
    """S24."""
    code, _out, error = run(machine(state="Stopped"), verb)
    assert (code, error) == (1, DOWN)


# --- the daemon


def write_configuration(machine: Machine, content: bytes | dict[str, Any]) -> None:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    machine.files.write(r"C:\ProgramData\docker\config\daemon.json", data)


def reasons(machine: Machine) -> list[str]:
    """The errors of the daemon in the Application log, the oldest first."""
    found = rows(machine, "Win32_NTLogEvent", "root/cimv2")
    wanted = [
        row for row in found if (row["Logfile"], row["SourceName"], row["EventType"]) == ("Application", "docker", 1)
    ]
    return [row["Message"] for row in reversed(wanted)]


def state(machine: Machine) -> tuple[str, int, int]:
    row = next(row for row in rows(machine, "Win32_Service", "root/cimv2") if row["Name"] == "docker")
    return row["State"], row["ExitCode"], row["ServiceSpecificExitCode"]


WRONG = "unable to configure the Docker daemon with file C:\\ProgramData\\docker\\config\\daemon.json: "
MERGED = "merged configuration validation from file and command line flags failed: "


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", WRONG + "invalid JSON: unexpected end of JSON input"),
        (b'{"debug": true,}', WRONG + "invalid JSON: invalid character '}' looking for beginning of object key string"),
        (
            b'{"debug": "yes"}',
            WRONG + "invalid JSON: json: cannot unmarshal string into Go struct field Config.debug of type bool",
        ),
        ({"nope": 1}, WRONG + "the following directives don't match any configuration option: nope"),
        ({"exec-opts": ["speed=9"]}, WRONG + MERGED + "invalid exec-opt (speed=9): unknown option: 'speed'"),
        ({"exec-opts": ["isolation"]}, WRONG + MERGED + "invalid exec-opt (isolation): must be formatted 'opt=value'"),
        ({"log-level": "loud"}, WRONG + MERGED + "invalid logging level: loud"),
        (b"\xff{}", WRONG + "failed to decode configuration JSON at offset 0: encoding: invalid UTF-8"),
    ],
)
def test_a_wrong_configuration_is_refused(content, sentence):
    """By --validate, by --register-service, and at the start of the service, which Windows alone sees fail."""
    engine = machine(state="Stopped")
    write_configuration(engine, content)
    assert run(engine, "dockerd --validate") == (1, "", f"{sentence}\n")
    assert run(engine, "dockerd --register-service --service-name other") == (1, "", f"{sentence}\n")
    code, out, _error = run(engine, "sc start docker")
    assert (code, out.splitlines()[0]) == (1053, "[SC] StartService FAILED 1053:")
    assert state(engine) == ("Stopped", 1053, 0)
    assert reasons(engine) == []


def test_an_old_daemon_tells_the_event_log_what_is_wrong_with_its_configuration():
    engine = machine(version="27.5.1", state="Stopped")
    write_configuration(engine, b"{")
    assert run(engine, "sc start docker")[0] == 0
    assert state(engine) == ("Stopped", 1066, 1)
    assert reasons(engine) == [WRONG + "invalid JSON: unexpected end of JSON input"]


@pytest.mark.parametrize("content", [b"", b"  \r\n", b"\xef\xbb\xbf{}", '{"debug": true}'.encode("utf-16")])
def test_encodings_of_the_configuration(content):
    engine = machine()
    write_configuration(engine, content)
    assert run(engine, "dockerd --validate") == (0, "", "configuration OK\n")


def test_files_of_the_configuration():
    engine = machine()
    missing = "open C:\\no.json: The system cannot find the file specified."
    missing = f"unable to configure the Docker daemon with file C:\\no.json: {missing}"
    assert run(engine, r"dockerd --validate --config-file C:\no.json") == (1, "", f"{missing}\n")
    engine.files.write(r"C:\yes.json", b'{"group": "nobody"}')
    assert run(engine, r"dockerd --validate --config-file=C:\yes.json")[0] == 0
    both = "the following directives are specified both as a flag and in the configuration file: "
    code, _out, error = run(engine, r"dockerd --validate --exec-opt isolation=process")
    assert (code, error) == (
        1,
        f"{WRONG}{both}exec-opts: (from flag: [isolation=process], from file: [isolation=hyperv])\n",
    )
    code, _out, error = run(engine, r"dockerd --validate --nope")
    assert (code, error.splitlines()[0]) == (1, "unknown flag: --nope")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"group": "docker-users"}, "failed to load listeners: lookup account docker-users: not found"),
        (
            {"exec-opts": ["isolation=fast"]},
            "failed to start daemon: error setting default isolation mode: "
            "invalid exec-opt value for 'isolation':'fast'",
        ),
    ],
)
def test_a_daemon_that_gives_up_says_why_in_the_event_log(config, sentence):
    engine = machine(state="Stopped")
    write_configuration(engine, config)
    assert run(engine, "dockerd --validate")[0] == 0, "only the start finds it"
    assert run(engine, "sc start docker")[0] == 0
    assert state(engine) == ("Stopped", 1066, 1)
    assert reasons(engine) == [f"Stopping service [error={sentence}]"]


def test_a_group_lets_its_members_in():
    engine = machine(state="Stopped")
    engine.users["eve"] = User("eve", groups=("docker-users", "Remote Management Users"))
    write_configuration(engine, {"group": "docker-users"})
    assert run(engine, "net localgroup docker-users /add") == (0, "The command completed successfully.\r\n\r\n", "")
    assert run(engine, "sc start docker")[0] == 0
    assert run(engine, "docker ps -q", user=engine.users["eve"]) == (0, "", "")
    denied = "permission denied while trying to connect to the docker API at npipe:////./pipe/docker_engine\n"
    assert run(engine, "docker ps -q", user=USER) == (1, "", denied)


def test_the_first_start_may_fail():
    """S26."""
    engine = machine(state="Stopped", first_start_fails=1)
    assert run(engine, "sc start docker", seconds=2)[0] == 0
    assert state(engine)[0] == "Running", "before the daemon is up"
    engine.clock.advance(30)
    assert state(engine) == ("Stopped", 1066, 1)
    assert "hnsCall failed in Win32: {Application Error}" in reasons(engine)[0]
    assert reasons(engine)[0].endswith("(0x23e)]")
    assert run(engine, "docker ps")[0] == 1
    assert run(engine, "sc start docker")[0] == 0
    assert run(engine, "docker ps -q") == (0, "", "")


def test_recovery_actions_start_it_again_twice():
    engine = machine(state="Stopped", first_start_fails=3, recovery=True)
    run(engine, "sc start docker", seconds=8)
    assert state(engine)[0] == "Stopped"
    engine.clock.advance(18)
    assert state(engine)[0] == "Running", "15 s later"
    engine.clock.advance(600)
    assert (state(engine)[0], len(reasons(engine))) == ("Stopped", 3)
    run(engine, "sc start docker")
    assert run(engine, "docker ps -q")[0] == 0


def test_a_client_waits_for_a_daemon_that_starts():
    engine = machine(state="Stopped", seconds={"start": 60})
    run(engine, "sc start docker", seconds=5)
    process = start(engine, "docker version --format {{.Server.Version}}", environment=PATH)
    engine.clock.advance(30)
    assert process.running
    engine.clock.advance(60)
    assert (process.exit_code, text(process)) == (0, "29.6.2\n")


def test_what_a_daemon_needs_of_windows():
    bare = host(os="server2022", hyperv=False, docker={"version": "29.6.2", "state": "Stopped", "registered": False})
    missing = "failed to load vmcompute.dll, ensure that the Containers feature is installed"
    assert run(bare, "dockerd --validate") == (1, "", f"system requirements not met: {missing}\n")
    code, out, _error = run(bare, "dockerd --register-service")
    warning = f"Windows service registration was successful but system requirements were not met: {missing}"
    assert (code, f'level=warning msg="{warning}"\n' in out) == (0, True)
    run(bare, "sc start docker")
    assert reasons(bare) == [f"Stopping service [error=system requirements not met: {missing}]"]
    old = host(os="server2016", features={"Containers": "enabled"}, docker={"version": "29.6.2", "state": "Stopped"})
    run(old, "sc start docker")
    assert "(Windows build 17763 or higher is required)" in reasons(old)[0]


def test_a_service_is_registered_once_and_lingers_while_it_runs():
    engine = machine()
    assert run(engine, "dockerd --register-service") == (1, "", "The specified service already exists.\n")
    assert run(engine, 'dockerd --register-service --service-name "my docker" --debug') == (0, "", "")
    path = engine.software.find_service("my docker").path
    assert path == r'"C:\Program Files\Docker\dockerd.exe" --run-service --service-name "my docker" --debug'
    assert run(engine, "dockerd --register-service --service-name x", user=USER) == (1, "", "Access is denied.\n")
    assert run(engine, "dockerd --unregister-service") == (0, "", "")
    assert run(engine, "dockerd --unregister-service")[2] == "The specified service has been marked for deletion.\n"
    assert run(engine, "sc start docker")[0] == 1056
    assert run(engine, "sc stop docker", seconds=5)[0] == 0
    assert run(engine, "sc query docker")[0] == 1060
    assert run(engine, "dockerd --version")[1].startswith("Docker version 29.6.2, build ")


def test_the_file_of_a_running_daemon_can_not_be_replaced():
    engine = machine()
    engine.files.write(r"C:\Temp\docker.zip", engine_zip("29.7.2"))
    unpack = r'tar.exe -xf C:\Temp\docker.zip -C "C:\Program Files"'
    code, _out, error = run(engine, unpack)
    assert (code, error.startswith("tar.exe: ")) == (1, True)
    assert run(engine, "sc stop docker")[0] == 0
    assert run(engine, unpack) == (0, "", "")
    assert run(engine, "sc start docker")[0] == 0
    assert run(engine, "docker version --format {{.Server.Version}}")[1] == "29.7.2\n"


# --- the client


@pytest.mark.parametrize(
    ("version", "verb", "code", "error"),
    [
        ("29.6.2", "run x", 1, DOWN),
        ("29.6.2", "create x", 1, DOWN),
        ("29.0.0", "run x", 127, f"docker: {DOWN.strip()}\n\nRun 'docker run --help' for more information\n"),
        ("29.0.0", "create x", 1, DOWN),
        (
            "28.5.2",
            "ps",
            1,
            "error during connect: this error may indicate that the docker daemon is not running: "
            'Get "http://%2F%2F.%2Fpipe%2Fdocker_engine/v1.51/containers/json": open //./pipe/docker_engine: '
            "The system cannot find the file specified.\n",
        ),
    ],
)
def test_no_daemon_for_versions_of_the_client(version, verb, code, error):
    engine = machine(version=version, state="Stopped", images=[])
    result, _out, said = run(engine, f"docker {verb}")
    assert (result, said) == (code, error)


def test_a_german_machine():
    """The tail is that of Windows, and so 127 becomes 125."""
    engine = host(os="server2022", locale="de-DE", docker={"version": "29.0.0", "state": "Stopped"})
    code, _out, error = run(engine, "docker run x")
    assert code == 125
    assert "open //./pipe/docker_engine: Das System kann die angegebene Datei nicht finden.\n" in error
    assert run(engine, "sc query nope")[1].splitlines()[2] == "Der angegebene Dienst ist kein installierter Dienst."
    assert run(engine, "net localgroup a /add")[1] == "Der Befehl wurde erfolgreich ausgeführt.\r\n\r\n"
    assert "Systemfehler 1379 aufgetreten." in run(engine, "net localgroup a /add")[2]


def test_information_without_a_daemon():
    code, out, error = run(machine(state="Stopped"), "docker info --format json")
    assert (code, error) == (1, DOWN)
    data = json.loads(out)
    assert (data["ServerVersion"], data["ClientInfo"]["Version"]) == ("", "29.6.2")


def test_information():
    """S25."""
    engine = machine()
    code, out, _error = run(engine, "docker info")
    assert code == 0
    for line in (
        " Server Version: 29.6.2",
        " Storage Driver: windowsfilter",
        "  Windows: ",
        " Default Isolation: hyperv",
        " Kernel Version: 10.0 20348 (20348.1.amd64fre.fe_release.210507-1500)",
        " OSType: windows",
    ):
        assert line in out.splitlines()
    data = json.loads(run(engine, 'docker info --format "{{json .}}"', seconds=1)[1])
    assert (data["Isolation"], data["OSType"], data["Images"]) == ("hyperv", "windows", 1)
    assert run(engine, "docker info --format {{.Nope}}")[0] == 1


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        (
            "docker nonsense",
            1,
            "docker: unknown command: docker nonsense\n\nRun 'docker --help' for more information\n",
        ),
        (
            "docker rm --nope",
            125,
            "unknown flag: --nope\n\nUsage:  docker rm [OPTIONS] CONTAINER [CONTAINER...]\n\n"
            "Run 'docker rm --help' for more information\n",
        ),
        ("docker rm nope", 1, "Error response from daemon: No such container: nope\n"),
        ("docker inspect nope", 1, "error: no such object: nope\n"),
        ("docker image inspect nope", 1, "Error response from daemon: No such image: nope:latest\n"),
        ("docker exec nope cmd", 1, "Error response from daemon: No such container: nope\n"),
        (
            "docker image inspect BAD",
            1,
            "Error response from daemon: invalid reference format: repository name (library/BAD) must be lowercase\n",
        ),
    ],
)
def test_mistakes(line, code, error):
    assert run(machine(), line)[::2] == (code, error)


def test_an_absent_object_is_an_empty_list():
    assert run(machine(), "docker image inspect nope")[1] == "[]\n"
    assert run(machine(version="28.5.2"), "docker image inspect nope")[2] == "Error: No such image: nope:latest\n"
    assert run(machine(), "docker inspect --format {{.Id}} nope")[1] == "\n"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{.HostConfig.Isolation}}", "hyperv"),
        ("{{ .State.Running }} {{.State.ExitCode}}", "true 0"),
        ("{{json .Config.Cmd}}", '["ping","-t","localhost"]'),
        ("{{.Config.Cmd}}", "[ping -t localhost]"),
        ('{{index .Config.Labels "owner"}}', "lab"),
        ('{{index .Config.Labels "nobody"}}', "<no value>"),
        ("{{index .Args 0}}", "-t"),
        ("{{.Name | json}}", '"/web"'),
        ("{{.HostConfig.OomKillDisable}}", "<nil>"),
    ],
)
def test_templates(template, expected):
    engine = machine(containers=[{"name": "web", "image": NANO, "labels": {"owner": "lab"}}])
    shown = start(
        engine, f'docker inspect --format "{template.replace(chr(34), chr(92) + chr(34))}" web', environment=PATH
    )
    assert (shown.exit_code, text(shown)) == (0, f"{expected}\n")


def test_templates_that_the_simulator_lacks_are_loud(capsys):
    code, _out, _error = run(machine(), "docker version --format {{range.Server.Components}}x{{end}}")
    assert code == 0xC0000005
    assert "NotImplementedError" in capsys.readouterr().err


def test_a_network_logon_has_no_credentials():
    code, _out, error = run(machine(), "docker login -u me -p secret registry.example")
    assert (code, "A specified logon session does not exist" in error) == (1, True)


def test_networks():
    engine = machine()
    names = run(engine, "docker network ls --format {{.Name}}:{{.Driver}}")[1]
    assert names == "nat:nat\nnone:null\n"
    assert run(engine, "docker network inspect --format {{.Driver}} nat")[1] == "nat\n"
    assert run(engine, "docker network inspect nope")[2] == "Error response from daemon: network nope not found\n"


# --- images


def test_a_pull_shows_its_progress_as_time_passes():
    engine = machine(images=[], seconds={"pull": 40})
    process = start(engine, f"docker pull {NANO}", environment=PATH)
    assert text(process).splitlines()[1].endswith(": Pulling fs layer")
    engine.clock.advance(15)
    assert text(process).splitlines()[-1].endswith(": Verifying Checksum")
    assert process.running
    engine.clock.advance(30)
    lines = text(process).splitlines()
    assert [line.partition(": ")[2] for line in lines[1:5]] == [
        "Pulling fs layer",
        "Verifying Checksum",
        "Download complete",
        "Pull complete",
    ]
    assert lines[5].startswith("Digest: sha256:")
    assert "\r" not in text(process)
    again = run(engine, f"docker pull {NANO}")
    assert f"Status: Image is up to date for {NANO}\n" in again[1]
    assert run(engine, f"docker pull -q {NANO}")[1] == f"{NANO}\n"


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (
            {"os_version": "10.0.26100.1"},
            "a Windows version 10.0.26100-based image is incompatible with a 10.0.20348 host\n",
        ),
        (
            [{"os_version": "10.0.26100.1"}, {"os_version": "10.0.20348.1", "architecture": "arm64"}],
            "no matching manifest for windows(10.0.20348)/amd64 in the manifest list entries\n",
        ),
        (
            None,
            "Error response from daemon: manifest for mcr.microsoft.com/x:1 not found: "
            "manifest unknown: manifest unknown\n",
        ),
    ],
)
def test_images_that_can_not_be_pulled(entry, error):
    """S23."""
    engine = machine(registry={"mcr.microsoft.com/x:1": entry})
    code, _out, said = run(engine, "docker pull mcr.microsoft.com/x:1")
    assert (code, said) == (1, error)


def test_an_old_daemon_names_the_platform_in_other_words():
    registry = {"mcr.microsoft.com/x:1": [{"os_version": "10.0.26100.1"}]}
    engine = host(os={"product": "windows10", "build": 19044}, docker={"version": "27.5.1", "registry": registry})
    assert run(engine, "docker pull mcr.microsoft.com/x:1")[2] == (
        "no matching manifest for windows/amd64 10.0.19044 in the manifest list entries\n"
    )


def test_the_own_build_of_a_list_comes_first():
    registry = {"mcr.microsoft.com/x:1": [{"os_version": "10.0.17763.1"}, {"os_version": "10.0.20348.9"}]}
    engine = machine(registry=registry)
    assert run(engine, "docker pull mcr.microsoft.com/x:1")[0] == 0
    assert run(engine, "docker image inspect --format {{.OsVersion}} mcr.microsoft.com/x:1")[1] == "10.0.20348.9\n"


def test_a_registry_that_nobody_reaches():
    code, out, error = run(machine(images=[], reachable=False), f"docker pull {NANO}")
    assert (code, out, "no such host" in error) == (1, "", True)


def test_images_are_listed_tagged_saved_and_removed():
    engine = machine()
    assert run(engine, f"docker tag {NANO} lab:1") == (0, "", "")
    assert run(engine, "docker images --format {{.Repository}}:{{.Tag}}")[1].splitlines() == [NANO, "lab:1"]
    assert run(engine, "docker images -q lab")[1] == run(engine, f"docker images -q {NANO}")[1]
    assert run(engine, r"docker save -o C:\Temp\lab.tar lab:1") == (0, "", "")
    assert run(engine, "docker rmi lab:1") == (0, "Untagged: lab:1\n", "")
    assert "Deleted: sha256:" in run(engine, f"docker image rm {NANO}")[1]
    assert run(engine, f"docker rmi {NANO}")[::2] == (1, f"Error response from daemon: No such image: {NANO}\n")
    assert run(engine, f"docker rmi -f {NANO}")[0] == 0
    assert run(engine, r"docker load -i C:\Temp\lab.tar")[1] == "Loaded image: lab:1\n"


def test_files_that_are_no_images():
    engine = machine()
    assert run(engine, r"docker load -i C:\no.tar")[::2] == (
        1,
        "open C:\\no.tar: The system cannot find the file specified.\n",
    )
    engine.files.write(r"C:\zip.tar", engine_zip("29.6.2"))
    code, _out, error = run(engine, r"docker load -i C:\zip.tar")
    assert (code, error.startswith("Error response from daemon: invalid archive: ")) == (1, True)


# --- containers


def test_isolation_needs_a_hypervisor():
    """S22: hyperv: false is the role, as on a guest before its restart."""
    bare = host(
        os="server2022",
        hyperv=False,
        features={"Containers": "enabled"},
        docker={"version": "29.6.2", "config": HYPERV, "images": [NANO]},
    )
    code, out, error = run(bare, f"docker run --name web {NANO} cmd /c ver")
    identifier = bare.docker.containers[0].id
    assert (code, out) == (125, "")
    assert error == (
        f"docker: Error response from daemon: hcs::CreateComputeSystem {identifier}: The virtual machine could not be "
        "started because a required feature is not installed.\n\nRun 'docker run --help' for more information\n"
    )
    shown = run(bare, "docker inspect --format {{.State.Status}}/{{.State.ExitCode}} web")[1]
    assert shown == "created/128\n", "the container stays"
    code, _out, error = run(bare, f"docker run --name web {NANO} cmd /c ver")
    assert (code, 'Conflict. The container name "/web" is already in use' in error) == (125, True)
    assert run(bare, f"docker run --rm {NANO} cmd /c ver")[0] == 125
    assert len(bare.docker.containers) == 1, "--rm"
    assert run(bare, f"docker run --rm --isolation=process {NANO} cmd /c ver")[0] == 0


@pytest.mark.parametrize(("nested", "code"), [(True, 0), (False, 125)])
def test_isolation_in_a_vm_needs_exposed_extensions(nested, code):
    guest = {
        "os": "server2022",
        "features": {"Containers": "enabled"},
        "docker": {"version": "29.6.2", "config": HYPERV},
    }
    outer = host({"state": "running", "nested": nested, "guest": {"machine": {"name": "L1", **guest}}})
    inner = outer.vm("vm0").guest.machine
    assert run(inner, f"docker run --rm {NANO} cmd /c ver")[0] == code


@pytest.mark.parametrize(
    ("product", "isolation", "os_version", "runs"),
    [
        ("server2022", "hyperv", "10.0.17763.1", True),
        ("server2022", "hyperv", "10.0.20348.9", True),
        ("server2022", "hyperv", "10.0.26100.1", False),
        ("server2022", "process", "10.0.17763.1", True),
        ("server2022", "process", "10.0.14393.1", False),
        ("server2025", "process", "10.0.20348.1", True),
        ("server2025", "process", "10.0.17763.1", False),
        ("server2019", "process", "10.0.17763.9", True),
        ("server2019", "process", "10.0.14393.1", False),
    ],
)
def test_builds_of_images_and_hosts(product, isolation, os_version, runs):
    """S23."""
    engine = host(os=product, docker={"version": "29.6.2", "images": [{"name": "lab:1", "os_version": os_version}]})
    code, _out, error = run(engine, f"docker run --rm --isolation={isolation} lab:1 cmd /c ver")
    assert code == (0 if runs else 125)
    assert runs or ": The container operating system does not match the host operating system.\n" in error


def test_processes_of_containers():
    containers = [{"name": "a", "image": NANO}, {"name": "b", "image": NANO, "isolation": "process"}]
    engine = machine(containers=containers)
    found = {row["ProcessId"]: row["Name"] for row in rows(engine, "Win32_Process", "root/cimv2")}
    names = sorted(found.values())
    assert (names.count("vmwp.exe"), names.count("CExecSvc.exe"), names.count("ping.exe")) == (1, 1, 1)
    assert any(name.startswith("vmmem") for name in names)
    assert "dockerd.exe" in names
    pids = run(engine, "docker inspect --format {{.State.Pid}} a b")[1].split()
    assert [int(pid) in found for pid in pids] == [False, True]
    run(engine, "docker stop a b")
    assert run(engine, "docker ps -a --format {{.Names}}:{{.State}}")[1].splitlines() == ["b:exited", "a:exited"]
    assert run(engine, "docker inspect --format {{.State.ExitCode}} a")[1] == "1073807364\n"
    assert "vmwp.exe" not in [row["Name"] for row in rows(engine, "Win32_Process", "root/cimv2")]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (
            "--isolation=x lab",
            125,
            "Error response from daemon: invalid isolation (x): Windows supports 'default', 'process', or 'hyperv'",
        ),
        (
            "--cpus 99 lab",
            125,
            "Error response from daemon: range of CPUs is from 0.01 to 16.00, as there are only 16 CPUs available",
        ),
        (
            "--privileged lab",
            125,
            "Error response from daemon: invalid option: privileged mode is not supported for Windows containers",
        ),
        (
            "--memory-swap 1g lab",
            125,
            "Error response from daemon: invalid option: Windows does not support MemorySwap",
        ),
        (
            "--restart often lab",
            125,
            "Error response from daemon: invalid restart policy: unknown policy 'often'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        ),
        (
            "--network container:a lab",
            125,
            "Error response from daemon: invalid network-mode: using the network stack of another container is "
            "not supported while using Hyper-V Containers",
        ),
        (
            "--name ? lab",
            125,
            "Error response from daemon: Invalid container name (?), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        ),
        ("--pull never nope", 125, "Error response from daemon: No such image: nope:latest"),
    ],
)
def test_options_that_are_refused(arguments, code, error):
    engine = machine(images=[{"name": "lab", "os_version": "10.0.20348.1"}])
    expected = f"docker: {error}\n\nRun 'docker run --help' for more information\n"
    assert run(engine, f"docker run {arguments} cmd")[::2] == (code, expected)
    assert engine.docker.containers == []


def test_exit_codes_are_those_of_the_program():
    engine = machine()
    assert run(engine, f"docker run --rm {NANO} cmd /c exit 7")[0] == 7
    code, _out, error = run(engine, f"docker run --rm {NANO} nope.exe")
    assert (code, "The system cannot find the file specified." in error) == (127, True)
    assert run(engine, f"docker run --rm -e A=1 {NANO} cmd /c echo %A%")[1] == "1\r\n"
    assert run(engine, f"docker run --rm --entrypoint hostname --hostname box {NANO}")[1] == "box\r\n"
    assert engine.docker.containers == []


def test_settings_of_a_container_can_be_read_back():
    engine = machine()
    line = r"docker create --name web --memory 2g --cpus 1.5 -p 8080:80 -p 127.0.0.1:53:53/udp -v C:\data:C:\inside:ro "
    line += rf"-e A=1 --label owner=lab --restart on-failure:3 {NANO} ping -t localhost"
    code, out, _error = run(engine, line)
    assert (code, out.strip()) == (0, engine.docker.containers[0].id)
    data = json.loads(run(engine, "docker inspect web")[1])[0]
    settings = data["HostConfig"]
    assert (settings["Memory"], settings["NanoCpus"], settings["Isolation"]) == (2 << 30, 1_500_000_000, "hyperv")
    assert settings["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
    }
    assert settings["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert settings["Binds"] == [r"C:\data:C:\inside:ro"]
    assert (data["Config"]["Env"], data["Config"]["Labels"]["owner"]) == (["A=1"], "lab")
    assert data["State"]["Status"] == "created"
    assert run(engine, "docker start web")[1] == "web\n"
    assert run(engine, "docker exec web cmd /c ver")[1] == "\r\nMicrosoft Windows [Version 10.0.20348.5386]\r\n"
    assert run(engine, "docker exec web cmd /c exit 5")[0] == 5
    assert "Reply from localhost" in run(engine, "docker logs --tail 2 web")[1]
    assert run(engine, "docker rm web")[::2] == (
        1,
        'Error response from daemon: cannot remove container "web": container is running: stop the container before '
        "removing or force remove\n",
    )
    assert run(engine, "docker stop web")[1] == "web\n"
    assert run(engine, "docker exec web cmd /c ver")[2].endswith("is not running\n")
    assert run(engine, "docker rm web")[:2] == (0, "web\n")


def test_filters_of_the_list():
    containers = [
        {"name": "a", "image": NANO, "labels": {"owner": "lab"}},
        {"name": "b", "image": NANO, "isolation": "process", "state": "created"},
    ]
    engine = machine(containers=containers)
    for filters, expected in (
        ("", "a"),
        ("-a", "b a"),
        ("-a --filter isolation=hyperv", "a"),
        ("-a --filter isolation=process", "b"),
        ("-a --filter label=owner=lab", "a"),
        ("--filter status=created", "b"),
        ('-a --filter "name=^/b$"', "b"),
        ("-a --filter name=nope", ""),
    ):
        assert run(engine, f"docker ps {filters} --format {{{{.Names}}}}", seconds=1)[1].split() == expected.split(), (
            filters
        )


def test_restart_policies_bring_containers_back_after_a_restart_of_windows():
    containers = [
        {"name": "always", "image": NANO, "restart": "always"},
        {"name": "once", "image": NANO},
        {"name": "stopped", "image": NANO, "restart": "unless-stopped"},
    ]
    engine = machine(containers=containers)
    run(engine, "docker stop stopped")
    assert run(engine, "shutdown /r /t 0")[0] == 0
    assert state(engine)[0] == "Running"
    assert run(engine, "docker ps --format {{.Names}}")[1] == "always\n"


def test_a_program_that_fails_is_started_again():
    engine = machine()
    run(engine, f"docker run -d --name web --restart on-failure:2 {NANO} cmd /c exit 3")
    shown = run(engine, "docker inspect --format {{.RestartCount}}/{{.State.Status}}/{{.State.ExitCode}} web")[1]
    assert shown == "2/exited/3\n"


def test_a_client_that_is_killed_leaves_its_container_alone():
    engine = machine()
    process = start(engine, f"docker run --name web {NANO} ping -t localhost", environment=PATH)
    engine.clock.advance(20)
    assert text(process).count("Reply from localhost") > 5
    process.kill()
    assert run(engine, "docker ps --format {{.Names}}")[1] == "web\n"
    other = start(engine, f"docker run --name two {NANO} ping -t localhost", environment=PATH)
    engine.clock.advance(20)
    other.signal("ctrl_c")
    assert other.exit_code == 0xC000013A
    assert run(engine, "docker ps --format {{.Names}}")[1] == "web\n"


def test_each_data_root_has_its_own_images():
    engine = machine()
    run(engine, "sc stop docker")
    write_configuration(engine, {**HYPERV, "data-root": r"D:\docker"})
    run(engine, "sc start docker")
    assert run(engine, "docker images -q")[1] == ""
    assert run(engine, "docker info --format {{.DockerRootDir}}")[1] == "D:\\docker\n"


@pytest.mark.parametrize(("version", "code"), [("29.0.0", 126), ("29.6.2", 1)])
def test_rights_of_a_client(version, code):
    engine = machine(version=version)
    assert run(engine, f"docker run {NANO} cmd", user=USER)[0] == code


def test_a_model_names_what_it_does_not_know():
    with pytest.raises(ValueError, match="docker: unknown versions"):
        machine(versions=1)
    with pytest.raises(ValueError, match="no registry has nope"):
        machine(images=["nope"])


# --- what the modules of the collection need besides


def test_a_container_gets_another_name():
    engine = machine(containers=[{"name": "web", "image": NANO}, {"name": "db", "image": NANO}])
    assert run(engine, "docker rename web app") == (0, "", "")
    assert run(engine, "docker ps --format {{.Names}}")[1].split() == ["db", "app"]
    code, _out, error = run(engine, "docker rename app db")
    assert (code, 'Conflict. The container name "/db" is already in use' in error) == (1, True)
    assert run(engine, "docker container rename web x")[2] == "Error response from daemon: No such container: web\n"


def test_leading_parts_of_names_can_be_left_out():
    bare = host(os="server2022")
    bare.files.write(r"C:\Temp\docker.zip", engine_zip("29.6.2"))
    bare.files.make_folder(r"C:\Tools")
    line = r"tar.exe -xf C:\Temp\docker.zip -C C:\Tools --strip-components 1 docker/dockerd.exe"
    assert run(bare, line) == (0, "", "")
    assert [file.path for file in bare.files.within(r"C:\Tools")] == [r"C:\Tools\dockerd.exe"]


@pytest.mark.parametrize(("nested", "code"), [(True, 1), (False, 41)])
def test_the_event_log_says_whether_the_hypervisor_started(nested: bool, code: int):
    windows = {"os": "server2022", "hyperv": True}
    inside = host({"state": "running", "nested": nested, "guest": {"machine": windows}}).vm("vm0").guest.machine
    (event,) = rows(inside, "Win32_NTLogEvent", "root/cimv2")
    assert (event["Logfile"], event["EventCode"]) == ("System", code)
