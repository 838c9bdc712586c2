"""What the house's facts are to an open console: the kinds of news, and what each says."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from registry.events import (
    AlarmChanged,
    AlarmCountsChanged,
    CatalogChanged,
    CatalogProgress,
    ChannelStatusChanged,
    DeviceCameOnline,
    DeviceChanged,
    DeviceRemoved,
    DeviceWentOffline,
    DownloadChanged,
    Event,
    PictureWished,
    RecordingChanged,
    RecordingMissed,
    RegistrationRefused,
    SharingChanged,
    SteeringChanged,
    StreamChanged,
    UpgradeChanged,
    UpperChanged,
    UpperStateChanged,
)
from web.alarm_views import AlarmNews, alarm_counts, alarm_item
from web.auth import Role
from web.uppers import PlatformView
from web.views import DeviceView, refusal_view

MOST_CODES = 200

Viewer = Callable[[str], DeviceView | None]
"""Shows a device as it stands; None when it is gone."""
PlatformViewer = Callable[[str], PlatformView | None]
"""Shows a platform above as it stands; None when it is gone."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell: `key` is what it is about (a later one replaces it), `tell` its data when it is sent."""

    kind: str
    key: Hashable
    tell: Callable[[], object]
    role: Role = Role.VIEWER


def news_of(event: Event, view: Viewer, view_platform: PlatformViewer) -> list[News]:
    """What a fact is to a console. A device or platform is told as it stands when the line is sent."""
    match event:
        case DeviceCameOnline(code=code) | DeviceWentOffline(code=code) | DeviceChanged(code=code):
            return [_device(code, view)]
        case DeviceRemoved(code=code):
            return [News("device-removed", code, lambda: {"code": code})]
        case RegistrationRefused(refusal=refusal):
            told = News(
                "refusal",
                (refusal.code, refusal.reason, refusal.source),
                lambda: refusal_view(refusal, known=view(refusal.code) is not None),
                Role.OPERATOR,
            )
            return [told, _device(refusal.code, view)]
        case CatalogProgress(owner=owner):
            return [News("catalog-progress", owner, lambda: event)]
        case CatalogChanged(owner=owner):
            return [News("catalog", object(), lambda: _cut(event)), _device(owner, view)]
        case ChannelStatusChanged(owner=owner, code=code):
            return [News("channel", (owner, code), lambda: event)]
        case StreamChanged(id=stream):
            return [News("stream", stream, lambda: event)]
        case UpperChanged(code=code) if view_platform(code) is None:
            return [News("platform-removed", code, lambda: {"code": code}, Role.OPERATOR)]
        case UpperChanged(code=code) | UpperStateChanged(code=code):
            return [News("platform", code, lambda: view_platform(code), Role.OPERATOR)]
        case SharingChanged(upper=code):
            return [News("sharing", code, lambda: {"platform": code}, Role.OPERATOR)]
        case RecordingChanged(recording=recording, state=state):
            told_as = {
                "id": recording,
                "owner": event.owner,
                "channel": event.channel,
                "state": state,
                "note": event.note,
            }
            return [News("recording", (recording, state == "segment"), lambda: told_as, Role.OPERATOR)]
        case UpgradeChanged(session=session, upgrade=upgrade):
            return [News("upgrade", session, lambda: upgrade, Role.OPERATOR)]
        case SteeringChanged(owner=owner, code=code):
            # Who lost a camera is told so even when it changes hands again at once.
            about = (owner, code, event.lost_by)
            return [News("steering", about, lambda: event, Role.OPERATOR)]
        case AlarmChanged(alarm=alarm, what=what):
            # What goes on does not take the place of its beginning, for which a bell rings.
            return [News("alarm", (alarm.id, what == "raised"), lambda: AlarmNews(what, alarm_item(alarm)))]
        case AlarmCountsChanged():
            return [News("alarm-counts", "", lambda: alarm_counts(dict(event.open), event.unclosed))]
        case PictureWished():
            return [News("picture-wished", (event.owner, event.channel), lambda: event)]
        case RecordingMissed():
            return [News("recording-gap", (event.owner, event.channel, event.stream), lambda: event, Role.OPERATOR)]
        case DownloadChanged(download=download, state=state):
            return [News("download", download, lambda: {"id": download, "state": state}, Role.OPERATOR)]
        case _:
            return []


def _device(code: str, view: Viewer) -> News:
    return News("device", code, lambda: view(code))


def _cut(event: CatalogChanged) -> dict[str, object]:
    return {
        "owner": event.owner,
        "added": event.added[:MOST_CODES],
        "changed": event.changed[:MOST_CODES],
        "removed": event.removed[:MOST_CODES],
        "added_count": event.added_count,
        "changed_count": event.changed_count,
        "removed_count": event.removed_count,
        "complete": event.complete,
    }
