"""docker.exe: the client of the engine, one file per family of its commands (docker/cli, tags up to 29.7).

Its texts are UTF-8 with LF, errors are on standard error.
"""

from __future__ import annotations

from typing import NamedTuple

from ..process import Context, Steps, run
from . import client, container, image, system
from .client import Client, Command, Failed
from .flags import Syntax, Usage, parse


class Row(NamedTuple):
    syntax: Syntax
    run: Command


COMMANDS: dict[str, Row] = {
    "version": Row(system.VERSION, system.version),
    "info": Row(system.INFO, system.info),
    "login": Row(system.LOGIN, system.login),
    "network ls": Row(system.NETWORKS, system.networks),
    "network inspect": Row(system.NETWORK, system.network),
    "pull": Row(image.PULL, image.pull),
    "load": Row(image.LOAD, image.load),
    "save": Row(image.SAVE, image.save),
    "images": Row(image.IMAGES, image.list_images),
    "tag": Row(image.TAG, image.tag),
    "rmi": Row(image.REMOVE, image.remove),
    "image inspect": Row(image.INSPECT, image.inspect_images),
    "run": Row(container.RUN, container.run),
    "create": Row(container.CREATE, container.create),
    "start": Row(container.START, container.start),
    "stop": Row(container.STOP, container.stop),
    "rename": Row(container.RENAME, container.rename),
    "rm": Row(container.REMOVE, container.remove),
    "ps": Row(container.LIST_SYNTAX, container.list_containers),
    "inspect": Row(container.INSPECT, container.inspect_anything),
    "container inspect": Row(container.INSPECT, container.inspect_containers),
    "exec": Row(container.EXEC, container.execute),
    "logs": Row(container.LOGS, container.logs),
}
# Other names of the same commands.
ALIASES = {
    "system info": "info",
    "network list": "network ls",
    "image pull": "pull",
    "image load": "load",
    "image save": "save",
    "image ls": "images",
    "image list": "images",
    "image tag": "tag",
    "image rm": "rmi",
    "image remove": "rmi",
    "container run": "run",
    "container create": "create",
    "container start": "start",
    "container stop": "stop",
    "container rename": "rename",
    "container rm": "rm",
    "container remove": "rm",
    "container ls": "ps",
    "container list": "ps",
    "container ps": "ps",
    "container exec": "exec",
    "container logs": "logs",
}
GLOBAL = Syntax(
    "docker [OPTIONS] COMMAND",
    {
        "config": ("", "string"),
        "context": ("c", "string"),
        "debug": ("D", "bool"),
        "host": ("H", "string"),
        "log-level": ("l", "string"),
        "version": ("v", "bool"),
    },
    mixed=False,
)
# Commands of docker.exe that the simulator lacks: whoever calls one should know.
OTHERS = ("build", "builder", "buildx", "commit", "compose", "context", "cp", "diff", "events", "export", "history")
OTHERS += ("import", "kill", "logout", "manifest", "node", "pause", "plugin", "port", "push", "restart")
OTHERS += ("search", "secret", "service", "stack", "stats", "swarm", "system", "top", "trust", "unpause", "update")
OTHERS += ("volume", "wait", "container", "image", "network", "attach", "config", "checkpoint")


def main(context: Context) -> Steps:
    docker = Client(context, client.program_file(context)[1])
    try:
        flags, words = parse(GLOBAL, context.arguments)
        if flags.get("version"):
            docker.out(f"Docker version {docker.version}, build {system.commit(docker.version)}\n")
            return 0
        if flags.get("host", client.HOST) not in (client.HOST, "npipe://"):
            raise NotImplementedError(f"the simulator's docker.exe knows no --host {flags['host']}")
        row, rest = _command(words)
        given, arguments = parse(row.syntax, rest)
        return (yield from run(lambda _context: row.run(docker, given, arguments), context))
    except (Failed, Usage) as error:
        docker.err(f"{error}\n")
        return error.code


def _command(words: list[str]) -> tuple[Row, list[str]]:
    for count in (2, 1):
        name = " ".join(words[:count])
        name = ALIASES.get(name, name)
        if len(words) >= count and name in COMMANDS:
            return COMMANDS[name], words[count:]
    if not words or words[0] in OTHERS:
        raise NotImplementedError(f"the simulator's docker.exe knows no command {' '.join(words[:2])}")
    raise Failed(f"docker: unknown command: docker {words[0]}\n\nRun 'docker --help' for more information")
