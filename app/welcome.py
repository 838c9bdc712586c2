"""What a starting platform says to its people: where it is, and once the first password."""

from __future__ import annotations

from app.wiring import House
from media import compiled


def welcome(house: House) -> str:
    """For a terminal; the password stands in it only when this start made the first administrator."""
    platform = house.settings.platform
    host = house.settings.sip.host
    lines = [
        f"{platform.name} {platform.code} 已启动 is running.",
        "",
        f"控制台 Console    {house.console_url}",
        f"信令 SIP          {host}:{house.stack.port}",
        f"格式 Formats      {compiled.form()}",
    ]
    if house.first_password is not None:
        lines += ["用户名 Name       admin", f"密码 Password     {house.first_password}"]
    return "\n" + "\n".join(f"  {line}".rstrip() for line in lines) + "\n"
