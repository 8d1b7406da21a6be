"""dism.exe: optional features of the running system (Microsoft Learn, "DISM operating system package servicing").

Layout and exit codes are those of recorded runs on builds 14393 to 26100; texts are English, as with /English.
"""

from __future__ import annotations

import re

from ..software import ABSENT, DISABLE_PENDING, DISABLED, ENABLE_PENDING, ENABLED, UPDATE_PENDING, Feature, Software
from .process import Context, Steps

RESTART_REQUIRED = 3010  # ERROR_SUCCESS_REBOOT_REQUIRED
ELEVATION_REQUIRED, BAD_OPTION, NOT_ENABLED = 740, 87, 50
UNKNOWN_FEATURE, NO_PAYLOAD, BLOCKED = 0x800F080C, 0x800F081F, 0xC004000D
RESTARTED = 1641  # ERROR_SUCCESS_REBOOT_INITIATED

STATES = {
    ENABLED: "Enabled",
    DISABLED: "Disabled",
    ABSENT: "Disabled with Payload Removed",
    ENABLE_PENDING: "Enable Pending",
    DISABLE_PENDING: "Disable Pending",
}
COMMANDS = ("get-features", "get-featureinfo", "enable-feature", "disable-feature")
OPTIONS = {*COMMANDS, "online", "english", "norestart", "quiet", "loglevel", "logpath", "format", "featurename"}
OPTIONS |= {"all", "source", "limitaccess", "remove"}
_PROGRESS = (3.8, 25.0, 50.0, 75.0, 100.0)
_UNKNOWN = """Feature name {name} is unknown.
A Windows feature name was not recognized.
Use the /Get-Features option to find the name of the feature in the image and try the command again."""
_PAYLOAD = """The source files could not be found.
Use the "Source" option to specify the location of the files that are required to restore the feature."""
_PARENTS = """The operation is complete but {name} feature was not enabled.
Ensure that the following parent feature(s) are enabled first.
{parents}"""


