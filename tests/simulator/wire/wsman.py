"""The WS-Management service of one machine."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..cim import errors
from ..cim.errors import CimError
from ..cim.values import CimClass
from . import decode, encode
from .enumeration import Enumerations
from .envelope import ENUMERATION, IDENTITY, SOAP, TRANSFER, WMI, Request, new_id, parse, response
from .faultrules import SPOILS, Dropped
from .faults import Fault, fault, fault_body, from_cim, not_modelled
from .shells import Shells, is_shell

if TYPE_CHECKING:
    from ..machine.accounts import User
    from ..machine.machine import Machine
    from .config import Settings
    from .faultrules import FaultRules

CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as logged."""

    request: Request = field(default_factory=Request)
    status: int = 200
    text: str = ""
    fault: int | None = None
    not_modelled: str = ""
    spoils: tuple[str, ...] = ()


class WinRm:
    """WinRM of one machine; its HTTP and HTTPS endpoints share it."""

    def __init__(self, machine: Machine, settings: Settings, rules: FaultRules) -> None:
        self.machine = machine
        self.settings = settings
        self.rules = rules
        self.enumerations = Enumerations(machine, settings)
        self.shells = Shells(machine, settings)
        if machine.jobs is not None:
            machine.jobs.intercept.append(rules.intercept)
        self._running: dict[str, int] = {}
        self._lock = threading.Lock()

    def handle(self, data: bytes, user: User, address: str, client: str = "127.0.0.1") -> Exchange:
        """Answer an authenticated request; `address` is the host name the client used, `client` its own IP address."""
        exchange, due = Exchange(), []
        try:
            exchange.request = parse(data)
            if exchange.request.identify:
                exchange.text = self.identify()
                return exchange
            if not user.remote:
                # The service's root SDDL: Administrators and Remote Management Users.
                raise fault("AccessDenied")
            self._enter(user, exchange.request)
            try:
                due = self.rules.due(self.machine, exchange.request)
                self.rules.apply(due, self.machine, self._timeout(exchange.request))
                if any(rule.do == "expire" for rule in due):
                    self.enumerations.forget()
                exchange.text = self._dispatch(exchange.request, user, address, client)
            finally:
                self._leave(user)
        except Fault as found:
            problem, exchange.status = found, 500
            if isinstance(found.cim, errors.NotModelled):
                exchange.not_modelled = found.cim.class_name
                if self.settings.strict:
                    problem, exchange.status = not_modelled(found.cim), 501
            relates_to = problem.relates_to or exchange.request.message_id
            body = fault_body(problem, self.machine.locale, address, self.machine.name)
            exchange.fault = problem.kind.number
            exchange.text = response("fault", problem.kind.action, relates_to, body, self.machine.locale)
        if any(rule.do == "misdirect" for rule in due):
            exchange.text = exchange.text.replace(exchange.request.message_id, new_id())
        exchange.spoils = tuple(rule.do for rule in due if rule.do in SPOILS)
        for rule in due:
            if rule.do == "reboot":
                self.machine.restart.at_once(rule.seconds)
            if rule.do in ("lose", "reboot"):
                raise Dropped
        return exchange

    def identify(self, *, anonymous: bool = False) -> str:
        """IdentifyResponse (MS-WSMV 3.1.4.1.28); without authentication the version of the system is zeroed."""
        version = "0.0.0" if anonymous else f"10.0.{self.machine.os['build']}"
        profiles = "".join(
            f"<wsmid:SecurityProfileName>http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/{name}"
            "</wsmid:SecurityProfileName>"
            for name in ("http/basic", "http/spnego-kerberos", "https/basic", "https/spnego-kerberos")
            if name.endswith("kerberos") or self.settings.basic
        )
        return (
            f'<s:Envelope xml:lang="{self.machine.locale}" xmlns:s="{SOAP}"><s:Header/><s:Body>'
            f'<wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
            "<wsmid:ProtocolVersion>http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd</wsmid:ProtocolVersion>"
            "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
            f"<wsmid:ProductVersion>OS: {version} SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
            + ("" if anonymous else f"<wsmid:SecurityProfiles>{profiles}</wsmid:SecurityProfiles>")
            + "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
        )

    # --- quotas

    def _enter(self, user: User, request: Request) -> None:
        """Count an operation; Pull and Release belong to an enumeration, which is counted already."""
        waiting = self.enumerations.open_count(user)
        new = request.action not in (f"{ENUMERATION}/Pull", f"{ENUMERATION}/Release")
        with self._lock:
            running = self._running.get(user.name, 0)
            if new and running + waiting >= self.settings.max_operations_per_user:
                raise fault("MaxOperations")
            self._running[user.name] = running + 1

    def _leave(self, user: User) -> None:
        with self._lock:
            self._running[user.name] -= 1

    # --- operations

    def _dispatch(self, request: Request, user: User, address: str, client: str) -> str:
        namespace, class_name = request.target
        method = request.action.rpartition("/")[2]
        if is_shell(request.resource_uri):
            kind, body = self.shells.handle(request, user, address, client, self._timeout(request))
            return self._answer(request, kind, body)
        if request.resource_uri.lower() == CONFIG and request.action == f"{TRANSFER}/Get":
            return self._answer(request, "transfer", self._config(user))
        if request.action in (f"{ENUMERATION}/{name}" for name in ("Enumerate", "Pull", "Release")):
            body = getattr(self.enumerations, method.lower())(request, user)
            return self._answer(request, "enumeration", body)
        if not class_name:
            raise fault("InvalidResourceUri")
        if class_name == "*":
            raise fault("InvalidAction")
        if request.action in (f"{TRANSFER}/{name}" for name in ("Get", "Put", "Create", "Delete")):
            body = self._transfer(method, request, user, namespace, class_name)
        elif request.action.lower().startswith(WMI):
            body = self._invoke(request, user, namespace, class_name)
        else:
            raise fault("InvalidAction")
        return self._answer(request, "transfer", body)

    def _config(self, user: User) -> str:
        """What `winrm get winrm/config` reads (MS-WSMV 2.2.4.10)."""
        if not user.administrator:
            raise fault("AccessDenied")
        settings = self.settings

        def element(name: str, value: bool | float) -> str:
            return f"<cfg:{name}>{str(value).lower() if isinstance(value, bool) else int(value)}</cfg:{name}>"

        auth = "".join(
            element(name, value)
            for name, value in (
                ("Basic", settings.basic),
                ("Kerberos", settings.negotiate),
                ("Negotiate", settings.negotiate),
                ("Certificate", settings.certificate),
                ("CredSSP", settings.credssp),
            )
        )
        return (
            f'<cfg:Config xmlns:cfg="{CONFIG}" xml:lang="{self.machine.locale}">'
            f"{element('MaxEnvelopeSizekb', settings.max_envelope_kb)}"
            f"{element('MaxTimeoutms', settings.max_timeout * 1000)}"
            f"{element('MaxBatchItems', settings.max_batch_items)}"
            f"<cfg:Service>{element('MaxConcurrentOperationsPerUser', settings.max_operations_per_user)}"
            f"{element('EnumerationTimeoutms', settings.enumeration_timeout * 1000)}"
            f"{element('AllowUnencrypted', settings.allow_unencrypted)}<cfg:Auth>{auth}</cfg:Auth></cfg:Service>"
            f"<cfg:Winrs>{element('MaxShellsPerUser', settings.max_shells_per_user)}</cfg:Winrs></cfg:Config>"
        )

    def _timeout(self, request: Request) -> float:
        """OperationTimeout, never longer than MaxTimeoutms (MS-WSMV 3.1.4.1.8)."""
        return min(request.timeout or self.settings.max_timeout, self.settings.max_timeout)

    def _answer(self, request: Request, kind: str, body: str) -> str:
        text = response(kind, f"{request.action}Response", request.message_id, body, self.machine.locale)
        octets = len(text) if text.isascii() else len(text.encode())
        if octets > self.enumerations.limits(request).octets:
            raise fault("MaxEnvelopeSizeExceeded")
        return text

    def _class(self, namespace: str, class_name: str, operation: str) -> CimClass:
        try:
            return self.machine.find_class(namespace, class_name)
        except CimError as error:
            error.operation, error.parameter_info = operation, class_name
            raise from_cim(error, namespace) from error

    def _transfer(self, operation: str, request: Request, user: User, namespace: str, class_name: str) -> str:
        cls = self._class(namespace, class_name, "GetObject")
        keys = self._keys(request, cls)
        try:
            match operation:
                case "Get":
                    return encode.instance(self.machine.get(cls, self._complete(cls, keys, user), user))
                case "Put":
                    keys = self._complete(cls, keys, user)
                    values = decode.properties(request.body, cls, self.machine.find_class)
                    return encode.instance(self.machine.put(cls, keys, values, user))
                case "Delete":
                    self.machine.delete(cls, self._complete(cls, keys, user), user)
                    return ""
            if keys:
                raise fault("InvalidSelectors")
            values = decode.properties(request.body, cls, self.machine.find_class)
            return encode.resource_created(self.machine.create(cls, values, user))
        except CimError as error:
            raise from_cim(error, namespace) from error

    def _invoke(self, request: Request, user: User, namespace: str, class_name: str) -> str:
        resource, _separator, name = request.action.rpartition("/")
        if resource.lower() != request.resource_uri.partition("?")[0].lower():
            raise fault("ActionMismatch")
        cls = self._class(namespace, class_name, "GetObject")
        keys = self._keys(request, cls)
        try:
            method = cls.find_method(name)
            if method is None:
                raise CimError(errors.INVALID_METHOD, operation="ExecMethod", parameter_info=name)
            values = decode.parameters(request.body, method, cls, self.machine.find_class, self.settings)
            code, outputs = self.machine.invoke(cls, keys or None, method.name, values, user)
        except CimError as error:
            raise from_cim(error, namespace) from error
        return encode.output(cls, method, code, outputs, self.settings)

    def _keys(self, request: Request, cls: CimClass) -> dict[str, object]:
        """The selectors, which must be keys of the class (captured: InvalidSelectors for any other)."""
        keys = decode.keys(request.selectors, request.target[0])
        known = {name.lower() for name in cls.keys}
        if any(name.lower() not in known for name in keys):
            raise fault("InvalidSelectors")
        return keys

    def _complete(self, cls: CimClass, keys: dict[str, object], user: User) -> dict[str, object]:
        """All keys of one instance: those that were sent or, for a singleton, those of its only instance.

        A part of them is DestinationUnreachable (captured for Msvm_ComputerSystem by Name alone).
        """
        if len(keys) == len(cls.keys):
            return keys
        if not keys and not cls.singleton:
            raise fault("NoSingleton")
        only = None if keys else next(self.machine.instances(cls, user), None)
        if only is None:
            path = ",".join(f'{name}="{value}"' for name, value in keys.items())
            raise CimError(errors.NOT_FOUND, operation="GetObject", parameter_info=f"{cls.name}.{path}")
        return only.keys_dict()
