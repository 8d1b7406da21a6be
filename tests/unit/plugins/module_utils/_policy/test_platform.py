"""What a machine is, by what its firmware says."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._policy.platform import recognise


@pytest.mark.parametrize(
    ("manufacturer", "model", "platform"),
    [
        ("Microsoft Corporation", "Virtual Machine", "hyper-v"),
        ("Microsoft Corporation", "Surface Laptop 5", None),
        ("VMware, Inc.", "VMware7,1", "vmware"),
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "kvm"),
        ("Red Hat", "KVM", "kvm"),
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
