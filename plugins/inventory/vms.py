# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vms
short_description: Virtual machines of Hyper-V hosts
version_added: 1.0.0
author: nested.hyperv contributors (@nested-hyperv)
description:
  - Returns the VMs of Hyper-V hosts as hosts of the inventory, also VMs in VMs to any depth.
  - The configuration is a YAML file whose name ends with C(.hyperv.yml) or C(.hyperv.yaml), such as C(lab.hyperv.yml).
  - The hosts are read at the same time, with WS-Management requests and without PowerShell. A host takes up to 9
    requests, and up to two more each for generation 1 VMs, for VMs that are connected to several switches, for the
    names of these switches, and for O(reach) with V(nat). Hosts with hundreds of VMs answer in more pages.
    O(guest_details) takes about one request for every six running VMs.
  - The user requires the same rights on the hosts as for M(nested.hyperv.vm_info).
  - The name of a VM in the inventory is its name in Hyper-V. If several VMs share a name, compared without case, if a
    listed host or a group has the name, or if it is V(localhost), V(127.0.0.1) or V(::1), C(_) and the name that its
    host has in the inventory are appended to the name of each of these VMs. VMs whose names are still not unique get
    C(_) and their ID instead, then both, then a number as well. A warning lists them. Groups are those of inventory
    sources before this one, those of O(group_by) and O(groups), and the parent groups of O(keyed_groups).
  - Ansible splits patterns, such as C(hosts) of a play and C(--limit), at spaces, commas and colons, and a C(!), C(&),
    C(~) or C(@) at their beginning has a meaning. Target a VM with such a name by a group, such as one of O(groups)
    with the expression V(hyperv_name == 'web 01'), or by a pattern with C(?) in place of each of these characters, such
    as C(web?01).
  - If an inventory source before this one contains a host with the name of a VM, and O(hosts) does not list it, Ansible
    merges the two. The variables of that host, such as its password, apply to the VM as well, and the VM replaces
    C(ansible_host). A warning lists these VMs.
  - A VM without an address has no C(ansible_host), and Ansible would resolve its name. Such VMs are in the group
    C(hyperv_address_none).
  - Variables of VMs are never evaluated as templates, and contain no passwords. The cache does not contain passwords
    either.
