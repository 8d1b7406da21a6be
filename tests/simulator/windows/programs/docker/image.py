"""docker pull, load, save, images, tag, rmi and image inspect."""

from __future__ import annotations

import ntpath
from collections.abc import Generator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ....machine.files import FileError
from ...docker import archives, images
from ...docker.api import DaemonError, number
from ...docker.archives import NotAnArchive, SavedImage
from ...docker.images import BadReference, Image, Reference
from ..process import Steps
from .client import Client, Failed, human, inspect, listing, response, size
from .flags import LIST, SWITCH, TEXT, Syntax
from .template import Map

if TYPE_CHECKING:
    from ...docker.engine import Engine

PULL = Syntax(
    "docker pull [OPTIONS] NAME[:TAG|@DIGEST]", {"quiet": ("q", SWITCH), "platform": ("", TEXT)}, least=1, most=1
)
LOAD = Syntax("docker load [OPTIONS]", {"input": ("i", TEXT), "quiet": ("q", SWITCH)}, most=0)
SAVE = Syntax("docker save [OPTIONS] IMAGE [IMAGE...]", {"output": ("o", TEXT)}, least=1)
IMAGES = Syntax(
    "docker images [OPTIONS] [REPOSITORY[:TAG]]",
    {
        "all": ("a", SWITCH),
        "quiet": ("q", SWITCH),
        "no-trunc": ("", SWITCH),
        "digests": ("", SWITCH),
        "format": ("", TEXT),
        "filter": ("f", LIST),
    },
    most=1,
)
INSPECT = Syntax("docker image inspect [OPTIONS] IMAGE [IMAGE...]", {"format": ("f", TEXT)}, least=1)
TAG = Syntax("docker tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", least=2, most=2, mixed=False)
REMOVE = Syntax("docker rmi [OPTIONS] IMAGE [IMAGE...]", {"force": ("f", SWITCH), "no-prune": ("", SWITCH)}, least=1)


