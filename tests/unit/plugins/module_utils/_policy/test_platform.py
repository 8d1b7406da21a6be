"""What a machine is, by what its firmware says."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._policy.platform import (
    AZURE_ASSET_TAG,
    EDITIONS,
    HOME_EDITIONS,
    is_azure,
    recognise,
)


@pytest.mark.parametrize(
    ("manufacturer", "model", "platform"),
    [
        ("Microsoft Corporation", "Virtual Machine", "hyper-v"),
        ("Microsoft Corporation", "Surface Laptop 5", None),
        ("VMware, Inc.", "VMware7,1", "vmware"),
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "kvm"),
        ("Red Hat", "KVM", "kvm"),
        ("Red Hat", "OpenStack Compute", "kvm"),
        ("Red Hat", "RHEL", None),
        ("OpenStack Foundation", "OpenStack Nova", "kvm"),
        ("QEMU", "anything", "kvm"),
        ("Any vendor", "Standard PC (i440FX + PIIX, 1996)", "kvm"),
        ("Any vendor", "KVM Virtual Machine", "kvm"),
        ("Oracle Corporation", "VirtualBox", "virtualbox"),
        ("Oracle Corporation", "ORACLE SERVER X8-2", None),
        ("  MICROSOFT CORPORATION ", " virtual machine ", "hyper-v"),
        ("Google", "Chromebox", None),
        ("innotek GmbH", "VirtualBox", "virtualbox"),
        ("Xen", "HVM domU", "xen"),
        ("Amazon EC2", "m5.xlarge", "aws"),
        ("Amazon EC2", "m5.metal", None),
        ("Google", "Google Compute Engine", "gcp"),
        ("Nutanix", "AHV", "ahv"),
        ("Parallels International GmbH.", "Parallels ARM Virtual Machine", "parallels"),
        ("Dell Inc.", "PowerEdge R750", None),
        ("", "", None),
    ],
)
def test_recognise(manufacturer: str, model: str, platform: str | None) -> None:
    assert recognise(manufacturer, model) == platform


@pytest.mark.parametrize(
    ("tags", "azure"), [([], False), ([AZURE_ASSET_TAG], True), (["", AZURE_ASSET_TAG], True), (["1234-5678"], False)]
)
def test_a_vm_in_azure_has_its_asset_tag(tags: list[str], azure: bool) -> None:
    assert is_azure(tags) is azure


def test_home_editions_are_those_with_home_in_their_names() -> None:
    assert {number for number, name in EDITIONS.items() if "Home" in name} == HOME_EDITIONS
