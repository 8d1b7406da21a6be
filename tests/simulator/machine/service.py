"""Base classes of the parts of a machine, with the hooks that a part may override."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from ..cim import errors
from ..cim.errors import CimError
from ..cim.schema import method_names
from ..cim.values import CimClass, Instance, Reference

if TYPE_CHECKING:
    from ..hyperv.vm import Vm
    from .accounts import User
    from .machine import Machine


@dataclass
class Call:
    """One CIM method call. call["Name"] is the value of a parameter, or None if it was not sent."""

    machine: Machine
    cls: CimClass
    method: str
    row: Instance | None
    parameters: dict[str, Any]
    user: User | None = None

    def __getitem__(self, name: str) -> Any:
        return next((value for key, value in self.parameters.items() if key.lower() == name.lower()), None)


class Part:
    """A part of every machine. Each public name of a subclass must be a hook, else TypeError at class creation."""

    CLASSES: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, base: bool = False) -> None:
        """`base` marks a class that declares hooks instead of implementing them."""
        if base:
            return
        unknown = public_names(cls) - cls._hooks()
        if unknown:
            raise TypeError(f"{cls.__name__}: no hook is named {', '.join(sorted(unknown))}")

    @classmethod
    def _hooks(cls) -> set[str]:
        return {name for ancestor in cls.__mro__[1:] for name in public_names(ancestor)}

    def install(self, machine: Machine) -> None:
        """Add the rows, live properties, providers and association rules that every machine has."""

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        """Add the rows of a new VM; `spec` is its part of the model, or of DefineSystem."""

    def remove_vm(self, vm: Vm) -> None:
        """Called before the rows of a VM are removed."""


class Service(Part, base=True):
    """The methods and WS-Transfer writes of CLASSES and of the classes that derive from them.

    Besides the hooks below, a service has one function per CIM method, named in snake case. The function gets a Call
    and returns the ReturnValue, or (ReturnValue, {output: value}); for refusals and jobs see jobs.py.
    """

    @classmethod
    def _hooks(cls) -> set[str]:
        return super()._hooks() | set(map(snake_case, method_names(cls.CLASSES)))

    def create_instance(
        self, machine: Machine, cls: CimClass, values: dict[str, Any], user: User | None
    ) -> Reference | None:
        """WS-Transfer Create."""
        raise CimError(errors.PROVIDER_NOT_CAPABLE, parameter_info=cls.name)

    def put_instance(self, machine: Machine, row: Instance, values: dict[str, Any], user: User | None) -> Instance:
        """WS-Transfer Put; `values` are the properties that were sent. Returns the row after the change."""
        raise CimError(errors.PROVIDER_NOT_CAPABLE, parameter_info=row.cls.name)

    def delete_instance(self, machine: Machine, row: Instance, user: User | None) -> None:
        """WS-Transfer Delete."""
        raise CimError(errors.PROVIDER_NOT_CAPABLE, parameter_info=row.cls.name)


def public_names(cls: type) -> set[str]:
    return {name for name in vars(cls) if not name.startswith("_")}


def parts_in(*packages: ModuleType) -> Iterator[tuple[str, Part]]:
    """File name and object of each part that the files of packages define, in the order of the file names."""
    files = sorted(
        (info.name, package.__name__) for package in packages for info in pkgutil.iter_modules(package.__path__)
    )
    for name, package in files:
        module = import_module(f"{package}.{name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Part) and value.__module__ == module.__name__:
                yield name, value()


def snake_case(name: str) -> str:
    """RequestStateChange → request_state_change, GetVHDSetInformation → get_vhd_set_information."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
