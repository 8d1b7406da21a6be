"""What users get: the built collection holds what they need and nothing else, and works on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PAGES = {"CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"}
PARTS = PAGES | {"docs", "changelogs", "meta", "playbooks", "plugins", "roles"}
# What users need of folders that are otherwise for the development of the collection.
IN_PARTS = {"changelogs": {"changelog.yaml"}, "extensions": {"audit"}, "tests": {"simulator"}}


def run(*command: str | Path, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.run(command, env=inherited | environment, cwd="/", capture_output=True, check=False, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def installed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the collection was installed as users do it, from a build of this checkout."""
    folder = tmp_path_factory.mktemp("galaxy")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    run(galaxy, "collection", "build", checkout, "--output-path", folder)
    (archive,) = folder.glob("*.tar.gz")
    run(galaxy, "collection", "install", archive, "--offline", ANSIBLE_COLLECTIONS_PATH=str(folder))
    return folder


def test_contents(installed: Path) -> None:
    root = installed / "ansible_collections" / "nested" / "hyperv"
    assert {path.name for path in root.iterdir()} <= PARTS | {*IN_PARTS, "FILES.json", "MANIFEST.json"}
    for folder, parts in IN_PARTS.items():
        assert {path.name for path in (root / folder).iterdir()} == parts
    assert not list(root.rglob("__pycache__"))


def test_imports(installed: Path) -> None:
    code = "import ansible_collections.nested.hyperv.plugins.action.host as host; print(host.__file__)"
    assert run(sys.executable, "-c", code, PYTHONPATH=str(installed)).startswith(str(installed))


def test_every_module_is_documented_routed_and_in_the_action_group(checkout: Path, installed: Path) -> None:
    modules = {path.stem for path in (checkout / "plugins" / "modules").glob("*.py")}
    documentation = run(
        Path(sys.executable).with_name("ansible-doc"),
        *("--json", *(f"nested.hyperv.{module}" for module in sorted(modules))),
        ANSIBLE_COLLECTIONS_PATH=str(installed),
    )
    assert set(json.loads(documentation)) == {f"nested.hyperv.{module}" for module in modules}

    runtime = yaml.safe_load((checkout / "meta" / "runtime.yml").read_text())
    assert set(runtime["action_groups"]["all"]) == modules
    assert runtime["plugin_routing"]["modules"] == {m: {"action_plugin": "nested.hyperv.host"} for m in modules}
