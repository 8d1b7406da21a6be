"""The inventory plugin on simulated hosts: variables, groups, depth, cache and errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.plugins.loader import inventory_loader

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import inventory, task
from ansible_collections.nested.hyperv.tests.harness.inventory import connection
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

INNER = "192.168.100.5"
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "switches": [
                {"name": "Lab", "type": "internal", "addresses": ["192.168.100.1/24"]},
                {"name": "WAN 1", "type": "private"},
            ],
            "nats": [{"name": "LabNat", "prefix": "192.168.100.0/24"}],
            "vms": [
                {
                    "name": "l1",
                    "state": "running",
                    "nested": True,
                    "memory": "8GB",
                    "adapters": [{"switch": "Lab", "addresses": ["fe80::1", INNER]}],
                    "guest": {"machine": {"os": "server2022", "vms": [{"name": "l2"}, {"name": "template"}]}},
                },
                {
                    "name": "web01",
                    "state": "running",
                    "notes": "{{ 1 + 1 }}",
                    "adapters": [{"switch": "WAN 1", "addresses": ["192.0.2.21", "2001:db8::21"]}],
                },
                {"name": "template"},
            ],
        },
        {
            "name": "hv02",
            "vms": [
                {"name": "web02", "state": "running", "generation": 1, "guest": {"os": "linux"}},
                {"name": "WEB01"},
            ],
        },
    ]
}
CACHE = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_timeout": 600}


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with open_lab(request.module.MODEL) as lab:
        lab.apply(
            "nat_mapping", nat="LabNat", external_port=port_of_l1(lab), internal_address=INNER, internal_port=5985
        )
        yield lab


@pytest.fixture
def fresh() -> Iterator[Lab]:
    """For tests that fault the hosts."""
    with open_lab(MODEL) as lab:
        yield lab


def port_of_l1(lab: Lab) -> int:
    return task.variables(lab.sim, "l1")["ansible_port"]


def config(lab: Lab, *hosts: str, **more: Any) -> dict[str, Any]:
    """A configuration of these hosts, which have all variables of their own."""
    return {"hosts": {host: connection(lab.sim, host) for host in hosts or ("hv01", "hv02")}, **more}


def nested(lab: Lab, **more: Any) -> dict[str, Any]:
    """The same with l1 as a host, through the NAT of hv01."""
    known = connection(lab.sim, "l1", ansible_host=None, ansible_port=5985)
    entry = {"names": ["L*"], "vars": known}
    return config(lab, recurse=True, reach=["nat", "direct"], **{"nested_hosts": [entry], **more})


# ---- variables, addresses, groups ----


def test_variables_of_a_vm(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab, "hv01"), tmp_path)
    assert found.hosts == ["l1", "template", "web01"]
    assert found.warnings == []
    variables = found.variables("l1")
    adapter = variables["hyperv_network_adapters"][0]
    assert adapter["switch"] == "Lab"
    assert adapter["ip_addresses"] == ["fe80::1", INNER]
    expected = {
        "hyperv_name": "l1",
        "hyperv_host": "hv01",
        "hyperv_hosts": ["hv01"],
        "hyperv_level": 1,
        "hyperv_state": "running",
        "hyperv_generation": 2,
        "hyperv_processors": 2,
        "hyperv_nesting": True,
        "hyperv_switches": ["Lab"],
        "hyperv_addresses": [INNER],
        "hyperv_guest_os": "Windows Server 2022 Datacenter",
        "hyperv_reached_by": "direct",
        "hyperv_port_in_guest": None,
        "ansible_host": INNER,
    }
    assert {name: variables[name] for name in expected} == expected
    assert variables["hyperv_memory"]["startup"] == 8 << 30
    assert "ansible_port" not in variables
    own = {name for name in variables if not name.startswith("inventory_")}
    assert {name for name in own if not name.startswith("hyperv_")} == {"ansible_host"}


def test_a_vm_without_an_address(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab, "hv01"), tmp_path)
    assert "ansible_host" not in found.variables("template")
    assert "hyperv_address_none" in found.groups("template")
    assert "hyperv_address_none" not in found.groups("web01")


def test_groups_of_a_vm(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab), tmp_path)
    assert found.groups("web01_hv01") == {
        "hyperv_vms",
        "hyperv_host_hv01",
        "hyperv_state_running",
        "hyperv_level_1",
        "hyperv_generation_2",
        "hyperv_nesting_disabled",
        "hyperv_switch_wan_1",
        "hyperv_guest_os_windows_server_2022_datacenter",
    }
    assert {"hyperv_generation_1", "hyperv_host_hv02"} <= found.groups("web02")


def test_groups_can_be_chosen_and_named(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab, "hv01", group_by=["state"], group_prefix="lab_"), tmp_path)
    assert found.groups("l1") == {"lab_vms", "lab_state_running"}


def test_the_prefix_of_variables(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab, "hv01", hostvars_prefix="hv_"), tmp_path)
    assert found.variables("l1")["hv_level"] == 1


def test_addresses_by_family_and_network(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab, "hv01", address_families=["ipv6", "ipv4"]), tmp_path)
    assert found.variables("web01")["ansible_host"] == "2001:db8::21"
    found = inventory.parse(config(lab, "hv01", networks=["192.168.100.0/24"]), tmp_path)
    assert "ansible_host" not in found.variables("web01")
    assert found.variables("l1")["ansible_host"] == INNER


def test_a_vm_behind_the_nat_of_its_host(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab, "hv01", reach=["nat", "direct"]), tmp_path)
    variables = found.variables("l1")
    assert (variables["ansible_host"], variables["ansible_port"]) == ("127.0.0.1", port_of_l1(lab))
    assert (variables["hyperv_reached_by"], variables["hyperv_port_in_guest"]) == ("nat", 5985)
    assert found.variables("web01")["ansible_host"] == "192.0.2.21"


def test_constructed_variables_and_groups(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(
        config(
            lab,
            "hv01",
            compose={"gib": "hyperv_memory.startup // 1073741824"},
            groups={"big": "hyperv_memory.startup > 4294967296"},
            keyed_groups=[{"prefix": "first", "key": "hyperv_name[0]"}],
        ),
        tmp_path,
    )
    assert str(found.variables("l1")["gib"]) == "8"  # text before ansible-core 2.19, without native Jinja
    assert "big" in found.groups("l1")
    assert "big" not in found.groups("web01")
    assert "first_w" in found.groups("web01")


def test_what_a_vm_says_is_no_template(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab, "hv01", compose={"copy": "hyperv_notes ~ ''"}), tmp_path)
    assert found.variables("web01")["hyperv_notes"] == "{{ 1 + 1 }}"
    assert found.variables("web01")["copy"] == "{{ 1 + 1 }}"


def test_strict_reports_a_variable_that_does_not_exist(lab: Lab, tmp_path: Path) -> None:
    wrong = config(lab, "hv01", compose={"x": "hyperv_nonsense.y"})
    assert "x" not in inventory.parse(wrong, tmp_path).variables("l1")
    with pytest.raises(AnsibleError, match="Could not set x"):
        inventory.parse({**wrong, "strict": True}, tmp_path)


def test_filters(lab: Lab, tmp_path: Path) -> None:
    expressions = ["hyperv_state == 'running'", "hyperv_name is match('web')"]
    assert inventory.parse(config(lab, "hv01", filters=expressions), tmp_path).hosts == ["web01"]
    with pytest.raises(AnsibleError, match=re.escape("filters: 'hyperv_stat == 1' cannot be evaluated for l1")):
        inventory.parse(config(lab, "hv01", filters=["hyperv_stat == 1"]), tmp_path)


def test_what_guests_report_on_request(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab, "hv01", guest_details=True), tmp_path)
    assert found.variables("web01")["hyperv_guest"]["os_version"] == "10.0.20348"


# ---- several hosts, and depth ----


def test_vms_that_share_a_name(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse(config(lab), tmp_path)
    assert found.hosts == ["WEB01_hv02", "l1", "template", "web01_hv01", "web02"]
    (warning,) = found.warnings
    assert "'WEB01' (1), 'web01' (1)" in warning


def test_vms_in_vms(lab: Lab, tmp_path: Path) -> None:
    lab.sim.log.clear()
    found = inventory.parse(nested(lab), tmp_path)
    assert found.hosts == ["WEB01_hv02", "l1", "l2", "template_hv01", "template_l1", "web01_hv01", "web02"]
    inner = found.variables("l2")
    assert (inner["hyperv_host"], inner["hyperv_hosts"], inner["hyperv_level"]) == ("l1", ["hv01", "l1"], 2)
    assert {"hyperv_host_l1", "hyperv_level_2"} <= found.groups("l2")
    counts = [sum(entry.host == host for entry in lab.requests) for host in ("hv01", "hv02", "l1")]
    assert max(counts) <= 12


def test_credentials_by_group(lab: Lab, tmp_path: Path) -> None:
    known = nested(lab)["nested_hosts"][0]["vars"]
    found = inventory.parse(nested(lab, nested_hosts=[{"groups": ["hyperv_host_hv01"], "vars": known}]), tmp_path)
    assert "l2" in found.hosts
    found = inventory.parse(nested(lab, nested_hosts=[{"groups": ["hyperv_host_hv02"], "vars": known}]), tmp_path)
    assert "l2" not in found.hosts
    assert [text for text in found.warnings if "no entry of nested_hosts matches: 'l1' on hv01" in text]


TWO_OF_A_NAME: dict[str, Any] = {
    "hosts": [
        {"name": "hv01"},
        {
            "name": "hv02",
            "vms": [
                {
                    "name": "lab",
                    "state": "running",
                    "nested": True,
                    "guest": {
                        "machine": {
                            "os": "server2022",
                            "vms": [{"name": "inner", "state": "running", "nested": True}],
                        }
                    },
                }
            ],
        },
    ]
}


def test_the_group_of_a_listed_host_gives_no_credentials_to_vms_of_a_vm_with_its_name(tmp_path: Path) -> None:
    with open_lab(TWO_OF_A_NAME) as lab:
        listed = {"LAB": connection(lab.sim, "hv01"), "hv02": connection(lab.sim, "hv02")}
        known = connection(lab.sim, "lab")
        entries = [{"names": ["lab"], "vars": known}, {"groups": ["hyperv_host_lab"], "vars": known}]
        found = inventory.parse({"hosts": listed, "recurse": True, "nested_hosts": entries}, tmp_path)
        assert "hyperv_host_lab_hv02" in found.groups("inner")
        assert [text for text in found.warnings if "no entry of nested_hosts matches: 'inner' on lab" in text]


def test_a_nested_host_that_no_way_leads_to(lab: Lab, tmp_path: Path) -> None:
    found = inventory.parse({**nested(lab), "reach": ["direct"], "networks": ["203.0.113.0/24"]}, tmp_path)
    assert [text for text in found.warnings if "none of the ways in 'reach' leads to them: 'l1' on hv01" in text]


def test_a_port_that_is_none(lab: Lab, tmp_path: Path) -> None:
    entry = {"vars": {"ansible_port": "winrm"}}
    with pytest.raises(AnsibleError, match="l1: ansible_port is 'winrm', which is not a port"):
        inventory.parse(nested(lab, nested_hosts=[entry]), tmp_path)


def test_a_password_goes_to_no_vm_that_no_entry_names(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match="recurse requires nested_hosts"):
        inventory.parse(config(lab, recurse=True), tmp_path)


def test_a_nested_host_that_is_listed_too(lab: Lab, tmp_path: Path) -> None:
    """It is read once, and its VMs are on their level."""
    lab.sim.log.clear()
    found = inventory.parse({**nested(lab), **config(lab, "hv01", "l1")}, tmp_path)
    assert found.variables("l2")["hyperv_level"] == 2
    assert found.variables("l2")["hyperv_hosts"][0] == "hv01"
    assert [entry.method for entry in lab.requests if entry.host == "l1"].count("GetSummaryInformation") == 1


def test_a_nested_host_that_is_listed_at_another_address(lab: Lab, tmp_path: Path) -> None:
    options = nested(lab)
    listed = {**config(lab, "hv01")["hosts"], "inner": connection(lab.sim, "l1", ansible_host="127.1")}
    found = inventory.parse({**options, "hosts": listed}, tmp_path)
    (warning,) = (text for text in found.warnings if "same IDs" in text)
    assert warning.startswith("l1, which is the VM 'l1' on hv01, and the listed host inner report VMs")
    assert warning.endswith(f"list it with the address and port of http://127.0.0.1:{port_of_l1(lab)}/wsman")


# ---- names of VMs that mean something else to Ansible ----

NAMED = ["all", "ungrouped", "hyperv_vms", "hyperv_host_hv01", "hyperv_state_off", "web", "made", "top", "key_web"]
NAMED += ["localhost", "127.0.0.1", "::1"]
MISNAMED = {"hosts": [{"name": "hv01", "vms": [{"name": name} for name in NAMED]}]}
CONSTRUCTED = {
    "compose": {"ansible_user": "hyperv_name"},
    "groups": {"made": "hyperv_name == 'top'"},
    "keyed_groups": [{"prefix": "key", "key": "hyperv_name", "parent_group": "top"}],
}


@pytest.fixture(scope="module")
def misnamed() -> Iterator[Lab]:
    with open_lab(MISNAMED) as lab:
        yield lab


def test_a_vm_named_like_a_group_or_like_the_control_node_is_renamed(misnamed: Lab, tmp_path: Path) -> None:
    before = {"web": {"hosts": {"prod01": None}}}
    found = inventory.parse(config(misnamed, "hv01", **CONSTRUCTED), tmp_path, before=before)
    expected = sorted(f"{name}_hv01" for name in NAMED if name != "key_web")
    assert found.hosts == sorted([*expected, "key_web", "prod01"])
    assert [host.name for host in found.data.groups["web"].get_hosts()] == ["prod01"]
    assert "prod01" not in found.data.get_groups_dict()["hyperv_vms"]
    assert found.groups("made_hv01") >= {"hyperv_vms", "hyperv_host_hv01"}
    assert found.data.localhost is None
    (warning,) = found.warnings
    assert "'all' (1)" in warning
    assert "'localhost' (1)" in warning


def test_a_vm_named_like_a_group_of_its_variables_adds_itself_only(misnamed: Lab, tmp_path: Path) -> None:
    """The names of such groups are not known before the VMs are in the inventory."""
    found = inventory.parse(config(misnamed, "hv01", **CONSTRUCTED), tmp_path)
    groups = found.data.groups
    assert [host.name for host in groups["key_web"].get_hosts()] == ["web"]
    assert groups["key_web"].get_ancestors() == {groups["top"], groups["all"]}
    assert found.groups("key_web") >= {"hyperv_vms", "key_key_web", "top"}
    assert "ansible_user" not in groups["key_web"].vars
    assert found.variables("key_web")["ansible_user"] == "key_web"


def test_a_vm_named_like_a_host_of_another_source_is_warned_of(misnamed: Lab, tmp_path: Path) -> None:
    before = {"all": {"hosts": {"web": {"ansible_password": "secret"}}}}
    found = inventory.parse(config(misnamed, "hv01", filters=["hyperv_name == 'web'"]), tmp_path, before=before)
    assert found.hosts == ["web"]
    (warning,) = (text for text in found.warnings if "merges" in text)
    assert "the VM 'web' on hv01 and the host 'web' of " in warning
    assert "secret" not in warning
    left_out = config(misnamed, "hv01", filters=["hyperv_name == 'top'"])
    assert not [text for text in inventory.parse(left_out, tmp_path, before=before).warnings if "merges" in text]


# ---- connections ----


def test_variables_of_an_earlier_inventory(lab: Lab, tmp_path: Path) -> None:
    known = connection(lab.sim, "hv01")
    password = known.pop("ansible_password")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "hyperv.yml").write_text(json.dumps({"ansible_password": password}))
    before = {"hyperv": {"hosts": {"hv01": known}, "vars": {"ansible_winrm_scheme": "http"}}}
    found = inventory.parse({"hosts": {"hv01": None}}, tmp_path, before=before)
    assert "web01" in found.hosts
    assert "web01" not in found.data.get_groups_dict()["hyperv"]


def test_variables_of_all_hosts_and_templates(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = connection(lab.sim, "hv01")
    monkeypatch.setenv("INVENTORY_TEST_PASSWORD", common["ansible_password"])
    ports = {host: {"ansible_port": connection(lab.sim, host)["ansible_port"]} for host in ("hv01", "hv02")}
    del common["ansible_port"]
    common["ansible_password"] = "{{ lookup('ansible.builtin.env', 'INVENTORY_TEST_PASSWORD') }}"
    found = inventory.parse({"hosts": ports, "vars": common}, tmp_path)
    assert "web02" in found.hosts


def test_a_psrp_connection(lab: Lab, tmp_path: Path) -> None:
    known = connection(lab.sim, "hv02")
    psrp = {
        "ansible_connection": "psrp",
        "ansible_psrp_protocol": "http",
        "ansible_psrp_auth": "ntlm",
        **{name: known[name] for name in ("ansible_host", "ansible_port", "ansible_user", "ansible_password")},
    }
    assert "web02" in inventory.parse({"hosts": {"hv02": psrp}}, tmp_path).hosts


def test_basic_over_http_is_warned_of(lab: Lab, tmp_path: Path) -> None:
    known = connection(lab.sim, "hv02", ansible_winrm_transport="basic")
    found = inventory.parse({"hosts": {"hv02": known}, "on_unreachable": "warn"}, tmp_path)
    assert any(text.startswith("hv02: the password travels unencrypted") for text in found.warnings)


# ---- cache ----


def cached(lab: Lab, folder: Path, *hosts: str, **more: Any) -> dict[str, Any]:
    return config(lab, *hosts, **{**CACHE, "cache_connection": str(folder / "cache"), **more})


def test_the_cache_answers(fresh: Lab, tmp_path: Path) -> None:
    first = inventory.parse(cached(fresh, tmp_path), tmp_path)
    fresh.sim.log.clear()
    again = inventory.parse(cached(fresh, tmp_path), tmp_path)
    assert fresh.requests == []
    assert again.hosts == first.hosts
    for host in first.hosts:
        assert again.variables(host) == first.variables(host)
        assert again.groups(host) == first.groups(host)
    inventory.parse(cached(fresh, tmp_path), tmp_path, cache=False)  # meta: refresh_inventory
    assert fresh.requests != []


def test_the_cache_answers_at_depth_and_for_other_options(fresh: Lab, tmp_path: Path) -> None:
    fresh.apply(
        "nat_mapping", nat="LabNat", external_port=port_of_l1(fresh), internal_address=INNER, internal_port=5985
    )
    more = {**CACHE, "cache_connection": str(tmp_path / "cache")}
    first = inventory.parse({**nested(fresh), **more}, tmp_path)
    fresh.sim.log.clear()
    again = inventory.parse({**nested(fresh), **more, "group_by": ["state"], "networks": ["192.0.2.0/24"]}, tmp_path)
    assert "l2" in first.hosts
    assert fresh.requests == []
    assert again.hosts == first.hosts
    assert again.groups("l2") == {"hyperv_vms", "hyperv_state_off"}


def test_the_cache_contains_no_password(fresh: Lab, tmp_path: Path) -> None:
    inventory.parse(cached(fresh, tmp_path), tmp_path)
    (file,) = (tmp_path / "cache").iterdir()
    text = file.read_text()
    assert "web01" in text
    for host in ("hv01", "hv02"):
        known = connection(fresh.sim, host)
        assert known["ansible_password"] not in text
        assert f'"{known["ansible_user"]}"' not in text


def test_hosts_are_read_again_if_their_part_is_old_or_about_another_address(fresh: Lab, tmp_path: Path) -> None:
    inventory.parse(cached(fresh, tmp_path, "hv01"), tmp_path)
    fresh.sim.log.clear()
    found = inventory.parse(cached(fresh, tmp_path), tmp_path)  # hv02 is new
    assert {entry.host for entry in fresh.requests} == {"hv02"}
    assert "web02" in found.hosts
    fresh.sim.log.clear()
    moved = cached(fresh, tmp_path, "hv01")
    moved["hosts"]["hv01"] = connection(fresh.sim, "hv02")
    inventory.parse(moved, tmp_path)
    assert {entry.host for entry in fresh.requests} == {"hv02"}


def rewrite(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the content of the cache, which ansible-core from 2.19 on keeps as JSON within JSON."""
    (file,) = (folder / "cache").iterdir()
    outer = json.loads(file.read_text())
    if "__payload__" in outer:
        inner = json.loads(outer["__payload__"])
        outer["__payload__"] = json.dumps(change(inner))
    else:
        outer = change(outer)
    file.write_text(json.dumps(outer))


