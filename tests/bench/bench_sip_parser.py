"""What it costs to read and to write a SIP message, beside a yardstick of the same run.

The yardstick is the least that any parser in this language does: cut the head into lines and each line at its colon.

    python tests/bench/bench_sip_parser.py
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from pathlib import Path as FilePath

sys.path.insert(0, str(FilePath(__file__).resolve().parents[2]))

from sipserver.sip.digest import Credentials
from sipserver.sip.message import response_to, serialise
from sipserver.sip.parser import StreamParser, parse_datagram

REGISTER = b"\r\n".join(
    (
        b"REGISTER sip:34010200002000000001@3401020000 SIP/2.0",
        b"Via: SIP/2.0/UDP 192.0.2.21:5060;rport;branch=z9hG4bKr2",
        b"From: <sip:34010200001320000001@3401020000>;tag=u1",
        b"To: <sip:34010200001320000001@3401020000>",
        b"Call-ID: r-77@192.0.2.21",
        b"CSeq: 2 REGISTER",
        b"Contact: <sip:34010200001320000001@192.0.2.21:5060>",
        b'Authorization: Digest username="34010200001320000001",realm="3401020000",nonce="a1b2c3d4e5f60718",'
        b'uri="sip:34010200002000000001@3401020000",response="88971c008723a79a253c73f86e0eb2eb",algorithm=MD5',
        b"Max-Forwards: 70",
        b"User-Agent: IP Camera",
        b"Expires: 86400",
        b"X-GB-Ver: 3.0",
        b"Content-Length: 0",
        b"",
        b"",
    )
)
BODY = (
    b"<?xml version='1.0'?>\r\n<Response>"
    + b"<Item><DeviceID>34010200001320000001</DeviceID></Item>" * 25
    + b"</Response>"
)
CATALOG = (
    REGISTER.replace(b"REGISTER", b"MESSAGE").partition(b"Authorization")[0]
    + f"Content-Type: Application/MANSCDP+xml\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    + BODY
)
FOLDED = REGISTER.replace(b"From: ", b"f:\r\n ").replace(b"X-GB-Ver", b"X-Unheard-Of")


def yardstick(data: bytes) -> list[tuple[str, str, str]]:
    head = data[: data.find(b"\r\n\r\n")].decode("ascii")
    return [line.partition(":") for line in head.split("\r\n")]


def microseconds(work: Callable[[], object]) -> float:
    times = 5_000
    return min(timeit.repeat(work, number=times, repeat=5)) / times * 1e6


def main() -> None:
    register = parse_datagram(REGISTER)
    authorization = register.headers.get("Authorization") or ""
    credentials = Credentials.parse(authorization)
    answer = response_to(register, 200, headers=(("Expires", "60"),), to_tag="s1", server="Lianwang")  # type: ignore[arg-type]
    works: dict[str, Callable[[], object]] = {
        "yardstick: lines and colons": lambda: yardstick(REGISTER),
        "REGISTER with digest, parsed": lambda: parse_datagram(REGISTER),
        "the same, folded and with strange names": lambda: parse_datagram(FOLDED),
        "catalog MESSAGE, parsed": lambda: parse_datagram(CATALOG),
        "catalog MESSAGE, out of a stream": lambda: StreamParser().feed(CATALOG),
        "credentials, parsed": lambda: Credentials.parse(authorization),
        "credentials, checked": lambda: credentials.is_right("12345678", "REGISTER"),
        "200, made": lambda: response_to(register, 200, to_tag="s1", server="Lianwang"),  # type: ignore[arg-type]
        "200, written": lambda: serialise(answer),
    }
    unit = 0.0
    for name, work in works.items():
        took = microseconds(work)
        unit = unit or took
        print(f"{name:42} {took:7.2f} us  {took / unit:5.1f} yardsticks")


if __name__ == "__main__":
    main()
