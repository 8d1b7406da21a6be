# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible imports this package in its parent process, when it looks up a task's action.

So modules are compiled once rather than in each fork: collections have no bytecode cache. Routing through
``plugin_routing.action.*.redirect`` would do the same, but then every module has the name of the action plugin in
``module_defaults``, and the defaults of one reach all others.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

from ansible import context

from .. import module_utils, modules
from ..module_utils._wsman.warm_up import warm_up
from . import host  # pylint: disable=unused-import  # noqa: F401

for package in (module_utils, modules):
    for found in walk_packages(package.__path__, f"{package.__name__}."):
        # The shadow is for check mode only, the experiments for their own task.
        if "._verify" not in found.name and (".shadow" not in found.name or context.CLIARGS.get("check")):
            import_module(found.name)
warm_up()
