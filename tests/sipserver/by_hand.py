"""A neighbour that shares no code with us: a plain socket, bytes as they are written here, a digest of its own."""

from __future__ import annotations

import asyncio
import socket
from hashlib import md5

Address = tuple[str, int]


class Stranger:
    """One UDP socket. `say` sends text with its line ends made CRLF, `hear` waits for a message that begins so."""

    def __init__(self, code: str, server: Address) -> None:
        self.code = code
        self.server = server
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self._passed_over: list[str] = []

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def say(self, text: str, body: str | bytes = "") -> None:
        """Blank lines around the head are cut off; Content-Length is right."""
        raw = body if isinstance(body, bytes) else body.encode("gb18030")
        head = "\r\n".join(text.strip().splitlines())
        self._socket.sendto(f"{head}\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw, self.server)

    def say_raw(self, raw: bytes) -> None:
        self._socket.sendto(raw, self.server)

    async def hear(self, begins: str, within_s: float = 5.0, holds: str = "") -> str:
        """The next message that begins so and holds that; what else comes is kept for whoever asks later."""
        for number, text in enumerate(self._passed_over):
            if text.startswith(begins) and holds in text:
                return self._passed_over.pop(number)
        async with asyncio.timeout(within_s):
            while True:
                raw = await asyncio.get_running_loop().sock_recv(self._socket, 65_535)
                text = raw.decode("gb18030", "replace")
                if text.startswith(begins) and holds in text:
                    return text
                self._passed_over.append(text)

    def forget(self) -> None:
        """Look no more at what came until now."""
        self._passed_over.clear()

    async def hears_nothing_of(self, begins: str, for_s: float) -> bool:
        """Whether no such message comes within that time."""
        try:
            await self.hear(begins, for_s)
        except TimeoutError:
            return True
        return False

    def answer(self, request: str, status: str, extra: str = "", body: str | bytes = "", tag: str = "t1") -> None:
        """A response made of the request's own lines."""
        copied = [line for name in ("Via", "From", "To", "Call-ID", "CSeq") for line in lines_of(request, name)]
        lines = [
            line + f";tag={tag}" if line.startswith("To:") and ";tag=" not in line and tag else line for line in copied
        ]
        self.say("\n".join([f"SIP/2.0 {status}", *lines, *([extra] if extra else [])]), body)

    def register_text(self, number: int, more: str = "Expires: 3600", contact: str = "", call_id: str = "reg-1") -> str:
        where = contact or f"<sip:{self.code}@127.0.0.1:{self.port}>"
        return f"""
REGISTER sip:34020000002000000001@3402000000 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch=z9hG4bK{call_id}-{self.port}-{number}
From: <sip:{self.code}@3402000000>;tag=r1
To: <sip:{self.code}@3402000000>
Call-ID: {call_id}
CSeq: {number} REGISTER
Contact: {where}
Max-Forwards: 70
{more}"""

    async def register(
        self, password: str, *, more: str = "Expires: 3600", contact: str = "", number: int = 1, call_id: str = "reg-1"
    ) -> str:
        """Through the challenge; the last answer."""
        self.say(self.register_text(number, more, contact, call_id))
        asked = await self.hear("SIP/2.0 401", holds=f"CSeq: {number} REGISTER")
        (challenge,) = lines_of(asked, "WWW-Authenticate")
        realm, nonce = quoted(challenge, "realm"), quoted(challenge, "nonce")
        uri = "sip:34020000002000000001@3402000000"
        ha1, ha2 = hashed(f"{self.code}:{realm}:{password}"), hashed(f"REGISTER:{uri}")
        proof = (
            f'Authorization: Digest username="{self.code}",realm="{realm}",nonce="{nonce}",uri="{uri}",'
            f'response="{hashed(f"{ha1}:{nonce}:{ha2}")}",algorithm=MD5'
        )
        self.say(self.register_text(number + 1, f"{more}\n{proof}", contact, call_id))
        return await self.hear("SIP/2.0 ", holds=f"CSeq: {number + 1} REGISTER")


def lines_of(message: str, name: str) -> list[str]:
    """Every header line of that name, as it stands."""
    head = message.partition("\r\n\r\n")[0]
    return [line for line in head.split("\r\n")[1:] if line.lower().startswith(f"{name.lower()}:")]


def value_of(message: str, name: str) -> str:
    """What the first line of that name says, "" without one."""
    lines = lines_of(message, name)
    return lines[0].partition(":")[2].strip() if lines else ""


def quoted(line: str, name: str) -> str:
    return line.partition(f'{name}="')[2].partition('"')[0]


def hashed(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
