"""Machines of a model without endpoints, and the calls that tests make on them; time passes by clock.advance()."""

from __future__ import annotations

from typing import Any

from ansible_collections.nested.hyperv.tests.simulator import model
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance
from ansible_collections.nested.hyperv.tests.simulator.machine.clock import Clock
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

VSMS = "Msvm_VirtualSystemManagementService"
OK, JOB, FAILED, INVALID_PARAMETER, INVALID_STATE = 0, 4096, 32768, 32773, 32775

TYPES = {"memory": "Msvm_MemorySettingData", "processor": "Msvm_ProcessorSettingData"}


def host(*vms: dict[str, Any], **spec: Any) -> Machine:
    """A host with these VMs; a VM without a name is vm0, vm1, …"""
    named = [{"name": f"vm{number}", **vm} for number, vm in enumerate(vms)]
    switches = [{"name": "LAN"}]
    return model.build({"hosts": [{"name": "HV01", "switches": switches, "vms": named, **spec}]}, Clock())[0]


def embedded(class_name: str, **values: Any) -> str:
    """CIM-XML as a careful client writes it; a tuple (type, text) sets the TYPE itself."""
    parts = []
    for name, value in values.items():
        type_name, text = value if isinstance(value, tuple) else (_type(class_name, name), value)
        if isinstance(text, list):
            items = "".join(f"<VALUE>{_escape(item)}</VALUE>" for item in text)
            parts.append(
                f'<PROPERTY.ARRAY NAME="{name}" TYPE="{type_name}"><VALUE.ARRAY>{items}</VALUE.ARRAY></PROPERTY.ARRAY>'
            )
        else:
            text = str(text).lower() if isinstance(text, bool) else text
            parts.append(f'<PROPERTY NAME="{name}" TYPE="{type_name}"><VALUE>{_escape(text)}</VALUE></PROPERTY>')
    return f'<INSTANCE CLASSNAME="{class_name}">{"".join(parts)}</INSTANCE>'


def _type(class_name: str, name: str) -> str:
    from ansible_collections.nested.hyperv.tests.simulator.cim.schema import load

    cls = load(26220).find(HYPERV, class_name)
    prop = cls.find_property(name) if cls else None
    return prop.type if prop else "string"


def _escape(text: Any) -> str:
    return str(text).replace("&", "&#38;").replace("<", "&#60;").replace(">", "&#62;")


def call(machine: Machine, class_name: str, method: str, keys: dict[str, str] | None = None, **parameters: Any):
    cls = machine.find_class(HYPERV, class_name)
    return machine.invoke(cls, keys or {"CreationClassName": class_name}, method, parameters)


def power(machine: Machine, vm: str, state: int) -> int:
    keys = {"CreationClassName": "Msvm_ComputerSystem", "Name": machine.vm(vm).id}
    return call(machine, "Msvm_ComputerSystem", "RequestStateChange", keys, RequestedState=state)[0]


def modify(machine: Machine, row: Instance, **values: Any) -> tuple[int, dict[str, Any]]:
    """ModifyResourceSettings of one row."""
    text = embedded(row.cls.name, InstanceID=row["InstanceID"], **values)
    return call(machine, VSMS, "ModifyResourceSettings", ResourceSettings=[text])


def outcome(machine: Machine, answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    """How a call ends, job or not: (code, error text); 0 is success."""
    code, outputs = answer
    if code != JOB:
        return code, ""
    machine.clock.advance(60)
    job = machine.get(machine.find_class(HYPERV, outputs["Job"].class_name), outputs["Job"].keys)
    assert job["JobState"] in (7, 10), f"the job is in state {job['JobState']}"
    return (0 if job["JobState"] == 7 else job["ErrorCode"]), job["ErrorDescription"]


def rows(machine: Machine, class_name: str, namespace: str = HYPERV) -> list[Instance]:
    return list(machine.instances(machine.find_class(namespace, class_name)))