def age(folder: Path, seconds: float) -> None:
    """Make all parts of the cache older."""
    (file,) = (folder / "cache").iterdir()
    old = re.sub(r'(read\\?": )([0-9.]+)', lambda found: f"{found[1]}{float(found[2]) - seconds}", file.read_text())
    file.write_text(old)


def test_an_old_cache_with_hosts_down(fresh: Lab, tmp_path: Path) -> None:
    first = inventory.parse(cached(fresh, tmp_path), tmp_path)
    age(tmp_path, 7200)
    fresh.sim.faults.add(simulator.Rule("refuse", host="hv01", times=0))
    found = inventory.parse(cached(fresh, tmp_path, on_unreachable="warn"), tmp_path)
    assert found.hosts == first.hosts
    (warning,) = (text for text in found.warnings if "hv01" in text and "as of" in text)
    assert re.search(r"^hv01 cannot be read, 3 VMs as of 7[12]\d\d s ago are used: .*503", warning)
    with pytest.raises(AnsibleError, match=r"a Hyper-V host cannot be read \(see on_unreachable\): hv01: .*503"):
        inventory.parse(cached(fresh, tmp_path), tmp_path)
    # hv02 was read, so it is fresh; the old part of hv01 is still there.
    fresh.sim.log.clear()
    found = inventory.parse(cached(fresh, tmp_path, on_unreachable="warn"), tmp_path)
    assert {entry.host for entry in fresh.sim.log} <= {"hv01"}
    assert found.hosts == first.hosts


