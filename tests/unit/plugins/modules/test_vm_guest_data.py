"""The vm_guest_data module, and the pairs that vm_info returns."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import guest_data
from ansible_collections.nested.hyperv.tests.harness.checks import check_run
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator import Rule

HOST = {
    "name": "hv01",
    "vms": [
        {"name": "lin01", "state": "running", "guest": {"os": "linux", "guest_items": {"ready": "yes"}}},
        {"name": "off01"},
        {"name": "deaf01", "state": "running", "disabled_services": ["KvpExchange"]},
    ],
}
MODEL = {"hosts": [HOST]}


def pairs(lab: Lab, vm: str = "lin01") -> dict[str, dict[str, str]]:
    return lab.info(vm, "guest_data")["guest_data"]


def test_pairs_are_added_changed_and_removed(lab: Lab) -> None:
    lab.apply("vm_guest_data", vm="lin01", data={"role": "web", "seats": 20, "quoted": "<&>'\"\n"})
    assert pairs(lab)["host"] == {"role": "web", "seats": "20", "quoted": "<&>'\"\n"}
    assert lab.vm("lin01").guest.from_host["role"] == "web"
    result = lab.apply("vm_guest_data", vm="lin01", data={"ROLE": "db", "new": ""}, remove=["Seats", "none"])
    assert result["diff"] == {
        "before": {"data": {"new": None, "role": "web", "seats": "20"}},
        "after": {"data": {"new": "", "role": "db", "seats": None}},
    }
    assert pairs(lab)["host"] == result["data"] == {"role": "db", "quoted": "<&>'\"\n", "new": ""}


def test_pairs_for_the_host_alone(lab: Lab) -> None:
    lab.apply("vm_guest_data", vm="lin01", data={"owner": "training"}, host_only=True)
    lab.apply("vm_guest_data", vm="lin01", data={"owner": "other"})
    found = pairs(lab)
    assert (found["host_only"], found["host"]) == ({"owner": "training"}, {"owner": "other"})
    assert lab.vm("lin01").guest.from_host == {"owner": "other"}


def test_many_pairs_go_in_calls_of_128(lab: Lab) -> None:
    data = {f"k{number:03}": str(number) for number in range(300)}
    lab.apply("vm_guest_data", vm="lin01", data=data)
    assert pairs(lab)["host"] == data
    lab.run("vm_guest_data", vm="lin01", data=dict.fromkeys(data, "x"))
    assert lab.writes == ["Invoke Msvm_VirtualSystemManagementService ModifyKvpItems"] * 3


def test_a_vm_that_is_off_keeps_pairs_for_its_boot(lab: Lab) -> None:
    lab.apply("vm_guest_data", vm="off01", data={"role": "web"})
    assert pairs(lab, "off01") == {"host": {"role": "web"}, "host_only": {}, "guest": {}, "intrinsic": {}}
    lab.succeeds("vm", name="off01", state="running")
    assert lab.vm("off01").guest.from_host == {"role": "web"}


def test_a_host_that_hides_the_pairs_of_a_vm_that_is_off() -> None:
    with open_lab({"hosts": [{**HOST, "pairs_while_off": False}]}) as lab:
        lab.succeeds("vm_guest_data", vm="off01", data={"role": "web"})
        lab.fails("vm_guest_data", "start VM 'off01'", vm="off01", data={"role": "db"})
        lab.succeeds("vm", name="off01", state="running")
        lab.apply("vm_guest_data", vm="off01", data={"role": "db"})


def test_both_directions(lab: Lab) -> None:
    found = pairs(lab)
    assert found["guest"] == {"ready": "yes"}
    assert found["intrinsic"]["OSName"] == "Ubuntu 24.04.1 LTS"


def test_later_tasks_of_a_check_find_the_pairs() -> None:
    with open_lab(MODEL) as lab, check_run():
        assert lab.run("vm_guest_data", check=True, vm="lin01", data={"a": "1"})["changed"] is True
        assert lab.run("vm_guest_data", check=True, vm="lin01", data={"a": "1"})["changed"] is False
        assert lab.run("vm_guest_data", check=True, vm="lin01", remove=["A"])["changed"] is True
        assert lab.run("vm_guest_data", check=True, vm="lin01", remove=["a"])["changed"] is False
        assert lab.vm("lin01").guest.from_host == {}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "db_pwd",
            "dbpwd",
            "DbPwd",
            "PWD",
            "root-pw",
            "dbPass",
            "dbpass",
            "PASS",
            "passwd",
            "Passphrase",
            "pass_phrase",
        ),
        *("passcode", "client.secret", "clientSecret", "access_token", "AccessTokens", "credentials", "wifi_psk"),
        *("key", "api_key", "apiKey", "APIKey", "apikey", "sshkey2", "private key", "PrivateKey", "AWS_ACCESS_KEY"),
        *("storage_account_key1", "keys", "passkey", "product-key"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert guest_data.secrets_among([name]) == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("keyboard", "monkey", "Turkey", "hotkey", "key_count", "KeyVaultName", "keyboard_layout", "primaryKey"),
        *("public_key", "publicKey", "ssh_authorized_keys", "compass", "bypass", "passenger", "passive", "pwdless_x"),
        *("secretary", "tokenizer", "role", "spawn", "upward", "owner", "compassion", ""),
    ],
)
def test_names_of_no_secrets(name: str) -> None:
    assert guest_data.secrets_among([name]) == []


def test_warnings(lab: Lab) -> None:
    (warning,) = lab.succeeds("vm_guest_data", vm="lin01", data={"admin_password": "x", "db_pwd": "y"})["warnings"]
    assert "'admin_password', 'db_pwd'" in warning
    (warning,) = lab.succeeds("vm_guest_data", vm="deaf01", data={"a": "x"})["warnings"]
    assert "key_value_pair_exchange" in warning
    assert "warnings" not in lab.succeeds("vm_guest_data", vm="lin01", data={"secret": "x"}, host_only=True)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"data": {"a": ["b"]}}, ["data: ", "'a' is a list"]),
        ({"data": {"a": True}}, ["data: ", "True"]),
        ({"data": {" ": "x"}}, ["data: ", "empty"]),
        ({"data": {"a" * 255: "x"}}, ["data: ", "254"]),
        ({"data": {"a": "x" * 1023}}, ["data: ", "'a' is too long", "1022"]),
        ({"data": {"a": "€" * 700}}, ["data: ", "2047"]),
        ({"data": {"a": "x"}, "remove": ["A"]}, ["remove: ", "named twice"]),
        ({"data": {"a": "x"}, "vm": "none"}, ["vm: ", "no VM"]),
    ],
)
def test_refusals(shared_lab: Lab, args: dict[str, Any], words: list[str]) -> None:
    shared_lab.refuses("vm_guest_data", *words, **{"vm": "lin01", **args})


@pytest.mark.parametrize("do", ["lose", "drop"])
def test_a_lost_answer_is_looked_up(lab: Lab, do: str) -> None:
    lab.sim.faults.add(Rule(do=do, method="AddKvpItems"))
    result = lab.run("vm_guest_data", vm="lin01", data={"a": "1"})
    assert bool(result.get("failed")) is (do == "drop")
    assert pairs(lab)["host"] == ({} if do == "drop" else {"a": "1"})


def test_a_german_host() -> None:
    with open_lab({"hosts": [{**HOST, "locale": "de-DE"}]}) as lab:
        lab.apply("vm_guest_data", vm="lin01", data={"straße": "größer"})
        assert lab.vm("lin01").guest.from_host == {"straße": "größer"}
