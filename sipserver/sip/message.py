"""A SIP message as a value: start line, headers in order, body as octets.

Header text is `str`. What a stranger wrote in GB 18030 is readable text here and leaves again as the same bytes:
`charset` remembers what the head was written in. Structured views (`via`, `from_`, `cseq` ...) are made when asked
for and kept; build the headers first, then look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sipserver.sip.header import NAMES, CSeq, Hop, Via, canonical, list_items, small_number
from sipserver.sip.status import reason_of
from sipserver.sip.uri import NameAddr, SipUri, parse_uri

Field = tuple[str, str]

LONGEST_EXPIRY_S = 2**32 - 1


class Headers:
    """An ordered multi-dictionary of header lines; names in any case or compact form."""

    __slots__ = ("_fields", "_first")

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        self._fields: list[Field] = []
        self._first: dict[str, str] = {}
        for name, value in fields:
            self.add(name, value)

    @classmethod
    def of_parsed(cls, fields: list[Field], first: dict[str, str]) -> Headers:
        """For the parser: lines whose names are canonical, and the first value of each name. Both are kept."""
        made = cls.__new__(cls)
        made._fields = fields
        made._first = first
        return made

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first line of that name."""
        value = self._first.get(name)
        if value is None:
            value = self._first.get(NAMES.get(name) or canonical(name))
            if value is None:
                return default
        return value

    def all(self, name: str) -> list[str]:
        """Every line of that name, in order, lists not taken apart."""
        key = canonical(name)
        return [value for field, value in self._fields if field == key]

    def items_of(self, name: str) -> list[str]:
        """Every element of that name, in order, comma lists taken apart."""
        return [item for value in self.all(name) for item in list_items(value)]

    def add(self, name: str, value: str) -> None:
        """One more line, at the end."""
        key = NAMES.get(name) or canonical(name)
        self._fields.append((key, value))
        self._first.setdefault(key, value)

    def set(self, name: str, value: str) -> None:
        """One line of that name, in the place of the first there was, or at the end."""
        key = canonical(name)
        if key not in self._first:
            self.add(key, value)
            return
        kept: list[Field] = []
        placed = False
        for field in self._fields:
            if field[0] != key:
                kept.append(field)
            elif not placed:
                kept.append((key, value))
                placed = True
        self._fields = kept
        self._first[key] = value

    def set_first(self, name: str, value: str) -> None:
        """Replace the first line of that name, leave the others of it; add it when there is none."""
        key = canonical(name)
        for at, field in enumerate(self._fields):
            if field[0] == key:
                self._fields[at] = (key, value)
                self._first[key] = value
                return
        self.add(key, value)

    def add_first(self, name: str, value: str) -> None:
        """One more line, before all others."""
        key = canonical(name)
        self._fields.insert(0, (key, value))
        self._first[key] = value

    def remove(self, name: str) -> None:
        """Without any line of that name."""
        key = canonical(name)
        if self._first.pop(key, None) is not None:
            self._fields = [field for field in self._fields if field[0] != key]

    def with_(self, name: str, value: str) -> Headers:
        """A copy in which that name has that one value."""
        other = self.copy()
        other.set(name, value)
        return other

    def copy(self) -> Headers:
        return Headers.of_parsed(self._fields.copy(), self._first.copy())

    def __contains__(self, name: str) -> bool:
        return name in self._first or canonical(name) in self._first

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]  # mutable, so not hashable; the checker knows no other spelling

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"


class Message:
    """What requests and responses share. Structured views raise ValueError when the header cannot be read."""

    __slots__ = ("_contact", "_cseq", "_from", "_hop", "_to", "_via", "body", "charset", "headers")

    def __init__(self, headers: Headers | None = None, body: bytes = b"", charset: str = "gb18030") -> None:
        self.headers = headers if headers is not None else Headers()
        self.body = body
        self.charset = charset
        self._hop: Hop | None = None
        self._via: Via | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._cseq: CSeq | None = None
        self._contact: NameAddr | None = None

    @property
    def via(self) -> Via:
        """The top Via."""
        if self._via is None:
            text = self.headers._first.get("Via", "")
            self._via = Via.parse(list_items(text)[0] if "," in text else text)
        return self._via

    @property
    def hop(self) -> Hop:
        """What transactions need of the top Via."""
        if self._hop is None:
            text = self.headers._first.get("Via", "")
            self._hop = Hop.parse(list_items(text)[0] if "," in text else text)
        return self._hop

    def stamp(self, host: str, port: int) -> None:
        """Write the packet's source into the top Via, RFC 3581 4."""
        headers = self.headers
        stamped = self.hop.stamped(host, port)
        fields = headers._fields
        if "," not in headers._first["Via"] and fields[0][0] == "Via":
            fields[0] = ("Via", stamped)
            headers._first["Via"] = stamped
            self._via = None
        else:
            self.replace_via_text(stamped)

    def replace_via_text(self, text: str) -> None:
        """Put `text` in the place of the top Via; the rest of a comma list stays."""
        others = list_items(self.headers._first.get("Via", ""))[1:]
        self.headers.set_first("Via", ", ".join([text, *others]))
        self._via = self._hop = None

    @property
    def from_(self) -> NameAddr:
        if self._from is None:
            self._from = NameAddr.parse(self.headers._first.get("From", ""))
        return self._from

    @property
    def to(self) -> NameAddr:
        if self._to is None:
            self._to = NameAddr.parse(self.headers._first.get("To", ""))
        return self._to

    @property
    def call_id(self) -> str:
        return self.headers._first.get("Call-ID", "")

    @property
    def cseq(self) -> CSeq:
        if self._cseq is None:
            self._cseq = CSeq.parse(self.headers._first.get("CSeq", ""))
        return self._cseq

    @property
    def contact(self) -> NameAddr | None:
        """The first contact; None when there is none or it is `*`."""
        if self._contact is None:
            text = self.headers._first.get("Contact", "")
            items = list_items(text)
            if not items or items[0] == "*":
                return None
            self._contact = NameAddr.parse(items[0])
        return self._contact

    @property
    def expires(self) -> int | None:
        """Seconds by the Expires header, else by the first contact; None when neither says a readable number.

        More than RFC 3261 20.19 allows counts as its highest value.
        """
        text = self.headers._first.get("Expires")
        if text is None:
            try:
                contact = self.contact
            except ValueError:
                return None
            text = contact.param("expires") if contact is not None else None
        if text is None or not (text.isascii() and text.isdigit()):
            return None
        return int(text) if len(text) <= 9 else LONGEST_EXPIRY_S

    @property
    def content_type(self) -> str:
        """Media type in lower case without parameters; "" when none is said."""
        return self.headers._first.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def user_agent(self) -> str:
        """The sender's product, from User-Agent or Server; "" when it does not say."""
        return self.headers._first.get("User-Agent") or self.headers._first.get("Server") or ""