def test_the_cache_forgets_hosts_that_are_no_longer_listed(fresh: Lab, tmp_path: Path) -> None:
    inventory.parse(cached(fresh, tmp_path), tmp_path)
    inventory.parse(cached(fresh, tmp_path, "hv02"), tmp_path, cache=False)
    (file,) = (tmp_path / "cache").iterdir()
    assert "web02" in file.read_text()
    assert "web01" not in file.read_text()


def test_a_cache_of_another_version_is_read_again(fresh: Lab, tmp_path: Path) -> None:
    inventory.parse(cached(fresh, tmp_path), tmp_path)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_text(re.sub(r'(format\\?": )1', r"\g<1>0", file.read_text()))
    fresh.sim.log.clear()
    assert "web02" in inventory.parse(cached(fresh, tmp_path), tmp_path).hosts
    assert fresh.requests != []


UNEXPECTED: tuple[Callable[[dict[str, Any]], Any], ...] = (
    lambda parts: [],
    lambda parts: None,
    lambda parts: "text",
    dict.fromkeys,
    *(
        lambda parts, change=change: {key: {**part, **change} for key, part in parts.items()}
        for change in (
            {"vms": [{}]},
            {"vms": None},
            {"vms": [None]},
            {"mappings": None},
            {"mappings": [{}]},
            {"read": "yesterday"},
            {"read": None},
            {"read": 9e12},
            {"needs": {}},
            {"needs": None},
            {"endpoint": None},
        )
    ),
)


