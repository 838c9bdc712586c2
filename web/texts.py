"""The kinds of text that may come in, each with its bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Code = Annotated[str, Meta(min_length=1, max_length=64, description="20 digits, or what a peer uses for a code")]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Secret = Annotated[str, Meta(min_length=1, max_length=128)]
Ident = Annotated[str, Meta(min_length=1, max_length=256)]
Label = Annotated[str, Meta(max_length=128)]
Wanted = Annotated[str, Meta(max_length=64, description="text to look for")]
Cursor = Annotated[str, Meta(max_length=512, description="`next` of the page before")]
Limit = Annotated[int, Meta(ge=1, le=1000)]
