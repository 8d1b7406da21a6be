# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible imports this package in its parent process, when it looks up a task's action.

So the bridge and all that it needs is compiled once for all forks, rather than anew in each: collections have no
bytecode cache. Routing through ``plugin_routing.action.*.redirect`` would do the same, but then every module has the
name of the action plugin in ``module_defaults``, and the defaults of one reach all others.
"""

from __future__ import annotations

from . import host  # noqa: F401
