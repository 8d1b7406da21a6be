"""Images of an engine, and the registries that it pulls them from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...machine.files import amount, check_keys
from . import archives

# Images of mcr.microsoft.com with the builds seen in 2026-07 (microsoft/windows-container repo-info, §5.5).
MICROSOFT = {
    "ltsc2025": ("10.0.26100.33158", ("nanoserver", "servercore", "server")),
    "ltsc2022": ("10.0.20348.5386", ("nanoserver", "servercore")),
    "ltsc2019": ("10.0.17763.8755", ("nanoserver", "servercore")),
    "1809": ("10.0.17763.8755", ("nanoserver",)),
}
SIZES = {"nanoserver": "120MB", "servercore": "2200MB", "server": "4GB"}
IMAGE_KEYS = {"os_version", "size", "cmd", "entrypoint", "env", "labels", "architecture", "os", "exposed_ports"}
_NAME = re.compile(r"(?:[a-z0-9]+(?:[._-]+[a-z0-9]+)*/)*[a-z0-9]+(?:[._-]+[a-z0-9]+)*")
_TAG = re.compile(r"[\w][\w.-]{0,127}")


class BadReference(ValueError):
    """invalid reference format."""


@dataclass(frozen=True)
class Reference:
    """A name of an image in full: mcr.microsoft.com/windows/nanoserver:ltsc2022."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def full(self) -> str:
        return f"{self.domain}/{self.path}{self._suffix}"

    @property
    def familiar(self) -> str:
        """Without docker.io and library."""
        return f"{self.repository}{self._suffix}"

    @property
    def repository(self) -> str:
        if self.domain != "docker.io":
            return f"{self.domain}/{self.path}"
        return self.path.removeprefix("library/") if self.path.count("/") == 1 else self.path

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """A reference; BadReference with the sentence of distribution/reference. `latest` is the default tag."""
    name, at, digest = text.partition("@")
    if at and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise BadReference("invalid reference format")
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost" or head != head.lower()):
        domain, path = head, rest
    else:
        domain, path = "docker.io", name if slash else f"library/{name}"
    path, colon, tag = path.partition(":")
    if path.lower() != path:
        raise BadReference(f"invalid reference format: repository name ({path}) must be lowercase")
    if not _NAME.fullmatch(path) or (colon and not _TAG.fullmatch(tag)):
        raise BadReference("invalid reference format")
    return Reference(domain, path, tag or ("" if digest else "latest"), digest)


@dataclass
class Image:
    """An image of the engine; tags and digests in familiar form."""

    configuration: dict[str, Any]
    size: int
    tags: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return archives.image_id(self.configuration)

    @property
    def os_version(self) -> str:
        return str(self.configuration.get("os.version", ""))

    @property
    def build(self) -> int:
        parts = self.os_version.split(".")
        return int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else 0

    @property
    def config(self) -> dict[str, Any]:
        return self.configuration.get("config") or {}


@dataclass(frozen=True)
class Manifest:
    """What a registry has under a tag for one platform."""

    configuration: dict[str, Any]
    size: int

    @property
    def digest(self) -> str:
        return _digest(f"manifest {archives.image_id(self.configuration)}")

    @property
    def layers(self) -> list[str]:
        """Short ids of its layers, as `docker pull` shows them."""
        count = 1 if self.size < 300 * 2**20 else 2
        return [_digest(f"blob {number} {self.digest}")[7:19] for number in range(count)]


@dataclass(frozen=True)
class Entry:
    """A tag of a registry: one manifest, or a list of them by platform."""

    manifests: tuple[Manifest, ...]
    is_list: bool

    @property
    def digest(self) -> str:
        return self.manifests[0].digest if not self.is_list else _digest(repr([one.digest for one in self.manifests]))


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def registry(given: Mapping[str, Any]) -> dict[str, Entry]:
    """The tags of all registries by full name: Microsoft's, and those of the model, which may replace them."""
    known: dict[str, Any] = {
        f"mcr.microsoft.com/windows/{name}:{tag}": {"os_version": version, "size": SIZES[name]}
        for tag, (version, names) in MICROSOFT.items()
        for name in names
    }
    return {parse(name).full: _entry(name, spec) for name, spec in {**known, **given}.items() if spec is not None}


def _entry(name: str, spec: Any) -> Entry:
    if isinstance(spec, list):
        return Entry(tuple(manifest(name, one) for one in spec), is_list=True)
    return Entry((manifest(name, spec),), is_list=False)


def manifest(name: str, spec: Mapping[str, Any]) -> Manifest:
    """An image as a model describes it."""
    check_keys(dict(spec), IMAGE_KEYS, f"image {name}")
    changes: dict[str, Any] = {"Labels": {"io.simulator.name": name} | dict(spec.get("labels") or {})}
    for key, part in (("cmd", "Cmd"), ("entrypoint", "Entrypoint"), ("env", "Env")):
        if key in spec:
            changes[part] = list(spec[key])
    if ports := spec.get("exposed_ports"):
        changes["ExposedPorts"] = {str(port) if "/" in str(port) else f"{port}/tcp": {} for port in ports}
    configuration = archives.image_configuration(str(spec["os_version"]), **changes)
    configuration |= {key: spec[key] for key in ("architecture", "os") if key in spec}
    return Manifest(configuration, amount(spec.get("size", "120MB")))


class Images:
    """The images of an engine by id."""

    def __init__(self) -> None:
        self._images: dict[str, Image] = {}

    def __iter__(self) -> Iterator[Image]:
        return iter(tuple(self._images.values()))

    def __len__(self) -> int:
        return len(self._images)

    def find(self, text: str) -> Image | None:
        """By reference, by id or by the beginning of an id."""
        if hexadecimal := re.fullmatch(r"(?:sha256:)?([0-9a-f]{1,64})", text):
            hits = [image for image in self if image.id.startswith(f"sha256:{hexadecimal[1]}")]
            if len(hits) == 1:
                return hits[0]
        wanted = parse(text).familiar
        return next((image for image in self if wanted in (*image.tags, *image.digests)), None)

    def add(self, configuration: dict[str, Any], size: int) -> Image:
        """The image of a configuration, which may be there already."""
        image = Image(configuration, size)
        return self._images.setdefault(image.id, image)

    def tag(self, image: Image, name: str) -> None:
        """Give an image a name, which another image may lose."""
        for other in self:
            if name in other.tags:
                other.tags.remove(name)
        image.tags.append(name)

    def remove(self, image: Image) -> None:
        del self._images[image.id]