@pytest.mark.parametrize("change", UNEXPECTED, ids=map(str, range(len(UNEXPECTED))))
def test_a_cache_with_another_content_is_read_again(
    change: Callable[[dict[str, Any]], Any], fresh: Lab, tmp_path: Path
) -> None:
    first = inventory.parse(cached(fresh, tmp_path), tmp_path)
    rewrite(tmp_path, change)
    fresh.sim.log.clear()
    assert inventory.parse(cached(fresh, tmp_path), tmp_path).hosts == first.hosts
    assert {entry.host for entry in fresh.requests} == {"hv01", "hv02"}
    fresh.sim.log.clear()
    assert inventory.parse(cached(fresh, tmp_path), tmp_path).hosts == first.hosts
    assert fresh.requests == []


def test_a_cache_without_requested_details_with_hosts_down(fresh: Lab, tmp_path: Path) -> None:
    first = inventory.parse(cached(fresh, tmp_path), tmp_path)
    fresh.sim.faults.add(simulator.Rule("refuse", host="hv01", times=0))
    for more in ({"guest_details": True}, {"reach": ["direct", "nat"]}):
        found = inventory.parse(cached(fresh, tmp_path, on_unreachable="warn", **more), tmp_path)
        assert found.hosts == first.hosts
        (warning,) = (text for text in found.warnings if "hv01" in text and "as of" in text)
        assert "are used without the details that 'guest_details' or 'reach' requires" in warning


