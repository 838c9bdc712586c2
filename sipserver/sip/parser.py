"""Bytes from the network become messages, or a clear refusal; never an endless loop, never an unbounded buffer.

Tolerant where the field needs it (signalling practice of GB/T 28181 devices): compact names, folded lines, LF alone as
line end, comma lists, GB 18030 in headers, a missing Max-Forwards, lower-case methods, blank lines in front. Strict
where tolerance would let one reader see another message than the next: contradicting lengths, doubled singletons.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat

from sipserver.sip.header import NAMES, CSeq, Hop, canonical, is_token, list_items, small_number
from sipserver.sip.limits import DEFAULT_LIMITS, Limits
from sipserver.sip.message import Field, Headers, Message, Request, Response
from sipserver.sip.status import reason_of
from sipserver.sip.uri import NameAddr

# What has one value: a second, different one is refused (RFC 3261 7.3.1; RFC 4475 3.3.8).
SINGLE = frozenset(
    [
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Max-Forwards",
        "Content-Length",
        "Content-Type",
        "Expires",
        "Event",
        "Subscription-State",
    ]
)


class BadMessage(Exception):
    """A message that is refused: `status` and `reason` say why.

    `answerable` is the request as far as it could be read, when it was a request that can be answered; for a
    response, an ACK or noise it is None. `fatal` says that a stream cannot be read on behind it.
    """

    def __init__(
        self, status: int, reason: str, *, answerable: Request | None = None, fatal: bool = False, raw: bytes = b""
    ) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.answerable = answerable
        self.fatal = fatal
        self.raw = raw


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Blank lines between messages on a stream (RFC 5626 3.5.1); `is_ping` when they ask for an answer."""

    is_ping: bool