class Failed(Exception):
    """The run ends with an error: its code as dism writes it and as its exit code, and the sentences below it."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code, self.text = code, text


def main(context: Context) -> Steps:
    if context.user and not context.user.administrator:
        _write(context, "", "Error: 740", "", "Elevated permissions are required to run DISM. ")
        _write(context, "Use an elevated command prompt to complete these tasks.")
        return ELEVATION_REQUIRED
    os = context.machine.os
    _write(context, "", "Deployment Image Servicing and Management tool", f"Version: 10.0.{os['build']}.1", "")
    try:
        options = _parse(context.arguments)
        _write(context, f"Image Version: 10.0.{os['build']}.{os['revision']}", "")
        code = 0
        match options["command"][0]:
            case "get-features":
                _list(context, options)
            case "get-featureinfo":
                _show(context, options)
            case "enable-feature":
                code = yield from _change(context, options, _to_enable(context, options), enable=True)
            case "disable-feature":
                features = [
                    member
                    for feature in _named(context, options)
                    for member in context.machine.software.family(feature)
                ]
                code = yield from _change(context, options, features, enable=False)
    except Failed as failure:
        shown = f"0x{failure.code:08x}" if failure.code > 0xFFFF else failure.code
        _write(context, "", f"Error: {shown}", "", *failure.text.splitlines(), "")
        _write(context, r"The DISM log file can be found at C:\Windows\Logs\DISM\dism.log")
        return failure.code
    _write(context, "The operation completed successfully.")
    return code


def _parse(arguments: tuple[str, ...]) -> dict[str, list[str]]:
    """Values by option; `command` holds the name of the servicing command."""
    options: dict[str, list[str]] = {}
    for argument in arguments:
        match = re.fullmatch(r"/([\w-]+)(?:[:=](.*))?", argument)
        if not match or match[1].lower() not in OPTIONS:
            raise Failed(BAD_OPTION, f"The {argument.lstrip('/').partition(':')[0].lower()} option is unknown.")
        options.setdefault(match[1].lower(), []).append(match[2] or "")
    commands = [name for name in COMMANDS if name in options]
    if len(commands) != 1 or "online" not in options:
        raise Failed(BAD_OPTION, "The command-line is missing a required servicing command.")
    if commands[0] != "get-features" and not options.get("featurename"):
        raise Failed(BAD_OPTION, "A required option is missing: featurename")
    return {**options, "command": commands}


def _named(context: Context, options: dict[str, list[str]]) -> list[Feature]:
    """The named features."""
    software, features = context.machine.software, []
    for name in options["featurename"]:
        feature = software.find_feature(name)
        if feature is None:
            raise Failed(UNKNOWN_FEATURE, _UNKNOWN.format(name=name))
        features.append(feature)
    return features


def _list(context: Context, options: dict[str, list[str]]) -> None:
    table = options.get("format", [""])[-1].lower() == "table"
    names = sorted(context.machine.software.features.values(), key=lambda feature: feature.name.lower())
    width = max(len(feature.name) for feature in names)
    _write(context, f"Features listing for package : {_package(context)}", "")
    if table:
        _write(context, "-" * width + " | --------", f"{'Feature Name':{width}} | State", "-" * width + " | --------")
    for feature in names:
        if table:
            _write(context, f"{feature.name:{width}} | {STATES[feature.state]}")
        else:
            _write(context, f"Feature Name : {feature.name}", f"State : {STATES[feature.state]}", "")
    if table:
        _write(context, "")


def _show(context: Context, options: dict[str, list[str]]) -> None:
    (feature, *_rest) = _named(context, options)
    _write(
        context,
        "Feature Information:",
        "",
        f"Feature Name : {feature.name}",
        f"Display Name : {feature.display}",
        f"Description : {feature.description}",
        f"Restart Required : {'Possible' if feature.restart else 'No'}",
        f"State : {STATES[feature.state]}",
        "",
        "Custom Properties:",
        "",
        "(No custom properties found)",
        "",
    )


def _to_enable(context: Context, options: dict[str, list[str]]) -> list[Feature]:
    """The named features; with /All also those above them and all that come with these."""
    software, features = context.machine.software, _named(context, options)
    if UPDATE_PENDING in software.registry:
        raise Failed(BLOCKED)
    if "all" in options:
        tops = [(software.ancestors(feature) or [feature])[-1] for feature in features]
        features = [feature for top in tops for feature in software.family(top)]
    if any(feature.state == ABSENT for feature in features) and "source" not in options:
        raise Failed(NO_PAYLOAD, _PAYLOAD)
    return features


def _change(context: Context, options: dict[str, list[str]], features: list[Feature], *, enable: bool) -> Steps:
    """Servicing goes on in a process of its own: it isn't stopped when dism is killed."""
    software = context.machine.software
    seconds = float(software.servicing["seconds"])
    _write(context, "Enabling feature(s)" if enable else "Disabling feature(s)")
    allowed, orphan = _without_orphans(software, features) if enable else (features, None)
    restart = any(feature.restart and feature.active is not enable for feature in allowed)
    if seconds:
        software.work(seconds)
        context.machine.clock.after(seconds, lambda: software.change_features(allowed, enable=enable))
    else:
        software.change_features(allowed, enable=enable)
    before = 0.0
    for percent in _PROGRESS:
        yield seconds * (percent - before) / 100
        before = percent
        _write(context, _bar(percent))
    if orphan:
        parents = ", ".join(parent.name for parent in reversed(software.ancestors(orphan)))
        raise Failed(NOT_ENABLED, _PARENTS.format(name=orphan.name, parents=parents))
    if restart and "norestart" not in options and "quiet" in options:
        context.machine.restart.schedule(0, restart=True)
        return RESTARTED
    return RESTART_REQUIRED if restart else 0


def _without_orphans(software: Software, features: list[Feature]) -> tuple[list[Feature], Feature | None]:
    """The features whose ancestors are or will be enabled, and the first feature of the others."""
    allowed = [
        feature
        for feature in features
        if all(parent.wanted or parent in features for parent in software.ancestors(feature))
    ]
    return allowed, next((feature for feature in features if feature not in allowed), None)


def _bar(percent: float) -> str:
    """[==========================100.0%==========================]: 60 characters."""
    middle = f"{percent:.1f}%"
    filled = ("=" * round(58 * percent / 100)).ljust(58)
    at = (58 - len(middle)) // 2
    return f"[{filled[:at]}{middle}{filled[at + len(middle) :]}]"


def _package(context: Context) -> str:
    return f"Microsoft-Windows-Foundation-Package~31bf3856ad364e35~amd64~~10.0.{context.machine.os['build']}.1"


def _write(context: Context, *lines: str) -> None:
    if "/quiet" not in (argument.lower() for argument in context.arguments):
        context.out("".join(f"{line}\r\n" for line in lines))
