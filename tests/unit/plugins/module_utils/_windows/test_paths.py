"""Paths: one spelling of each, and what spelling can't decide."""

from __future__ import annotations

from random import Random

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._windows import paths


def spelled(path: str, random: Random) -> str:
    """Another spelling of a path, by the rules of Windows."""
    unc = path.startswith("\\\\")
    parts = path.lstrip("\\").split("\\")
    root, names = parts[: 2 if unc else 1], parts[2 if unc else 1 :]
    for index in range(len(names), -1, -1):
        names[index:index] = random.choice([[], [], ["."], [""], ["x", ".."], ["x", ".", "y", "..", ".."]])
    names[0:0] = random.choice([[], [".."], ["..", ".."]])
    text = ("\\\\" if unc else "") + "\\".join([*root, *names]) + random.choice(["", "", "\\", "\\."])
    text = random.choice([text, text.replace("\\", "\\\\"), text.replace("\\", "/")])
    return random.choice([text, text.upper(), text.swapcase()])


@pytest.mark.parametrize("path", [r"D:\vms\a.vhdx", r"C:\x.iso", r"\\nas\iso\sub\x.iso", "D:\\a b\\ü.vhdx"])
def test_every_spelling_of_a_path_is_the_same(path: str) -> None:
    random = Random(path)
    for _turn in range(500):
        other = spelled(path, random)
        assert paths.canonical(other).lower() == path.lower(), other
        assert paths.key(other) == paths.key(path)
        assert paths.suffix(other) == paths.suffix(path)


def test_letters_stay_as_the_task_writes_them() -> None:
    assert paths.canonical("D:/VMs//Web01\\.\\Os.vhdx") == r"D:\VMs\Web01\Os.vhdx"
    assert paths.canonical(r"\\\\NAS\\iso\\x.iso") == r"\\NAS\iso\x.iso", "doubled backslashes in single quotes"


@pytest.mark.parametrize(("path", "expected"), [("d:/", "d:"), (r"\\nas\vms\\", r"\\nas\vms"), ("C:\\x\\..", "C:")])
def test_a_drive_and_a_share_are_folders(path: str, expected: str) -> None:
    assert paths.canonical(path, of_folder=True) == expected
    for wrong in ("d:", r"\\nas", "vms", "\\"):
        with pytest.raises(Invalid, match="is not a full path"):
            paths.canonical(wrong, of_folder=True)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("a.vhdx", "is not a full path"),
        ("C:a.vhdx", "is not a full path"),
        (r"\VMs\a.vhdx", "is not a full path"),
        ("C:\\", "is not a full path"),
        ("C:\\x\\..", "is not a full path"),
        (r"\\nas\iso", "is not a full path"),
        (r"\\?\C:\a.vhdx", "names a device"),
        (r"\\\\?\\C:\\a.vhdx", "names a device"),
        ("//?/C:/a.vhdx", "names a device"),
        (r"\\.\PhysicalDrive0", "names a device"),
        ("C:\\a?.vhdx", "is not a name for a file"),
        ("C:\\a.vhdx:stream", "is not a name for a file"),
        ("C:\\vms.\\a.vhdx", "is not a name for a file"),
        ("C:\\a.vhdx ", "is not a name for a file"),
        ("C:\\a\tb.vhdx", "is not a name for a file"),
        ("C:\\nul.vhdx", "is not a name for a file"),
        (f"C:\\{'a' * 256}", "is not a name for a file"),
    ],
)
def test_what_names_no_file(path: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as raised:
        paths.canonical(path, "parent")
    assert raised.value.option == "parent"
    assert isinstance(paths.key(path), str), "hosts may return such paths"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (r"D:\vms\a.vhdx", r"D:\vms\b.vhdx", False),
        (r"D:\vms\a.vhdx", r"E:\vms\a.vhdx", False),
        (r"D:\VIRTUA~1\a.vhdx", r"D:\Virtual Machines\a.vhdx", True),
        (r"D:\VIRTUA~1\a.vhdx", r"D:\Virtual Machines\b.vhdx", False),
        (r"D:\vms\GOLDEN~1.VHD", r"D:\vms\golden image.vhdx", True),
        (r"D:\vms\GOLDEN~1.VHD", r"D:\golden image.vhdx", False),
        (r"\\localhost\D$\vms\a.vhdx", r"D:\vms\a.vhdx", True),
        (r"\\localhost\D$\vms\a.vhdx", r"\\hv01\vms\a.vhdx", True),
        (r"\\localhost\D$\vms\a.vhdx", r"D:\vms\b.vhdx", False),
        (r"\\nas\vms\a.vhdx", r"\\nas\vms\b.vhdx", False),
        (r"\\nas\vms\a.vhdx", "", False),
    ],
)
def test_what_spelling_cannot_decide(one: str, other: str, expected: bool) -> None:
    for pair in ((one, other), (other, one)):
        assert paths.may_be_same(*pair) is expected