options:
  plugin:
    description: Name of the plugin, always V(nested.hyperv.vms).
    type: str
    required: true
    choices: [nested.hyperv.vms]
  hosts:
    description:
      - Hyper-V hosts by name, each with variables to connect to it, or without a value if it has none of its own.
      - Variables are those of the connection plugins, such as C(ansible_host), C(ansible_port), C(ansible_user),
        C(ansible_password), C(ansible_connection) (C(winrm) or C(psrp)), C(ansible_winrm_transport) and
        C(ansible_winrm_server_cert_validation). Values can be templates and vaulted.
      - A host that an inventory source before this one contains has its variables from there, too, including those of
        its groups. Variables of this option and of O(vars) take precedence.
      - Extra variables (C(-e)) do not apply to the hosts, but templates in this option and in O(vars) can contain them.
      - At least one host is required, and no two hosts can have the same address and port.
    type: dict
    default: {}
  vars:
    description: Variables to connect to all listed hosts, named as in O(hosts). Not used for VMs.
    type: dict
    default: {}
  recurse:
    description:
      - Whether VMs that are Hyper-V hosts are asked for their VMs, to any depth. A VM is asked if virtualization
        extensions are exposed to it, if it is running, if its address is known, and if its guest operating system is
        not known to be other than Windows.
      - A VM with Windows but without Hyper-V is no error. A VM that cannot be asked is subject to O(on_unreachable).
      - A VM is not asked if another host has its address and port. A host that O(hosts) lists by its DNS name is not
        recognized by its address, so it is asked twice. A warning names listed hosts and VMs that report VMs with the
        same IDs.
    type: bool
    default: false
  nested_hosts:
    description:
      - VMs that are asked if O(recurse) is set, and variables to connect to them. The first entry that matches a VM is
        used. A warning lists VMs that no entry matches.
      - Required with O(recurse), because no password is sent to a guest unless an entry contains it.
    type: list
    elements: dict
    default: []
    suboptions:
      names:
        description:
          - Patterns of names of VMs, in which C(*) and C(?) are wildcards, compared without case. All other
            characters, such as C([), stand for themselves. An entry without O(nested_hosts[].names) and
            O(nested_hosts[].groups) matches every VM.
        type: list
        elements: str
      groups:
        description: Groups of O(group_by) whose VMs the entry matches, such as C(hyperv_host_hv01).
        type: list
        elements: str
      vars:
        description:
          - Variables to connect to these VMs, named as in O(hosts). C(ansible_host) and, behind a NAT, C(ansible_port)
            default to the address of the VM by O(reach).
        type: dict
  reach:
    description:
      - Ways to reach a VM, best first. V(direct) is an address that its guest reports. V(nat) is a static mapping of
        the NAT of its host, through the NATs of several levels if required.
      - The first way that a VM has sets C(ansible_host), and V(nat) sets C(ansible_port).
    type: list
    elements: str
    choices: [direct, nat]
    default: [direct]
  address_families:
    description: Address families of addresses that can be C(ansible_host), best first.
    type: list
    elements: str
    choices: [ipv4, ipv6]
    default: [ipv4, ipv6]
  networks:
    description:
      - Networks of addresses that can be C(ansible_host), best first, such as V(192.0.2.0/24). They take precedence
        over O(address_families). If the list is empty, all addresses are used except link-local and loopback addresses.
      - Link-local and loopback addresses are only used if the list contains a network of such addresses, such as
        V(169.254.0.0/16) or V(fe80::/10). They are not in V(0.0.0.0/0), and never in C(hyperv_addresses).
    type: list
    elements: str
    default: []
  nat_ports:
    description: TCP ports of guests that a static mapping can lead to, best first. Defaults to WinRM and SSH.
    type: list
    elements: int
    default: [5986, 5985, 22]
  guest_details:
    description:
      - Whether C(os_version) and C(computer_name) of the guests are read, which Data Exchange reports.
    type: bool
    default: false
  hostvars_prefix:
    description:
      - Prefix of the variables of VMs. Prefixes with which the name of a variable begins with C(ansible_), or is
        reserved by Ansible, are refused, such as the empty one.
    type: str
    default: hyperv_
  group_by:
    description:
      - Groups that are created, besides the group C(hyperv_vms) of all VMs. Names consist of O(group_prefix), the word
        of the choice, C(_) and the value in lower case, such as C(hyperv_state_running). Characters that Ansible
        does not allow in names of groups are replaced by C(_).
      - V(nesting) has the values C(enabled) and C(disabled). V(switch) has the names of virtual switches, V(guest_os)
        that of the guest operating system if it is known. V(address) has only the value C(none).
    type: list
    elements: str
    choices: [host, state, level, generation, nesting, switch, guest_os, address]
    default: [host, state, level, generation, nesting, switch, guest_os, address]
  group_prefix:
    description: Prefix of the groups in O(group_by).
    type: str
    default: hyperv_
  filters:
    description:
      - Jinja2 expressions with the variables of a VM. The inventory contains the VMs for which all are true, such as
        V(hyperv_state == 'running'). VMs that are left out are asked nevertheless if O(recurse) is set.
    type: list
    elements: str
    default: []
  on_unreachable:
    description:
      - Result if a host cannot be read, because it does not answer, rejects the credentials, or has no Hyper-V.
      - V(fail) is an error that lists all such hosts, and the inventory is empty.
      - V(warn) is a warning for each. If O(cache) is set, the VMs that were last read from the host are used, also
        after O(cache_timeout), and the warning contains their age. They lack details that were not required when they
        were read, those of O(guest_details) and of O(reach) with V(nat). Without them, the VMs of the host are missing.
    type: str
    choices: [fail, warn]
    default: fail
  forks:
    description:
      - Number of hosts that are read at the same time. Until a host has accepted a user and password, at most three
        hosts are asked with them. After three rejections, no other host is asked with them, so that the account is not
        locked.
    type: int
    default: 20
  host_timeout:
    description: Number of seconds that reading a host can take.
    type: int
    default: 120
notes:
  - With O(cache), each host is cached separately. After O(cache_timeout), only hosts that are older are read again.
  - Variables of VMs in the format of M(nested.hyperv.vm_info) are C(hyperv_id), C(hyperv_name), C(hyperv_state),
    C(hyperv_uptime), C(hyperv_generation), C(hyperv_version), C(hyperv_notes), C(hyperv_memory), C(hyperv_guest) and
    C(hyperv_network_adapters), of which only C(id), C(name), C(mac_address), C(switch) and C(ip_addresses) are read.
  - Further variables are C(hyperv_processors) (their number), C(hyperv_nesting) (whether virtualization extensions are
    exposed), C(hyperv_host) and C(hyperv_hosts) (the host of the VM, and all hosts that it runs on, the physical one
    first), C(hyperv_level) (1 for VMs of a physical host), C(hyperv_switches), C(hyperv_addresses), C(hyperv_guest_os),
    C(hyperv_reached_by) (V(direct), V(nat) or null), and C(hyperv_port_in_guest) (the port behind a NAT).
seealso:
  - module: nested.hyperv.vm_info
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
"""

EXAMPLES = r"""
# lab.hyperv.yml: ansible-inventory -i lab.hyperv.yml --graph
plugin: nested.hyperv.vms
hosts:
  hv01: {ansible_host: 192.0.2.11}
  hv02: {ansible_host: 192.0.2.12}
vars:
  ansible_user: inventory@EXAMPLE.COM
  ansible_password: "{{ lookup('ansible.builtin.env', 'HYPERV_PASSWORD') }}"
  ansible_winrm_transport: ntlm
  ansible_port: 5985

---
# Hosts of another inventory with their variables: ansible-inventory -i hosts.yml -i running.hyperv.yml --graph
plugin: nested.hyperv.vms
hosts:
  hv01:
  hv02:
filters:
  - hyperv_state == 'running'
  - hyperv_name is not match('template-')
networks: [192.0.2.0/24]
compose:
  ansible_connection: "'winrm' if 'Windows' in (hyperv_guest_os or '') else 'ssh'"
groups:
  webservers: hyperv_name is match('web')
keyed_groups:
  - prefix: course
    key: hyperv_notes

---
# VMs in VMs, through the NATs of their hosts, with a cache that outlasts hosts that are down
plugin: nested.hyperv.vms
hosts:
  hv01:
recurse: true
reach: [nat, direct]
nested_hosts:
  - names: [lab*]
    vars:
      ansible_user: administrator
      ansible_password: "{{ lookup('ansible.builtin.env', 'LAB_PASSWORD') }}"
      ansible_port: 5985
      ansible_winrm_transport: ntlm
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/hyperv
cache_timeout: 600
on_unreachable: warn
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import Any

import ansible.template
from ansible import constants as C
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable, to_safe_group_name
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import combine_vars

from ..plugin_utils._inventory import hosts as entries
from ..plugin_utils._inventory import options
from ..plugin_utils._inventory.connections import known_variables, options_of, variables_of
from ..plugin_utils._inventory.places import Guest, Host, Place, places
from ..plugin_utils._inventory.reading import Failure, Needs, Part, read_all
from ..plugin_utils._inventory.walk import walk, with_same_vms

FILES = (".hyperv.yml", ".hyperv.yaml")
DEFAULT_PORT = 5986


def _unsafe(value: Any) -> Any:
    """The value, marked as no template if Ansible takes all text for templates, which it does before 2.19."""
    return value if hasattr(ansible.template, "trust_as_template") else wrap_var(value)


@cache
def _safe(name: str) -> str:
    """The name of a group without characters that Ansible does not allow."""
    return to_safe_group_name(name)


class _HostFirst:
    """The inventory, in which the name of a host never refers to a group.

    Ansible looks for groups first, so that a VM that is named like a group of ``keyed_groups``, whose names are not
    known before, would add this group with all its hosts to other groups.
    """

    def __init__(self, inventory: Any, host: str) -> None:
        self._inventory, self._host = inventory, host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inventory, name)

    def add_child(self, group: str, child: str) -> Any:
        if child != self._host:
            return self._inventory.add_child(group, child)
        return self._inventory.add_host(child, group)

    def set_variable(self, entity: str, name: str, value: Any) -> None:
        if entity != self._host:
            self._inventory.set_variable(entity, name, value)
        else:
            self._inventory.get_host(entity).set_variable(name, value)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads the hosts of a configuration, and adds their VMs to the inventory."""

    NAME = "nested.hyperv.vms"

    def verify_file(self, path: str) -> bool:
        """Whether the file is a configuration of this plugin. Raises AnsibleParserError if only its name is wrong."""
        if not super().verify_file(path):
            return False
        if path.endswith(FILES):
            return True
        if path.endswith((".yml", ".yaml")) and options.is_for(self.NAME, path):
            raise AnsibleParserError(f"{path} is for {self.NAME}; rename it, so that its name ends with {FILES[0]}")
        return False

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Read the hosts, or the cache, and fill the inventory."""
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        options.check_names("", config, {*self.option_definitions, "plugin"})
        self._preferences = options.parse_preferences(
            self.get_option("reach"),
            self.get_option("address_families"),
            self.get_option("networks"),
            self.get_option("nat_ports"),
        )
        options.check_prefix("hostvars_prefix", self.get_option("hostvars_prefix"), entries.VARIABLES)
        options.check_expressions("filters", self.get_option("filters"))
        self._nested_hosts = options.parse_nested_hosts(self.get_option("nested_hosts"), known_variables())
        if self.get_option("recurse") and not self._nested_hosts:
            raise AnsibleParserError("recurse requires nested_hosts, whose entries have the credentials of the VMs")
        self._listed = listed = self._listed_hosts()
        stored = self._stored(path) if self.get_option("cache") else {}
        guests = self._walk(listed, stored, use_cache=cache and self.get_option("cache"), path=path)
        self._fill(guests, [host.name for host in listed])

    # ---- the hosts ----

    def _listed_hosts(self) -> list[Host]:
        """The hosts of the option. Raises AnsibleParserError."""
        common = options.section_of("vars", self.get_option("vars"))
        options.check_names("vars", common, known_variables())
        listed = []
        for name, value in options.section_of("hosts", self.get_option("hosts")).items():
            if not str(name).strip():
                raise AnsibleParserError("hosts: a host has no name; give it the name that it has in the inventory")
            own = options.section_of(f"hosts.{name}", value)
            options.check_names(f"hosts.{name}", own, known_variables())
            known = combine_vars(variables_of(self.inventory, self.loader, str(name)), {**common, **own})
            listed.append(Host(str(name), str(name), options_of(str(name), known, self._template)))
        if not listed:
            raise AnsibleParserError("hosts is empty; list at least one Hyper-V host")
        by_endpoint: dict[str, Host] = {}
        for host in listed:
            other = by_endpoint.setdefault(host.options.endpoint.lower(), host)
            if other is not host:
                raise AnsibleParserError(
                    f"hosts: '{other.name}' and '{host.name}' are both at {host.options.name}; list a host once"
                )
        return listed

    def _template(self, value: Any, variables: Mapping[str, Any]) -> Any:
        self.templar.available_variables = combine_vars(dict(variables), self._vars)
        return self.templar.template(value)

    def _host_of(self, guest: Guest) -> Host | None:
        """The host that a VM is, with the variables of its entry in nested_hosts; None if it is not asked."""
        entry = next((entry for entry in self._nested_hosts if entry.match(guest.name, self._groups_of(guest))), None)
        if entry is None:
            self._not_asked.setdefault("no entry of nested_hosts matches", []).append(str(guest))
            return None
        variables = dict(entry.variables)
        way = "direct"
        if "ansible_host" not in variables:
            port = options.parse_port(
                self._template(variables.get("ansible_port", DEFAULT_PORT), variables), guest.name
            )
            place = next(places(guest, self._preferences, [port]), None)
            if place is None:
                self._not_asked.setdefault("none of the ways in 'reach' leads to them", []).append(str(guest))
                return None
            variables, way = {**variables, **entries.connection_variables(place)}, place.way
        return Host(guest.key, guest.name, options_of(guest.name, variables, self._template), guest, way)

    def _groups_of(self, guest: Guest) -> list[str]:
        """Groups of a VM before the names of all VMs are known; a VM has no group of a listed host with its name."""
        host = guest.host
        listed = {known.name.lower() for known in self._listed}
        own = host in self._listed or host.name.lower() not in listed
        name = host.name if own or host.vm is None else f"{host.name}_{host.vm.host.name}"
        known = entries.variables(guest, [name], self._place(guest))
        return self._named_groups(known, self.get_option("group_by"))

    def _named_groups(self, known: Mapping[str, Any], kinds: Iterable[str]) -> list[str]:
        return [_safe(name) for name in entries.groups(known, kinds, self.get_option("group_prefix"))]

    def _place(self, guest: Guest) -> Place | None:
        return next(places(guest, self._preferences, self._preferences.nat_ports), None)

    # ---- reading ----

    def _walk(self, listed: list[Host], stored: Mapping[str, Part], use_cache: bool, path: str) -> list[Guest]:
        """All VMs, from hosts or from parts of the cache. Raises AnsibleParserError if hosts cannot be read."""
        needs = Needs(self.get_option("guest_details"), "nat" in self._preferences.ways)
        forks = options.check_least("forks", self.get_option("forks"), 1)
        timeout = options.check_least("host_timeout", self.get_option("host_timeout"), 1)
        now, lifetime = time.time(), self.get_option("cache_timeout")
        read: dict[str, Part] = {}
        visited: set[str] = set()
        failed: list[str] = []
        self._not_asked: dict[str, list[str]] = {}

        def obtain(hosts: list[Host]) -> dict[str, Part]:
            visited.update(host.key for host in hosts)
            old = {host.key: part for host in hosts if (part := stored.get(host.key)) and part.is_about(host)}
            usable = {key: part for key, part in old.items() if use_cache and part.serves(needs)}
            fresh = {key for key, part in usable.items() if part.is_fresh(now, lifetime)}
            missing = [host for host in hosts if host.key not in fresh]
            results = read_all(missing, needs, forks, timeout, now, self.display.warning)
            parts = {key: old[key] for key in fresh}
            for host in missing:
                result = results[host.key]
                if isinstance(result, Part):
                    parts[host.key] = read[host.key] = result
                elif not (host.vm and result.foreign):
                    failed.append(f"{host.name}: {result.text}")
                    if kept := self._kept(host, result, old.get(host.key), needs, now):
                        parts[host.key] = kept
                else:
                    self.display.v(f"{host.name} has no Hyper-V: {result.text}")
            return parts

        asks = self._host_of if self.get_option("recurse") else lambda _guest: None
        guests, same = walk(listed, obtain, asks, self._preferences)
        if read and self.get_option("cache"):
            parts = {key: part for key, part in stored.items() if failed or key in visited} | read
            self._cache[self.get_cache_key(path)] = {key: part.as_dict() for key, part in parts.items()}
        if failed and self.get_option("on_unreachable") == "fail":
            if read and self.get_option("cache"):
                self.update_cache_if_changed()
            number = f"{len(failed)} Hyper-V hosts" if len(failed) > 1 else "a Hyper-V host"
            raise AnsibleParserError(f"{number} cannot be read (see on_unreachable): {'; '.join(failed)}")
        self._warn_of_vms_not_asked(same)
        for nested, other in with_same_vms(guests):
            self.display.warning(
                f"{nested.name}, which is the VM {nested.vm}, and the listed host {other.name} report VMs with the "
                "same IDs. If they are the same host, it is read twice; to avoid that, list it with the address and "
                f"port of {nested.options.name}"
            )
        return guests

    def _warn_of_vms_not_asked(self, same: list[tuple[Guest, Host]]) -> None:
        for reason, names in self._not_asked.items():
            self.display.warning(f"VMs that may be Hyper-V hosts are not asked, since {reason}: {', '.join(names)}")
        for guest, host in same:
            if guest.name.lower() != host.name.lower():
                self.display.warning(f"The VM {guest} has the address of {host.name}, so it is not asked again")

    def _kept(self, host: Host, failure: Failure, part: Part | None, needs: Needs, now: float) -> Part | None:
        """The part of the cache that is used for a host that cannot be read."""
        if self.get_option("on_unreachable") == "fail":
            return None
        if part is None:
            self.display.warning(f"The VMs of {host.name} are missing: {failure.text}")
        else:
            age = f"{len(part.vms)} VMs as of {max(0, now - part.read):.0f} s ago are used"
            if not part.serves(needs):
                age += " without the details that 'guest_details' or 'reach' requires"
            self.display.warning(f"{host.name} cannot be read, {age}: {failure.text}")
        return part

    def _stored(self, path: str) -> dict[str, Part]:
        """The parts in the cache, by key. They stay there when they are old, in case a host does not answer."""
        lifetime = self.get_option("cache_timeout")
        self.set_option("cache_timeout", 0)
        self.load_cache_plugin()
        self.set_option("cache_timeout", lifetime)
        try:
            stored = self._cache[self.get_cache_key(path)]
        except KeyError:
            return {}
        except AnsibleError as error:
            self.display.warning(f"The cache cannot be read, so it is not used: {error.message}")
            return {}
        rows = stored.items() if isinstance(stored, Mapping) else ()
        return {key: part for key, value in rows if (part := Part.of(value))}

    # ---- the inventory ----

    def _fill(self, guests: list[Guest], taken: list[str]) -> None:
        placed = {guest: self._place(guest) for guest in guests}
        names, warning = entries.unique_names(guests, taken, self._reserved(placed))
        if warning:
            self.display.warning(warning)
        earlier = {str(name): host.vars.get("inventory_file") for name, host in self.inventory.hosts.items()}
        merged = []
        for guest, name in names.items():
            above = [entries.name_of_host(host, names) for host in [*reversed(guest.host.above), guest.host]]
            place = placed[guest]
            added = self._add(name, entries.variables(guest, above, place), entries.connection_variables(place))
            if added and name in earlier:
                merged.append(f"the VM {guest} and the host '{name}' of {earlier[name] or 'an earlier source'}")
        if merged:
            self.display.warning(
                "VMs have the names of hosts of other inventory sources. Ansible merges them, so the variables and "
                f"passwords of these hosts apply to the VMs, too: {'; '.join(merged)}"
            )

    def _reserved(self, placed: Mapping[Guest, Place | None]) -> Callable[[Collection[str]], set[str]]:
        """Names that no VM can have, for the names of all hosts: groups, and the names of the control node."""
        kinds = self.get_option("group_by")
        others = [kind for kind in kinds if kind != "host"]
        fixed = {*self.inventory.groups, *C.LOCALHOST, *self._constructed_groups()}
        for guest, place in placed.items():
            fixed.update(self._named_groups(entries.variables(guest, [guest.host.name], place), others))

        def reserved(hosts: Collection[str]) -> set[str]:
            if "host" not in kinds:
                return fixed
            return fixed.union(*(self._named_groups({"host": host}, ["host"]) for host in hosts))

        return reserved

    def _constructed_groups(self) -> set[str]:
        """Names of the groups of ``groups`` and ``keyed_groups`` that do not depend on variables of VMs."""
        keyed = self.get_option("keyed_groups") or []
        parents = [entry.get("parent_group") for entry in keyed if isinstance(entry, Mapping)]
        return {self._sanitize_group_name(str(name)) for name in [*(self.get_option("groups") or {}), *parents] if name}

    def _add(self, name: str, known: Mapping[str, Any], connection: Mapping[str, Any]) -> bool:
        """Add a VM with its groups, unless a filter leaves it out. Returns whether it was added."""
        prefix = self.get_option("hostvars_prefix")
        variables = _unsafe({**{f"{prefix}{key}": value for key, value in known.items()}, **connection})
        if not all(self._holds(expression, variables, name) for expression in self.get_option("filters")):
            return False
        name = _unsafe(name)
        self.inventory.add_host(name)
        # By set_variable(), the inventory would examine each part of each value, which takes seconds for 2,000 VMs.
        self.inventory.get_host(name).vars.update(variables)
        for group in self._named_groups(known, self.get_option("group_by")):
            if group not in self.inventory.groups:
                self.inventory.add_group(group)
            self.inventory.add_host(name, group)
        self._construct(name, variables)
        return True

    def _construct(self, name: str, variables: dict[str, Any]) -> None:
        """Apply the options of constructed inventories to a VM."""
        strict, inventory = self.get_option("strict"), self.inventory
        self.inventory = _HostFirst(inventory, name)
        try:
            self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)
        finally:
            self.inventory = inventory

    def _holds(self, expression: str, variables: dict[str, Any], name: str) -> bool:
        try:
            return bool(self._compose(expression, variables))
        except AnsibleError as error:
            raise AnsibleParserError(
                f"filters: '{expression}' cannot be evaluated for {name}: {error.message}"
            ) from error
