"""ISO images that tests put into drives, written by a library that isn't the simulator's reader."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pycdlib


def disc(label: str, files: Mapping[str, str], *, udf: bool = False, joliet: bool = True) -> bytes:
    """An image of level 4 with Rock Ridge."""
    image = pycdlib.PyCdlib()
    options = {"joliet": 3} if joliet else {}
    if udf:
        options["udf"] = "2.60"
    image.new(interchange_level=4, rock_ridge="1.09", vol_ident=label, **options)
    for name, text in files.items():
        content = text.encode()
        places = {"joliet_path": f"/{name}"} if joliet else {}
        if udf:
            places["udf_path"] = f"/{name}"
        image.add_fp(io.BytesIO(content), len(content), f"/{name}", rr_name=name, **places)
    target = io.BytesIO()
    image.write_fp(target)
    image.close()
    return target.getvalue()


NAMESPACES = 'xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"'


def answers(**passes: Mapping[str, str]) -> str:
    """An answer file from the inner XML of components, by pass and component (without Microsoft-Windows-)."""
    text = "".join(
        f'<settings pass="{name}">'
        + "".join(
            f'<component name="Microsoft-Windows-{component}">{inner}</component>'
            for component, inner in components.items()
        )
        + "</settings>"
        for name, components in passes.items()
    )
    return f"<unattend {NAMESPACES}>{text}</unattend>"


def commands(*lines: str) -> str:
    """Commands of the component Deployment in the pass specialize."""
    inner = "".join(
        f'<RunSynchronousCommand wcm:action="add"><Order>{order}</Order><Path>{line}</Path></RunSynchronousCommand>'
        for order, line in enumerate(lines, 1)
    )
    return f"<RunSynchronous>{inner}</RunSynchronous>"


NAME = "<ComputerName>lab01</ComputerName><TimeZone>UTC</TimeZone>"
PASSWORD = "Correct-Horse-7"
ACCOUNTS = (
    "<OOBE><HideEULAPage>true</HideEULAPage></OOBE><UserAccounts><AdministratorPassword>"
    f"<Value>{PASSWORD}</Value><PlainText>true</PlainText></AdministratorPassword></UserAccounts>"
)
OPEN = (
    'netsh.exe advfirewall firewall add rule name="WinRM" dir=in action=allow protocol=TCP localport=5985 profile=any'
)
SERVER = answers(
    specialize={"Shell-Setup": NAME, "Deployment": commands(OPEN.replace('"', "&quot;"))},
    oobeSystem={"Shell-Setup": ACCOUNTS},
)