class Request(Message):
    """A request: `method` in upper case when it is known, `uri` as it was written."""

    __slots__ = ("_uri", "method", "uri")

    def __init__(
        self, method: str, uri: str, headers: Headers | None = None, body: bytes = b"", charset: str = "gb18030"
    ) -> None:
        # Written out instead of calling the parent's: one of these is made for every message.
        self.headers = headers if headers is not None else Headers()
        self.body = body
        self.charset = charset
        self._hop = self._via = self._from = self._to = self._cseq = self._contact = None
        self.method = method
        self.uri = uri
        self._uri: SipUri | None = None

    @property
    def request_uri(self) -> SipUri:
        if self._uri is None:
            self._uri = parse_uri(self.uri)
        return self._uri

    @property
    def max_forwards(self) -> int:
        """Hops left; 70 when the sender does not say, as many devices do not."""
        text = self.headers._first.get("Max-Forwards")
        return 70 if text is None or text == "70" else small_number(text, 255)

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri} call-id={self.call_id!r} cseq={self.headers.get('CSeq')!r}>"


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Headers | None = None,
        body: bytes = b"",
        charset: str = "gb18030",
    ) -> None:
        self.headers = headers if headers is not None else Headers()
        self.body = body
        self.charset = charset
        self._hop = self._via = self._from = self._to = self._cseq = self._contact = None
        self.status = status
        self.reason = reason_of(status) if reason is None else reason

    @property
    def is_final(self) -> bool:
        return self.status >= 200

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason} call-id={self.call_id!r} cseq={self.headers.get('CSeq')!r}>"


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    headers: Iterable[Field] = (),
    body: bytes = b"",
    content_type: str | None = None,
    to_tag: str | None = None,
    server: str | None = None,
) -> Response:
    """The response to `request` by RFC 3261 8.2.6: Via, From, To, Call-ID, CSeq copied as they came.

    `to_tag` is added to To unless To has a tag or the status is 100. Record-Route is copied to what makes a dialog.
    """
    asked = request.headers._first
    if len(asked) == len(request.headers) and "Via" in asked and "Record-Route" not in asked:
        fields = [("Via", asked["Via"])]  # no name stands twice, so this is all of them
    elif 100 < status < 300:
        fields = [field for field in request.headers._fields if field[0] == "Via" or field[0] == "Record-Route"]
    else:
        fields = [field for field in request.headers._fields if field[0] == "Via"]
    to = asked.get("To", "")
    if to_tag is not None and status != 100 and to and not has_tag(to):
        to = f"{to};tag={to_tag}"
    try:
        fields += (("From", asked["From"]), ("To", to), ("Call-ID", asked["Call-ID"]), ("CSeq", asked["CSeq"]))
    except KeyError:  # a refused request may lack some of them
        fields += [(name, asked[name]) for name in ("From", "To", "Call-ID", "CSeq") if name in asked]
    for name, value in headers:
        fields.append((NAMES.get(name) or canonical(name), value))
    if content_type is not None:
        fields.append(("Content-Type", content_type))
    if server is not None:
        fields.append(("Server", server))
    # Backwards, so that of several lines of one name the first is kept.
    made = Headers.of_parsed(fields, dict(reversed(fields)))
    response = Response(status, reason, made, body, request.charset)
    response._cseq, response._from = request._cseq, request._from
    return response


def has_tag(address: str) -> bool:
    """Whether a From or To as it was written carries a tag."""
    if ";" not in address:
        return False
    lowered = address.lower()
    if "tag" not in lowered:
        return False
    try:
        return NameAddr.parse(address).tag is not None
    except ValueError:
        return ";tag=" in lowered


def serialise(message: Request | Response) -> bytes:
    """The bytes of a message, with a Content-Length that is right.

    Raises ValueError when a header holds a line end: nobody smuggles a header in through a value.
    """
    if isinstance(message, Request):
        lines = [f"{message.method} {message.uri} SIP/2.0"]
    else:
        lines = [f"SIP/2.0 {message.status} {message.reason}"]
    lines += [f"{name}: {value}" for name, value in message.headers._fields if name != "Content-Length"]
    lines.append(f"Content-Length: {len(message.body)}\r\n\r\n")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1:
        raise ValueError("a header value holds a line end")
    if text.isascii():
        return text.encode("ascii") + message.body
    try:
        return text.encode(message.charset) + message.body
    except UnicodeEncodeError:
        return text.encode("gb18030", "replace") + message.body