# ---- hosts that cannot be read ----


def test_a_host_that_does_not_answer(fresh: Lab, tmp_path: Path) -> None:
    down = config(fresh)
    down["hosts"]["hv01"]["ansible_port"] = 1
    with pytest.raises(AnsibleError) as error:
        inventory.parse(down, tmp_path)
    assert "hv01: http://127.0.0.1:1/wsman refuses the connection" in str(error.value)
    assert "See ansible_host, ansible_port" in str(error.value)
    found = inventory.parse({**down, "on_unreachable": "warn"}, tmp_path)
    assert found.hosts == ["WEB01", "web02"]
    assert [text for text in found.warnings if text.startswith("The VMs of hv01 are missing: http://127.0.0.1:1")]


def test_all_hosts_that_do_not_answer_are_named(fresh: Lab, tmp_path: Path) -> None:
    wrong = config(fresh, vars={})
    for host in wrong["hosts"].values():
        host["ansible_password"] = "wrong"
    with pytest.raises(AnsibleError, match=r"2 Hyper-V hosts cannot be read.*hv01: .*; hv02: ") as error:
        inventory.parse(wrong, tmp_path)
    assert "ansible_password" in str(error.value)
    assert "wrong" not in str(error.value).replace("ansible_password", "")


def test_a_host_that_turns_slow_midway(fresh: Lab, tmp_path: Path) -> None:
    """Half of its VMs are no result, and the others' are not waited for."""
    fresh.sim.faults.add(simulator.Rule("drop", host="hv01", at=4, times=0))
    with pytest.raises(AnsibleError, match="hv01"):
        inventory.parse(config(fresh), tmp_path)
    found = inventory.parse(config(fresh, on_unreachable="warn"), tmp_path)
    assert found.hosts == ["WEB01", "web02"]


