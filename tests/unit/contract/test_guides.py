# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guides and policies: every module, option, file and variable that they name exists.

`make docs` checks the references between pages, and tests/playbooks/test_guides.py runs the examples.
"""

from __future__ import annotations

import configparser
import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.group import to_safe_group_name

from ansible_collections.nested.hyperv.tests.harness import cmdlets, collection

ROOT = Path(__file__).resolve().parents[3]
DOCSITE = ROOT / "docs" / "docsite"
EXAMPLES = DOCSITE / "examples"
GUIDES = sorted((DOCSITE / "rst").glob("*.rst"))
INVENTORIES = sorted(path.name for path in EXAMPLES.glob("inventory_*.yml"))
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "roles/*/README.md", "tests/simulator/*.md")
    for path in ROOT.glob(pattern)
)
# The modules of microsoft.hyperv 1.1.0, without the prefix hv_.
MICROSOFT_HYPERV = set(
    re.findall(
        r"\w+",
        """
checkpoint cluster_group_set cluster_node_maintenance com_port dvd_drive guest guest_command guest_copy hard_disk
hardware_passthrough host host_info integration_service isolation memory migration_network nested_virt network_acl
network_adapter processor replication replication_server resource_pool san_adapter scsi_controller shielded_vm
storage_pool vhd vm vm_boot vm_group vm_guest_wait vm_info vm_move vm_state vm_tag vm_transfer vswitch
""",
    )
)


@pytest.fixture(scope="module")
def documentation() -> Mapping[str, Mapping[str, Any]]:
    """Documentation of each module, as ansible-doc returns it."""
    program = Path(sys.executable).with_name("ansible-doc")
    modules = [f"nested.hyperv.{module}" for module in collection.modules()]
    process = subprocess.run([program, "--json", *modules], capture_output=True, check=True)
    return json.loads(process.stdout)


def names(section: Mapping[str, Any], nested: str, path: str = "") -> Iterator[str]:
    """Path of each option or return value."""
    for name, entry in section.items():
        yield f"{path}{name}"
        yield from names(entry.get(nested) or {}, nested, f"{path}{name}.")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_modules_roles_options_and_return_values_exist(
    guide: Path, documentation: Mapping[str, Mapping[str, Any]]
) -> None:
    text = guide.read_text()
    roles = {path.name for path in (ROOT / "roles").iterdir()}
    for plugin, kind in re.findall(r":ansplugin:`nested\.hyperv\.(\w+)#(\w+)`", text):
        of_kind = {path.stem for path in (ROOT / "plugins" / kind).glob("[a-z]*.py")}
        assert plugin in {"module": {*collection.modules()}, "role": roles}.get(kind, of_kind), plugin
    for role, nested in (("ansopt", "suboptions"), ("ansretval", "contains")):
        for plugin, path in re.findall(rf":{role}:`nested\.hyperv\.(\w+)#module:([\w.]+)`", text):
            entry = documentation[f"nested.hyperv.{plugin}"]
            section = entry["doc"]["options"] if role == "ansopt" else entry["return"]
            assert path in set(names(section, nested)), f"{plugin} has no {path}"


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_files_exist(guide: Path) -> None:
    text = guide.read_text()
    named = re.findall(r"``((?:docs|tests|roles|playbooks|plugins)/[\w./]*)``", text)
    assert [path for path in named if not (ROOT / path).exists()] == []
    for path in re.findall(r"literalinclude:: (\S+)", text):
        assert (guide.parent / path).is_file()
        assert f"``docs/docsite/{path.removeprefix('../')}``" in text.replace("\n", " "), (
            "named for readers of the source"
        )


def test_each_guide_is_in_the_index_and_each_example_in_a_guide() -> None:
    sections = yaml.safe_load((DOCSITE / "extra-docs.yml").read_text())["sections"]
    listed = [entry for section in sections for entry in section["toctree"]]
    assert sorted(listed) == [path.stem for path in GUIDES]
    included = {
        path for guide in GUIDES for path in re.findall(r"literalinclude:: \.\./examples/(\S+)", guide.read_text())
    }
    assert included == {path.name for path in EXAMPLES.iterdir()}


def test_playbooks_exist() -> None:
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    text = " ".join(guide.read_text() for guide in GUIDES)
    pattern = r"``(?:nested\.hyperv\.)?((?:create|deploy|enable|gate|reset|survey|verify)_\w+)``"
    named = set(re.findall(pattern, text))
    variables = {name for name in named if name.startswith(tuple(f"{playbook}_" for playbook in playbooks))}
    assert named - variables <= playbooks


def test_all_modules_of_microsoft_hyperv_have_an_equivalent_or_are_said_to_have_none() -> None:
    text = (DOCSITE / "rst" / "guide_migration.rst").read_text()
    assert set(re.findall(r"``hv_(\w+)``", text)) == MICROSOFT_HYPERV


def test_the_page_of_the_cmdlets_is_up_to_date() -> None:
    assert cmdlets.DOCUMENT.read_text() == cmdlets.document(), "run: make rules"


@pytest.fixture(scope="module")
def places() -> Mapping[tuple[str, str], list[tuple[str, str]]]:
    return cmdlets.parameters()


def test_cmdlets_of_drives_lead_to_drives_of_their_kind(
    places: Mapping[tuple[str, str], list[tuple[str, str]]],
) -> None:
    for noun, module, section in (("HardDiskDrive", "vm_disk", "disks"), ("DvdDrive", "vm_dvd_drive", "dvd_drives")):
        entries = {entry for (cmdlet, _parameter), of in places.items() if cmdlet.endswith(noun) for entry in of}
        parts = {path.partition(".")[0] if name == "vm" else name for name, path in entries}
        assert parts == {module, section, "vm_info"}


def test_a_cmdlet_that_only_a_remark_names_has_no_row() -> None:
    text = "Defaults to V(standard), whereas C(New-VM) sets V(production). Corresponds to C(Set-VM -Notes). See x."
    assert cmdlets.named(text) == [("Set-VM", "Notes")]
    assert cmdlets.named(
        "Lists C(.vhdx) files. Corresponds to C(New-VHD -Path) and, with O(x), to C(Set-VHD -Path)"
    ) == [
        ("New-VHD", "Path"),
        ("Set-VHD", "Path"),
    ]


def test_objects_of_hyper_v_have_rows_to_add_remove_and_read(
    places: Mapping[tuple[str, str], list[tuple[str, str]]],
) -> None:
    """A cmdlet that adds or configures an object of Hyper-V has its counterparts, unless no module has their effect."""
    without = {
        "Get-VHD",
        "Get-VMKeyProtector",
        "Remove-VHD",
    }  # facts that no result contains; Remove-VHD does not exist
    rows = {cmdlet for cmdlet, _parameter in places}
    expected = set()
    for verb, noun in (cmdlet.split("-") for cmdlet in rows):
        if noun == "VHD" or noun.startswith(("VM", "NetNat")):
            expected |= {f"Remove-{noun}"} if verb in ("New", "Add") else set()
            expected |= {f"Get-{noun}"} if verb in ("New", "Add", "Set") else set()
            expected |= {"Resume-VM"} if (verb, noun) == ("Suspend", "VM") else set()
    assert sorted(expected - rows - without) == []


@pytest.fixture(scope="module")
def connection_variables() -> set[str]:
    """Variables of the connection winrm, and those that it passes through to pywinrm."""
    program = Path(sys.executable).with_name("ansible-doc")
    process = subprocess.run([program, "--json", "-t", "connection", "winrm"], capture_output=True, check=True)
    (entry,) = json.loads(process.stdout).values()
    known = {variable["name"] for option in entry["doc"]["options"].values() for variable in option.get("vars", ())}
    extras = {"ca_trust_path", "cert_pem", "cert_key_pem", "server_cert_validation", "kerberos_delegation", "service"}
    extras |= {"kerberos_hostname_override"}
    return known | {f"ansible_winrm_{name}" for name in extras} | {"ansible_connection"}


@pytest.mark.parametrize("name", INVENTORIES)
def test_inventories(name: str, connection_variables: set[str]) -> None:
    program = Path(sys.executable).with_name("ansible-inventory")
    process = subprocess.run([program, "-i", EXAMPLES / name, "--list"], capture_output=True, check=True)
    assert not process.stderr
    (group,) = yaml.safe_load((EXAMPLES / name).read_text()).values()
    assert set(group["vars"]) <= connection_variables
    assert group["vars"].get("ansible_password", "").startswith("{{ vault_") or "cert_pem" in str(group)


def test_variables_in_texts_exist(connection_variables: set[str]) -> None:
    text = (DOCSITE / "rst" / "guide_connect.rst").read_text()
    assert set(re.findall(r"\bansible_winrm_\w+", text)) <= connection_variables


def test_the_realm_of_kerberos() -> None:
    parser = configparser.ConfigParser(strict=False, allow_no_value=True)
    parser.read_string((EXAMPLES / "krb5.conf").read_text())
    realm = parser["libdefaults"]["default_realm"]
    assert realm.isupper()
    assert set(parser["domain_realm"].values()) == {realm}
    (group,) = yaml.safe_load((EXAMPLES / "inventory_kerberos.yml").read_text()).values()
    assert group["vars"]["ansible_user"].endswith(f"@{realm}")
    assert {host.partition(".")[2].upper() for host in group["hosts"]} == {realm}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_markdown_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_variables_of_the_class_exist() -> None:
    header = (ROOT / "playbooks/create_training_lab.yml").read_text()
    names = yaml.safe_load((EXAMPLES / "class.yml").read_text())
    assert [name for name in names if not re.search(rf"\b{name}\b", header)] == []


def test_the_readme_lists_the_whole_collection() -> None:
    text = (ROOT / "README.md").read_text()
    content = text.partition("## Content")[2].partition("## Guides")[0]
    listed = {
        name for row in re.findall(r"^\| (.*?) \|", content, re.MULTILINE) for name in re.findall(r"`([\w.]+)`", row)
    }
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    roles = {path.name for path in (ROOT / "roles").iterdir()} - {"nested_guest"}
    plugins = {path.stem for kind in ("filter", "inventory") for path in (ROOT / "plugins" / kind).glob("[a-z]*.py")}
    assert {*collection.modules(), *playbooks, *roles, *plugins} <= listed


def required_variables(playbook: str) -> set[str]:
    """Variables that the header of a playbook of the collection names as required."""
    header = (ROOT / "playbooks" / f"{playbook}.yml").read_text().partition("\n- ")[0]
    entries = re.split(r"^#   (?=\w)", header, flags=re.MULTILINE)
    return {entry.split()[0].rstrip(":") for entry in entries if "(required)" in entry}


@pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_give_the_required_variables_of_playbooks(page: Path) -> None:
    commands = re.findall(r"^ *ansible-playbook .*", page.read_text().replace("\\\n", ""), re.MULTILINE)
    for command in commands:
        words = shlex.split(command, comments=True)
        extra = [value for option, value in itertools.pairwise(words) if option in ("-e", "--extra-vars")]
        for playbook in (word.removeprefix("nested.hyperv.") for word in words if word.startswith("nested.hyperv.")):
            required = required_variables(playbook)
            given = " ".join(extra)
            assert "@" in given or not [name for name in required if not re.search(rf"\b{name}\b", given)], command


def test_some_playbooks_have_required_variables() -> None:
    assert required_variables("enable_nesting") == {"enable_nesting_vms"}
    assert required_variables("reset_lab") == {"reset_lab_vms", "reset_lab_checkpoint"}
    assert required_variables("survey_hosts") == set()


def test_the_commands_of_the_readme_name_targets_and_the_archive_of_this_version() -> None:
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", text, re.MULTILINE)) <= targets
    metadata = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    archive = "{namespace}-{name}-{version}.tar.gz".format(**metadata)
    assert set(re.findall(r"nested-hyperv-[\d.]+\.tar\.gz", text)) == {archive}


def test_the_groups_of_the_readme_are_those_of_its_hosts() -> None:
    text = (ROOT / "README.md").read_text()
    hosts = set(re.findall(r"^  hosts:\n {4}([\w.]+):$", text, re.MULTILINE))
    assert hosts
    groups = set(re.findall(r"`(hyperv_host_\w+)`", text))
    assert groups == {
        to_safe_group_name(f"hyperv_host_{host}", replacer="_", force=True, silent=True) for host in hosts
    }


def test_badges_and_requirements_agree_with_the_metadata() -> None:
    text = (ROOT / "README.md").read_text()
    (core,) = re.findall(r"ansible--core-%3E%3D([\d.]+)-", text)
    required = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"].removeprefix(">=")
    assert [int(part) for part in core.split(".")] == [int(part) for part in required.split(".")[:2]]
    assert f"ansible-core {core} or newer" in text
    assert f"- {core} and later" in (DOCSITE / "rst/guide_support.rst").read_text()
    (license_name,) = yaml.safe_load((ROOT / "galaxy.yml").read_text())["license"]
    assert f"license-{license_name.replace('-', '--')}-" in text
    assert text.count("img.shields.io/badge/") == text.count("img.shields.io/") == 3, "no badge of a service"
