# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx of the site that `make docs` builds from docs/, the roles and the documentation of the modules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]

project = "nested.hyperv"
author = "The nested.hyperv contributors"
copyright = f"2026 {author}"
release = version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
html_title = html_short_title = "nested.hyperv"

extensions = ["sphinx_antsibull_ext", "myst_parser"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_heading_anchors = 4
nitpicky = True  # every reference leads to a page
# Variables of Ansible itself in the documentation of the inventory plugin are on no page of this site.
nitpick_ignore_regex = [("envvar", "ANSIBLE_CACHE_.*")]

html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_use_modindex = False
highlight_language = "YAML+Jinja"
pygments_style = "ansible"
smartquotes = False

# Labels of Ansible's site that pages of modules refer to. Its inventory of labels is not downloaded.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
PLUGIN = re.compile(r"ansible_collections\.(ansible)\.(builtin|windows)\.(\w+_(?:module|connection))")


def _external(_app: Any, _env: Any, node: Any, content: nodes.Element) -> nodes.reference | None:
    """The link to a label or an environment variable of Ansible's site."""
    target = node["reftarget"]
    page = LABELS.get(target)
    if plugin := PLUGIN.fullmatch(target):
        page = f"collections/{'/'.join(plugin.groups())}.html"
    elif node["reftype"] == "envvar" and target.startswith("ANSIBLE_"):
        page = f"reference_appendices/config.html#envvar-{target}"
    return nodes.reference("", "", content, internal=False, refuri=ANSIBLE + page) if page else None


def _link_pages(_app: Any, docname: str, source: list[str]) -> None:
    """Link the Markdown pages that a guide names by their path in the repository."""
    if docname.startswith("collection/docsite/"):
        source[0] = re.sub(r"``((?:docs|tests/simulator)/\w+)\.md``", r":doc:`\1.md </\1>`", source[0])


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _link_pages)
    app.connect("missing-reference", _external)