def parse_datagram(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """The message of a datagram. Raises BadMessage.

    The datagram is the frame: a Content-Length that is too small cuts the body, one that is too large is refused 400
    (RFC 3261 18.3); but an XML body whose sender counted characters instead of bytes is taken whole.
    """
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    head_end = data.find(b"\r\n\r\n")
    body_start = head_end + 4
    if head_end < 0 or data.find(b"\n\n", 0, head_end) >= 0:
        head_end, body_start = find_head_end(data, 0, len(data))
    if head_end < 0:
        # Some senders leave out the empty line when there is no body.
        head_end = body_start = len(data)
    message = parse_head(data[:head_end], limits, data)
    declared = message.headers._first.get("Content-Length")
    rest = len(data) - body_start
    if declared is None:
        if rest:
            message.body = data[body_start:]
    else:
        if declared == str(rest):
            message.body = data[body_start:]
        else:
            length = declared_length(message, declared)
            message.body = body_of_wrong_length(message, length, data[body_start:])
    return message


def body_of_wrong_length(message: Request | Response, declared: int, rest: bytes) -> bytes:
    """The body when the datagram holds more or less than was declared. Raises BadMessage."""
    is_xml = rest.lstrip().startswith(b"<") and message.content_type.rpartition("/")[2] not in ("sdp", "mansrtsp")
    if declared and is_xml and rest.rstrip(b"\r\n\t \0").endswith(b">"):
        return rest
    if declared > len(rest):
        raise refusal(message, 400, f"Content-Length says {declared}, the datagram holds {len(rest)}")
    return rest[:declared]


def declared_length(message: Request | Response, text: str) -> int:
    try:
        return small_number(text, 2**31 - 1)
    except ValueError:
        raise refusal(message, 400, "Content-Length is not a number", fatal=True) from None


def find_head_end(data: bytes | bytearray, start: int, end: int) -> tuple[int, int]:
    """Where the head ends and where the body starts; (-1, -1) when no empty line is there."""
    strict = data.find(b"\n\r\n", start, end)
    bare = data.find(b"\n\n", start, end if strict < 0 else strict)
    if bare >= 0:
        return bare, bare + 2
    if strict >= 0:
        return strict, strict + 3
    return -1, -1


def head_text(head: bytes) -> tuple[str, str]:
    """The head as text, and the charset that gives the same bytes back."""
    if head.isascii():
        return head.decode("ascii"), "gb18030"
    for charset in ("utf-8", "gb18030"):
        try:
            text = head.decode(charset)
        except UnicodeDecodeError:
            continue
        if text.encode(charset) == head:
            return text, charset
    return head.decode("latin-1"), "latin-1"


def parse_head(head: bytes, limits: Limits = DEFAULT_LIMITS, raw: bytes = b"") -> Request | Response:
    """A message without its body. Raises BadMessage."""
    if len(head) > limits.head_bytes:
        raise BadMessage(513, "the head is too long", fatal=True, raw=raw)
    text, charset = head_text(head)
    line_ends = text.count("\n")
    if line_ends > limits.head_lines:
        raise BadMessage(513, "too many header lines", fatal=True, raw=raw)
    if text.endswith("\r"):
        text = text[:-1]
    complaint = ""
    fields: list[Field] = []
    start_line = ""
    lines = text.split("\r\n")
    if len(lines) - 1 == line_ends == text.count("\r"):
        start_line = lines[0]
        try:
            del lines[0]
            fields = [(NAMES[name], value.strip()) for name, _, value in map(str.partition, lines, COLONS)]
        except KeyError:
            fields = []
    if not fields:
        start_line, fields, complaint = parse_unusual(text)
    # Backwards, so that of several lines of one name the first is kept.
    first = dict(reversed(fields))
    if len(first) != len(fields) and not complaint:
        for name, value in fields:
            if name in SINGLE and value != first[name]:
                complaint = f"{name} stands twice"
    if len(head) > limits.line_bytes and any(len(line) > limits.line_bytes for line in text.split("\n")):
        complaint = complaint or "a header line is too long"
    headers = Headers.of_parsed(fields, first)
    if start_line[:4].upper() == "SIP/":
        return finish_response(start_line, headers, charset, complaint, raw)
    return finish_request(start_line, headers, charset, complaint, limits, raw)


COLONS = repeat(":")


def parse_unusual(text: str) -> tuple[str, list[Field], str]:
    """Start line, fields and a complaint of a head with folded lines, odd line ends, unknown or broken names."""
    lines = text.split("\n")
    fields: list[Field] = []
    complaint = ""
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            # A folded line goes on with the one above, RFC 3261 7.3.1.
            if fields:
                name, said = fields[-1]
                more = line.strip().replace("\r", " ")
                fields[-1] = (name, f"{said} {more}".strip())
            elif line.strip():
                complaint = complaint or "a folded line follows no header"
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip()
        if colon and is_token(name):
            # A carriage return inside a value would be a line end to the next reader.
            fields.append((canonical(name), value.strip().replace("\r", " ")))
        elif line.strip():
            complaint = complaint or f"not a header line: {line[:40]!r}"
    start_line = lines[0].strip()
    if "\r" in start_line:
        start_line = start_line.replace("\r", " ")
        complaint = "a carriage return stands within the start line"
    return start_line, fields, complaint


def finish_request(
    start_line: str, headers: Headers, charset: str, complaint: str, limits: Limits, raw: bytes
) -> Request:
    words = start_line.split(" ")
    if len(words) != 3 or not words[1]:
        words, said = unusual_start(start_line, raw)
        complaint = complaint or said
    method, uri, version = words
    if method not in METHODS:
        if not is_token(method):
            raise BadMessage(400, "the method is not a token", fatal=True, raw=raw)
        if method.upper() in METHODS:
            method = method.upper()
    request = Request(method, uri, headers, b"", charset)
    first = headers._first
    try:
        top = first["Via"]
        request._from = NameAddr.parse(first["From"])
        request._to = NameAddr.parse(first["To"])
        request._cseq = cseq = CSeq.parse(first["CSeq"])
        request._hop = Hop.parse(top) if "," not in top else hops_of(top)[0]
        if not first["Call-ID"]:
            complaint = "Call-ID is empty"
        elif cseq.method != method and cseq.method != method.upper():
            complaint = complaint or f"CSeq names {cseq.method[:20]}, the start line {method[:20]}"
    except KeyError as missing:
        complaint = complaint or f"{missing.args[0]} is missing"
    except (ValueError, IndexError) as wrong:
        complaint = complaint or str(wrong)
    if not complaint and (len(uri) > 1024 or uri[:1] == "<"):
        complaint = "the request URI is no address"
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        raise refusal(request, 505, reason_of(505), raw=raw)
    if complaint:
        raise refusal(request, 400, complaint, raw=raw)
    if len(headers._fields) > limits.vias and len(headers.all("Via")) > limits.vias:
        raise refusal(request, 400, "too many Via lines", raw=raw)
    return request


def hops_of(text: str) -> list[Hop]:
    """Every hop of a comma list of Via. Raises ValueError when one of them, or all, are not there."""
    found = [Hop.parse(item) for item in list_items(text)]
    if not found:
        raise ValueError("an empty Via")
    return found


def unusual_start(start_line: str, raw: bytes) -> tuple[list[str], str]:
    """Method, URI and version of a start line with odd blanks, and a complaint when it is not those three."""
    words = start_line.split()
    if len(words) < 2:
        raise BadMessage(400, "no start line", fatal=True, raw=raw)
    has_version = words[-1].upper().startswith("SIP/")
    complaint = "" if len(words) == 3 and has_version else "the start line is not method, URI and version"
    uri = " ".join(words[1:-1]) if has_version else " ".join(words[1:])
    return [words[0], uri, words[-1] if has_version else "SIP/2.0"], complaint


def finish_response(start_line: str, headers: Headers, charset: str, complaint: str, raw: bytes) -> Response:
    words = start_line.split(" ", 2)
    if words[0].upper() != "SIP/2.0":
        raise BadMessage(505, "the response is of another version", raw=raw)
    try:
        status = small_number(words[1] if len(words) > 1 else "", 699)
    except ValueError:
        raise BadMessage(400, "the status is not a number up to 699", raw=raw) from None
    response = Response(status, words[2] if len(words) > 2 else "", headers, b"", charset)
    if status < 100:
        complaint = complaint or "the status is below 100"
    if not complaint:
        try:
            first = headers._first
            top = first["Via"]
            response._hop = Hop.parse(list_items(top)[0] if "," in top else top)
            response._cseq = CSeq.parse(first["CSeq"])
            for name in ("From", "To", "Call-ID"):
                if not first[name]:
                    complaint = f"{name} is empty"
        except KeyError as missing:
            complaint = f"{missing.args[0]} is missing"
        except (ValueError, IndexError) as wrong:
            complaint = str(wrong)
    if complaint:
        raise BadMessage(400, complaint, raw=raw)
    return response


METHODS = frozenset(
    [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "MESSAGE",
        "INFO",
        "SUBSCRIBE",
        "NOTIFY",
        "UPDATE",
        "PRACK",
        "REFER",
        "PUBLISH",
    ]
)


def refusal(
    message: Request | Response, status: int, reason: str, *, fatal: bool = False, raw: bytes = b""
) -> BadMessage:
    """The refusal of a message whose head was read."""
    answerable = message if isinstance(message, Request) and is_answerable(message) else None
    return BadMessage(status, reason, answerable=answerable, fatal=fatal, raw=raw)


def is_answerable(request: Request) -> bool:
    """Whether enough of a request can be read to send a response back; an ACK is never answered."""
    if request.method == "ACK":
        return False
    try:
        return request.hop.sent_by != ""
    except (ValueError, IndexError):
        return False


class StreamParser:
    """Messages out of a byte stream, cut by Content-Length (RFC 3261 18.3), which a stream cannot do without.

    Feed what arrives. A message without Content-Length ends with its head. After a fatal refusal nothing more comes out
    and `broken` is true: the connection is to be closed.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._scanned = 0
        self._waiting: Request | Response | BadMessage | None = None
        self._head = b""
        self._body_bytes = 0
        self.broken = False

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished message is kept."""
        return len(self._buffer) + len(self._head)

    def feed(self, data: bytes) -> list[Request | Response | BadMessage | KeepAlive]:
        """What became complete with `data`, in order. Never raises."""
        return [item for item, _ in self.feed_raw(data)]

    def feed_raw(self, data: bytes) -> list[tuple[Request | Response | BadMessage | KeepAlive, bytes]]:
        """As `feed`, each with the bytes it was made of."""
        out: list[tuple[Request | Response | BadMessage | KeepAlive, bytes]] = []
        if self.broken:
            return out
        self._buffer += data
        while not self.broken:
            if self._waiting is None and not (self._take_blank_lines(out) and self._take_head(out)):
                break
            if self._waiting is not None and not self._take_body(out):
                break
        if self.broken:
            self._buffer.clear()
            self._head = b""
        return out

    def _take_blank_lines(self, out: list[tuple[Request | Response | BadMessage | KeepAlive, bytes]]) -> bool:
        """Remove blank lines in front of a message; whether anything is left behind them."""
        buffer = self._buffer
        if not buffer or buffer[0] not in b"\r\n":
            return bool(buffer)
        blank = len(buffer) - len(buffer.lstrip(b"\r\n"))
        raw = bytes(buffer[:blank])
        del buffer[:blank]
        self._scanned = 0
        out.append((KeepAlive(is_ping=blank >= 4 and not buffer), raw))
        return bool(buffer)

    def _take_head(self, out: list[tuple[Request | Response | BadMessage | KeepAlive, bytes]]) -> bool:
        buffer = self._buffer
        limit = self._limits.head_bytes
        head_end, body_start = find_head_end(buffer, self._scanned, min(len(buffer), limit + 4))
        if head_end < 0:
            self._scanned = max(0, len(buffer) - 3)
            if len(buffer) > limit:
                self._refuse(out, BadMessage(513, "the head is too long", fatal=True))
            return False
        head = bytes(buffer[:head_end])
        self._head = bytes(buffer[:body_start])
        del buffer[:body_start]
        self._scanned = 0
        try:
            self._waiting = parse_head(head, self._limits, head)
            declared = self._waiting.headers._first.get("Content-Length")
            self._body_bytes = 0 if declared is None else declared_length(self._waiting, declared)
        except BadMessage as bad:
            self._body_bytes = self._length_behind(bad)
            self._waiting = bad
            if bad.fatal:
                self._refuse(out, bad)
                return False
        if self._body_bytes > self._limits.body_bytes:
            if isinstance(self._waiting, BadMessage):
                self._waiting.fatal = True
                self._refuse(out, self._waiting)
            else:
                self._refuse(out, refusal(self._waiting, 413, reason_of(413), fatal=True, raw=self._head))
            return False
        return True

    def _length_behind(self, bad: BadMessage) -> int:
        """How many body bytes follow a refused head; when that is not sure the refusal becomes fatal."""
        if bad.answerable is None:
            bad.fatal = True
            return 0
        lengths = bad.answerable.headers.all("Content-Length")
        try:
            if len(set(lengths)) > 1:
                raise ValueError("two lengths")
            return small_number(lengths[0], 2**31 - 1) if lengths else 0
        except ValueError:
            bad.fatal = True
            return 0

    def _take_body(self, out: list[tuple[Request | Response | BadMessage | KeepAlive, bytes]]) -> bool:
        buffer, wanted, waiting = self._buffer, self._body_bytes, self._waiting
        if len(buffer) < wanted or waiting is None:
            return False
        body = bytes(buffer[:wanted])
        del buffer[:wanted]
        if isinstance(waiting, Message):
            waiting.body = body
        out.append((waiting, self._head + body))
        self._waiting, self._head = None, b""
        return True

    def _refuse(self, out: list[tuple[Request | Response | BadMessage | KeepAlive, bytes]], bad: BadMessage) -> None:
        self.broken = True
        self._waiting = None
        out.append((bad, self._head or bytes(self._buffer[:1024])))