def test_a_host_without_time(fresh: Lab, tmp_path: Path) -> None:
    fresh.sim.faults.add(simulator.Rule("delay", host="hv01", at=3, times=0, seconds=1.2))
    found = inventory.parse(config(fresh, on_unreachable="warn", host_timeout=1), tmp_path)
    assert found.hosts == ["WEB01", "web02"]
    assert [text for text in found.warnings if "did not answer all requests within 1 s; see 'host_timeout'" in text]
    assert len([entry for entry in fresh.requests if entry.host == "hv01"]) <= 4


def test_a_nested_host_that_does_not_answer(fresh: Lab, tmp_path: Path) -> None:
    unmapped = {**nested(fresh), "on_unreachable": "warn"}
    unmapped["nested_hosts"][0]["vars"] |= {"ansible_host": "127.0.0.1", "ansible_port": 1}
    found = inventory.parse(unmapped, tmp_path)
    assert "l1" in found.hosts
    assert [text for text in found.warnings if text.startswith("The VMs of l1 are missing: ")]


WITHOUT_HYPERV = {
    "hosts": [
        {
            "name": "hv01",
            "vms": [
                {
                    "name": "wsl",
                    "state": "running",
                    "nested": True,
                    "guest": {"machine": {"os": "server2022", "hyperv": False}},
                }
            ],
        }
    ]
}