def pull(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    reference = _parse(names[0])
    if flags.get("platform"):
        raise NotImplementedError("the simulator's docker.exe knows no --platform")
    quiet = bool(flags.get("quiet"))
    if not quiet and not (":" in names[0].rpartition("/")[2] or "@" in names[0]):
        client.out("Using default tag: latest\n")
    engine = yield from client.connect("Post images/create")
    yield from download(client, engine, reference, lambda text: None if quiet else client.out(text))
    client.out(f"{reference.full}\n")
    return 0


def download(client: Client, engine: Engine, reference: Reference, show: Any) -> Generator[Any, Any, Image]:
    """Pull an image; `show` gets the lines of its progress, which come as time passes."""
    if not engine.reachable:
        host = "registry-1.docker.io" if reference.domain == "docker.io" else reference.domain
        yield min(engine.seconds["pull"], 10.0)
        raise Failed(f'Error response from daemon: Get "https://{host}/v2/": dial tcp: lookup {host}: no such host')
    entry = engine.registry.get(reference.full) or next(
        (
            known
            for name, known in engine.registry.items()
            if reference.digest and known.digest == reference.digest and name.startswith(_bare(reference))
        ),
        None,
    )
    if entry is None:
        if reference.domain == "docker.io":
            sentence = (
                f"pull access denied for {reference.repository}, repository does not exist or may require "
                "'docker login': denied: requested access to the resource is denied"
            )
        else:
            sentence = f"manifest for {reference.familiar} not found: manifest unknown: manifest unknown"
        raise Failed(f"Error response from daemon: {sentence}")
    show(f"{reference.tag or reference.digest}: Pulling from {reference.path}\n")
    found = _choose(engine, entry)
    image = images.Image(found.configuration, found.size)
    known = engine.images.find(image.id)
    if known is None:
        steps = ("Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete")
        pause = engine.seconds["pull"] / (len(steps) * len(found.layers) or 1)
        for layer in found.layers:
            show(f"{layer}: {steps[0]}\n")
        for layer in found.layers:
            yield pause
            show(f"{layer}: {steps[1]}\n")
            yield pause
            show(f"{layer}: {steps[2]}\n")
        for layer in found.layers:
            yield 2 * pause
            show(f"{layer}: {steps[3]}\n")
    else:
        yield min(1.0, engine.seconds["pull"])
    image = engine.images.add(found.configuration, found.size)
    name, digest = reference.familiar, f"{reference.repository}@{entry.digest}"
    newer = name not in image.tags and not reference.digest
    if newer:
        engine.images.tag(image, name)
    if digest not in image.digests:
        image.digests.append(digest)
        newer = newer or bool(reference.digest)
    show(f"Digest: {entry.digest}\n")
    show(f"Status: {'Downloaded newer image' if newer else 'Image is up to date'} for {name}\n")
    return image


def _bare(reference: Reference) -> str:
    return f"{reference.domain}/{reference.path}:"


def _choose(engine: Engine, entry: images.Entry) -> images.Manifest:
    """The manifest for this host; Failed with moby's sentence (S23). Of a list the host's own build comes first."""
    build = engine.machine.os["build"]

    def newer(one: images.Manifest) -> bool:
        return images.Image(one.configuration, 0).build > build

    if not entry.is_list:
        only = entry.manifests[0]
        if newer(only):
            version = ".".join(only.configuration["os.version"].split(".")[:3])
            raise Failed(f"a Windows version {version}-based image is incompatible with a 10.0.{build} host")
        return only
    fits = [
        one
        for one in entry.manifests
        if one.configuration["architecture"] == "amd64" and one.configuration["os"] == "windows" and not newer(one)
    ]
    if not fits:
        new = number(engine.version) >= (28,)
        platform = f"windows(10.0.{build})/amd64" if new else f"windows/amd64 10.0.{build}"
        raise Failed(f"no matching manifest for {platform} in the manifest list entries")
    return min(fits, key=lambda one: images.Image(one.configuration, 0).build != build)


def _parse(text: str) -> Reference:
    try:
        return images.parse(text)
    except BadReference as error:
        raise Failed(str(error)) from error


def load(client: Client, flags: dict[str, Any], _names: list[str]) -> Steps:
    name = flags.get("input", "")
    if name:
        try:
            content = client.context.machine.files.read(ntpath.normpath(ntpath.join(client.context.directory, name)))
        except FileError as error:
            raise Failed(f"open {name}: {client.context.machine.text(_text_of(error))}") from error
    else:
        content = yield from client.context.read_all()
    engine = yield from client.connect("Post images/load?quiet=1")
    yield engine.seconds["pull"] / 2
    try:
        saved = archives.load(content)
    except NotAnArchive as error:
        sentence = "does not contain a manifest.json" if str(error) == "manifest.json" else str(error)
        raise Failed(f"Error response from daemon: invalid archive: {sentence}") from error
    for one in saved:
        if one.configuration.get("os") != "windows":
            raise Failed(f"cannot load {one.configuration.get('os')} image on windows")
    for one in saved:
        image = engine.images.add(one.configuration, one.size)
        for tag in one.tags:
            engine.images.tag(image, images.parse(tag).familiar)
            client.out(f"Loaded image: {images.parse(tag).familiar}\n")
        if not one.tags:
            client.out(f"Loaded image ID: {image.id}\n")
    return 0


def _text_of(error: FileError) -> str:
    return "win32_3" if error.hresult & 0xFFFF == 3 else "win32_2"


def save(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect("Get images/get")
    saved: dict[str, SavedImage] = {}
    for name in names:
        image = _find(engine, name)
        tag = images.parse(name).familiar
        tags = (tag,) if tag in image.tags else ()
        known = saved.get(image.id)
        tags = (*known.tags, *tags) if known else tags
        saved[image.id] = SavedImage(image.id, image.configuration, tags, image.size)
    yield engine.seconds["pull"] / 2
    content = archives.save(list(saved.values()))
    if "output" in flags:
        path = ntpath.normpath(ntpath.join(client.context.directory, flags["output"]))
        try:
            client.context.machine.files.write(path, content)
        except FileError as error:
            raise Failed(f"failed to save image: open {path}: {error}") from error
    else:
        client.context.out(content)
    return 0


def _find(engine: Engine, name: str) -> Image:
    try:
        image = engine.images.find(name)
    except BadReference as error:
        raise Failed(f"Error response from daemon: {error}") from error
    if image is None:
        raise Failed(f"Error response from daemon: {_missing(name)}")
    return image


def _missing(name: str) -> str:
    return f"No such image: {images.parse(name).familiar}"


def list_images(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect("Get images/json")
    now = engine.machine.clock.now()
    rows = []
    for image in engine.images:
        for tag in image.tags or ["<none>:<none>"]:
            repository, _colon, label = tag.rpartition(":")
            rows.append(
                {
                    "Containers": "N/A",
                    "CreatedAt": str(image.configuration.get("created", "")),
                    "CreatedSince": human((now - _created(image)).total_seconds()) + " ago",
                    "Digest": next((one.partition("@")[2] for one in image.digests), "<none>"),
                    "ID": image.id if flags.get("no-trunc") else image.id[7:19],
                    "Repository": repository,
                    "SharedSize": "N/A",
                    "Size": size(image.size),
                    "Tag": label,
                    "UniqueSize": "N/A",
                    "VirtualSize": size(image.size),
                }
            )
    if names:
        repository, _colon, tag = names[0].partition(":")
        rows = [row for row in rows if row["Repository"] == repository and tag in ("", row["Tag"])]
    for condition in flags.get("filter") or ():
        key, _equals, value = condition.partition("=")
        if key != "reference" or "*" in value:
            raise NotImplementedError(f"the simulator's docker.exe knows no filter of images like {condition}")
        rows = [row for row in rows if value in (row["Repository"], f"{row['Repository']}:{row['Tag']}")]
    if flags.get("quiet"):
        client.out("".join(f"{identifier}\n" for identifier in dict.fromkeys(row["ID"] for row in rows)))
        return 0
    columns = [("REPOSITORY", "Repository"), ("TAG", "Tag"), ("IMAGE ID", "ID"), ("CREATED", "CreatedSince")]
    return listing(client, rows, flags.get("format", ""), [*columns, ("SIZE", "Size")])


def _created(image: Image) -> datetime:
    return datetime.fromisoformat(str(image.configuration.get("created") or archives.CREATED).replace("Z", "+00:00"))


def inspect_images(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect(f"Get images/{names[0]}/json")
    return inspect(client, names, flags.get("format", ""), lambda name: image_data(engine, client, name))


def image_data(engine: Engine, client: Client, name: str) -> dict[str, Any]:
    try:
        image = engine.images.find(name)
    except BadReference as error:
        raise DaemonError(str(error)) from error
    if image is None:
        own = number(client.version) < (29,)
        raise DaemonError(f"{'Error: ' if own else ''}{_missing(name)}", not_found=True, of_client=own)
    configuration, config = image.configuration, image.config
    return {
        "Id": image.id,
        "RepoTags": list(image.tags),
        "RepoDigests": list(image.digests),
        "Comment": "",
        "Created": configuration.get("created", ""),
        "Config": {
            **{key: value for key, value in config.items() if key != "Labels"},
            "Labels": Map(config.get("Labels") or {}),
        },
        "Architecture": configuration.get("architecture", ""),
        "Os": configuration.get("os", ""),
        "OsVersion": image.os_version,
        "Size": image.size,
        "GraphDriver": {
            "Name": "windowsfilter",
            "Data": Map({"dir": rf"{engine.configuration.root}\windowsfilter\{image.id[7:]}"}),
        },
        "RootFS": {"Type": "layers", "Layers": configuration.get("rootfs", {}).get("diff_ids", [])},
        "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
    }


def tag(client: Client, _flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect(f"Post images/{names[0]}/tag")
    engine.images.tag(_find(engine, names[0]), _parse(names[1]).familiar)
    return 0


def remove(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    """cli/command/image/remove.go, daemon/images/image_delete.go."""
    engine = yield from client.connect(f"Delete images/{names[0]}")
    errors, fatal = [], False
    for name in names:
        try:
            client.out("".join(f"{line}\n" for line in _remove(engine, name, force=bool(flags.get("force")))))
        except DaemonError as error:
            fatal = fatal or not error.not_found
            errors.append(response(error))
    if errors and (fatal or not flags.get("force")):
        raise Failed("\n".join(errors))
    client.err("".join(f"{error}\n" for error in errors))
    return 0


def _remove(engine: Engine, name: str, *, force: bool) -> list[str]:
    try:
        image = engine.images.find(name)
    except BadReference as error:
        raise DaemonError(str(error)) from error
    if image is None:
        raise DaemonError(_missing(name), not_found=True)
    users = [container for container in engine.containers if container.image is image]
    by_name = images.parse(name).familiar in (*image.tags, *image.digests)
    running = next((container for container in users if container.running), None)
    short = image.id[7:19]
    if by_name:
        tag = images.parse(name).familiar
        if users and not force and len(image.tags) <= 1:
            raise DaemonError(
                f'conflict: unable to remove repository reference "{name}" (must force) - container '
                f"{users[0].id[:12]} is using its referenced image {short}"
            )
        removed = [tag]
        if tag in image.tags:
            image.tags.remove(tag)
    else:
        if len(image.tags) > 1 and not force:
            raise DaemonError(
                f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
            )
        if running:
            raise DaemonError(
                f"conflict: unable to delete {short} (cannot be forced) - image is being used by running container "
                f"{running.id[:12]}"
            )
        if users and not force:
            raise DaemonError(
                f"conflict: unable to delete {short} (must be forced) - image is being used by stopped container "
                f"{users[0].id[:12]}"
            )
        removed, image.tags = list(image.tags), []
    if not image.tags:
        removed += image.digests
        image.digests = []
    lines = [f"Untagged: {one}" for one in removed]
    if not image.tags and not users:
        engine.images.remove(image)
        lines.append(f"Deleted: {image.id}")
        lines += [f"Deleted: {layer}" for layer in reversed(image.configuration.get("rootfs", {}).get("diff_ids", []))]
    return lines
