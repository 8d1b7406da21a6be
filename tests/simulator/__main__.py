"""python -m tests.simulator --model FILE: run until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from . import Address, Simulation, start
from .model import ModelError


def inventory(sim: Simulation, scheme: str, validation: str) -> dict[str, Any]:
    """Groups: hyperv (the model's hosts), hyperv_https (the same as NAME-https), guests."""
    groups: dict[str, dict[str, Any]] = {name: {"hosts": {}} for name in ("hyperv", "hyperv_https", "guests")}
    for name, address in sim.endpoints.items():
        alias = name.replace("/", ".")
        machine = sim.machines[name]
        groups["guests" if machine.inside else "hyperv"]["hosts"][alias] = _host(address, scheme, validation)
        if not machine.inside:
            groups["hyperv_https"]["hosts"][f"{alias}-https"] = _host(address, "https", validation)
    return {"all": {"children": groups}}


def _host(address: Address, scheme: str, validation: str) -> dict[str, Any]:
    url = urlsplit(address.https if scheme == "https" else address.http)
    host: dict[str, Any] = {
        "ansible_host": url.hostname,
        "ansible_port": url.port,
        "ansible_connection": "winrm",
        "ansible_winrm_transport": "ntlm",
        "ansible_winrm_scheme": scheme,
        "ansible_user": address.user,
        "ansible_password": address.password,
    }
    if scheme == "https":
        trust = {"ansible_winrm_ca_trust_path": address.certificate}
        host |= trust if validation == "trust" else {"ansible_winrm_server_cert_validation": "ignore"}
    return host


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--model", default="small", help="model file, or the name of one in model/ (default: small)")
    parser.add_argument("--inventory", type=Path, help="write an Ansible inventory here")
    parser.add_argument("--scheme", choices=("http", "https"), default="http", help="of the inventory's hosts")
    parser.add_argument("--validation", choices=("trust", "ignore"), default="trust", help="of certificates, for https")
    parser.add_argument("--log", type=Path, help="write a JSON line for each request here")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--strict", action="store_true", help="fail with 501 for classes that real hosts have and the simulator lacks"
    )
    parser.add_argument("--port", type=int, default=0, help="first port; each machine takes two (default: free ones)")
    arguments = parser.parse_args()
    # Blocked before any thread starts, so that a signal waits for sigwait() however early it comes: a handler that
    # wakes the main thread misses one that arrives just before it sleeps.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        simulation = start(
            arguments.model, host=arguments.host, port=arguments.port, log=arguments.log, strict=arguments.strict
        )
    except (ModelError, ValueError, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    with simulation as sim:
        if arguments.inventory:
            document = inventory(sim, arguments.scheme, arguments.validation)
            partial = arguments.inventory.with_suffix(".partial")
            try:
                partial.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
                partial.replace(arguments.inventory)
            except OSError as error:
                print(f"simulator: --inventory {arguments.inventory}: {error.strerror}", file=sys.stderr)
                return 1
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"pid": os.getpid(), "machines": sim.as_dict()}), flush=True)
        signal.sigwait(signals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