def test_a_nested_vm_without_hyperv_is_no_host(tmp_path: Path) -> None:
    with open_lab(WITHOUT_HYPERV) as lab:
        entry = {"vars": connection(lab.sim, "wsl")}
        found = inventory.parse(config(lab, "hv01", recurse=True, nested_hosts=[entry]), tmp_path)
        assert (found.hosts, found.warnings) == (["wsl"], [])
        with pytest.raises(AnsibleError, match=r"wsl: .*Hyper-V"):
            inventory.parse(config(lab, "wsl"), tmp_path)


# ---- bad input ----

WRONG: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({"host": {}}, "'host' is not an option; the nearest is 'hosts'"),
    ({"hosts": {"hv01": {"ansible_usr": "x"}}}, "hosts.hv01: 'ansible_usr' is not an option; the nearest is"),
    (
        {"hosts": {"hv01": None}, "vars": {"ansible_winrm_transprot": "ntlm"}},
        "vars: 'ansible_winrm_transprot' is not an option; the nearest is 'ansible_winrm_transport'",
    ),
    ({"hosts": {}}, "hosts is empty"),
    ({"hosts": {" ": None}}, "hosts: a host has no name"),
    ({"hosts": {"hv01": None, "HV01": None}}, "hosts: 'hv01' and 'HV01' are both at https://HV01:5986/wsman; list a"),
    ({"hosts": {"hv01": "192.0.2.1"}}, "hosts.hv01 is '192.0.2.1', which is not a mapping"),
    ({"hosts": {"hv01": {"ansible_connection": "ssh"}}}, "hv01: the connection is 'ssh'"),
    ({"hosts": {"hv01": {"ansible_connection": "nonsense"}}}, "hv01: ansible_connection is 'nonsense'"),
    ({"hosts": {"hv01": {"ansible_host": "http://hv01"}}}, "hv01: ansible_host is 'http://hv01'"),
    ({"hosts": {"hv01": {"ansible_user": "{{ nonsense }}"}}}, "hv01: ansible_user cannot be templated"),
    ({"hosts": {"hv01": None}, "networks": ["192.0.2.1/24"]}, "networks: '192.0.2.1/24'"),
    ({"hosts": {"hv01": None}, "hostvars_prefix": "hy-"}, "hostvars_prefix is 'hy-'; names of variables begin with"),
    ({"hosts": {"hv01": None}, "hostvars_prefix": "ansible_"}, "hostvars_prefix is 'ansible_', but the variable 'ansi"),
    ({"hosts": {"hv01": None}, "hostvars_prefix": ""}, "hostvars_prefix is '', but the variable 'name' has a meaning"),
    ({"hosts": {"hv01": None}, "hostvars_prefix": "play_"}, "hostvars_prefix is 'play_', but the variable 'play_hosts"),
    ({"hosts": {"hv01": None}, "hostvars_prefix": "role_"}, "hostvars_prefix is 'role_', but the variable 'role_name'"),
    ({"hosts": {"hv01": None}, "filters": [True]}, "filters: True is not a Jinja2 expression; write the expression in"),
    ({"hosts": {"hv01": None}, "filters": [1]}, "filters: 1 is not a Jinja2 expression"),
    ({"hosts": {"hv01": None}, "filters": [" "]}, "filters: ' ' is not a Jinja2 expression"),
    ({"hosts": {"hv01": None}, "forks": 0}, "forks is 0; choose a number of at least 1"),
    ({"hosts": {"hv01": None}, "host_timeout": 0}, "host_timeout is 0"),
    ({"hosts": {"hv01": None}, "nested_hosts": ["lab"]}, "nested_hosts.0. is 'lab', which is not a mapping"),
    (
        {"hosts": {"hv01": None}, "nested_hosts": [{"name": "x"}]},
        "nested_hosts.0.: 'name' is not an option; .* 'names'",
    ),
    ({"hosts": {"hv01": None}, "nested_hosts": [{"names": [""]}]}, "nested_hosts.0..names is"),
    (
        {"hosts": {"hv01": None}, "nested_hosts": [{"vars": {"ansible_pasword": "x"}}]},
        "nested_hosts.0..vars: 'ansible_pasword' is not an option; the nearest is 'ansible_password'",
    ),
    ({"hosts": {"hv01": None}, "group_by": ["states"]}, "(?i)invalid value.*group_by|group_by"),
    ({"hosts": {"hv01": None}, "on_unreachable": "ignore"}, "on_unreachable"),
)


@pytest.mark.parametrize(("wrong", "text"), WRONG, ids=[text[:40] for _wrong, text in WRONG])
def test_bad_input(wrong: Mapping[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match=text):
        inventory.parse({"hosts": {"hv01": None}} | dict(wrong) if "host" not in wrong else wrong, tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        ("lab.hyperv.yml", "plugin: nested.hyperv.vms", True),
        ("lab.hyperv.yaml", "plugin: nested.hyperv.vms", True),
        ("hosts.yml", "all: {hosts: {hv01: }}", False),
        ("hosts.ini", "plugin: nested.hyperv.vms", False),
        ("missing.hyperv.yml", None, False),
    ],
)
def test_names_of_files(name: str, text: str | None, verdict: bool, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    assert inventory_loader.get(inventory.PLUGIN).verify_file(str(tmp_path / name)) is verdict


@pytest.mark.parametrize("text", ["plugin: nested.hyperv.vms", "# a lab\nplugin: 'nested.hyperv.vms'\nhosts:"])
def test_a_wrong_name_of_a_file_says_the_right_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "lab.yml"
    path.write_text(text)
    with pytest.raises(AnsibleError, match=r"rename it, so that its name ends with \.hyperv\.yml"):
        inventory_loader.get(inventory.PLUGIN).verify_file(str(path))
