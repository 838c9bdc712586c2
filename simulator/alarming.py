"""The alarms of a simulated device: raised on order or by the clock, told to subscribers or by MESSAGE; and the rules
of guard and reset (GB/T 28181-2022 9.4)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from gb28181.manscdp.alarm import Alarm, AlarmMethod, AlarmQuery, AlarmResponse
from gb28181.manscdp.message import Manscdp
from simulator.duty import ALARM, ON, Duties
from simulator.followers import Followers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scare:
    """What goes off: see 7.3 for the types of a method."""

    method: int = AlarmMethod.VIDEO
    kind: int | None = 2
    event: int | None = None
    priority: int = 3
    text: str = ""


MOST_KEPT = 100
SCARES = (
    Scare(AlarmMethod.VIDEO, 6, 1, 1, "有人进入警戒区域"),
    Scare(AlarmMethod.VIDEO, 2, None, 4, "画面有运动目标"),
    Scare(AlarmMethod.DEVICE, None, None, 1, "报警输入 1 触发"),
    Scare(AlarmMethod.VIDEO, 5, None, 2, "绊线触发"),
    Scare(AlarmMethod.FAULT, 1, None, 2, "磁盘读写错误"),
)


@dataclass(frozen=True, slots=True)
class AlarmingSettings:
    """How a device raises alarms. Times are seconds."""

    armed: bool = False
    """Whether it begins on guard; off guard it says nothing but its own faults."""
    every_s: float = 0.0
    """One of `scares` after the other at this pace; 0 is only on order."""
    scares: tuple[Scare, ...] = SCARES
    repeats: int = 0
    """Fault: say an alarm again so many times while no Response to it came."""
    repeat_s: float = 1.0
    both_ways: bool = False
    """Fault: say it by MESSAGE, too, when there are subscribers."""


class Alarming:
    """`tell` sends a MESSAGE, `next_sn` numbers it. Off guard and, for alarm inputs, before a reset nothing is said."""

    def __init__(
        self,
        settings: AlarmingSettings,
        channels: Sequence[str],
        duties: Duties,
        followers: Followers,
        *,
        tell: Callable[[Manscdp], Awaitable[object]],
        next_sn: Callable[[], int],
    ) -> None:
        self.settings = settings
        self._channels = tuple(channels)
        self._duties = duties
        self._followers = followers
        self._tell = tell
        self._next_sn = next_sn
        self._answers: dict[int, asyncio.Event] = {}
        self.raised: list[Alarm] = []
        """What was said, in order."""
        self.held = 0
        """Alarms that nobody was told: off guard, or not reset."""
        self.answered = 0
        if settings.armed:
            duties.duty[duties.own] = ON

    async def run(self) -> None:
        """Raise one after the other until cancelled."""
        number = 0
        while self.settings.every_s:
            await asyncio.sleep(self.settings.every_s)
            scare = self.settings.scares[number % len(self.settings.scares)]
            channel = self._channels[number % len(self._channels)]
            number += 1
            try:
                await self.raise_alarm(channel, scare)
            except (OSError, TimeoutError, RuntimeError) as error:
                log.info("%s could not say its alarm: %s", channel, error)

    async def raise_alarm(self, channel: str, scare: Scare = Scare(), *, at: float | None = None) -> bool:
        """Say that something goes off; false when guard or a missing reset forbids it."""
        if not self._may(channel, scare.method):
            self.held += 1
            return False
        if scare.method == AlarmMethod.DEVICE:
            # None is raised anew until the platform has reset this one (9.4.1).
            self._duties.duty[channel] = ALARM
        alarm = Alarm(
            self._next_sn(),
            channel,
            priority=scare.priority,
            method=scare.method,
            at=time.time() if at is None else at,
            description=scare.text,
            alarm_type=scare.kind,
            event_type=scare.event,
        )
        self.raised.append(alarm)
        followers = [each for each in self._followers.of("alarm") if _wants(each.query, alarm, each.target, self)]
        for follower in followers:
            await self._followers.tell(follower, alarm)
        if not self._followers.of("alarm") or self.settings.both_ways:
            await self._say(alarm)
        return True

    def history(self, asked: AlarmQuery) -> list[Manscdp]:
        """What was said before and is asked for now, and the word that this was all (2016 9.5, alarm query)."""
        since, until = asked.start or 0.0, asked.end or float("inf")
        kept = [each for each in self.raised[-MOST_KEPT:] if since <= (each.at or 0.0) <= until]
        told = [replace(each, sn=asked.sn) for each in kept if _wants(asked, each, asked.device, self)]
        return [*told, AlarmResponse(asked.sn, asked.device)]

    def heard(self, answer: AlarmResponse) -> None:
        """The platform has it."""
        self.answered += 1
        waiting = self._answers.get(answer.sn)
        if waiting is not None:
            waiting.set()

    def covers(self, target: str) -> bool:
        """Whether a subscription to `target` is one to the whole device."""
        return target in ("", self._duties.own)

    def _may(self, channel: str, method: int) -> bool:
        if method == AlarmMethod.FAULT:
            return True
        own = self._duties.duty[self._duties.own]
        duty = self._duties.duty.get(channel, ON if own == ALARM else own)
        return duty == ON or (duty == ALARM and method != AlarmMethod.DEVICE)

    async def _say(self, alarm: Alarm) -> None:
        heard = self._answers[alarm.sn] = asyncio.Event()
        try:
            await self._tell(alarm)
            for _ in range(self.settings.repeats):
                try:
                    async with asyncio.timeout(self.settings.repeat_s):
                        await heard.wait()
                    return
                except TimeoutError:
                    await self._tell(replace(alarm))
        finally:
            del self._answers[alarm.sn]


def _wants(query: Manscdp, alarm: Alarm, target: str, alarming: Alarming) -> bool:
    """Whether a subscriber asked for an alarm like this: of this channel, priority, method, type."""
    if not isinstance(query, AlarmQuery) or not (alarming.covers(target) or target == alarm.device):
        return False
    lowest, highest = query.start_priority or 1, query.end_priority or 4
    kinds = [kind for kind in query.alarm_type.split("/") if kind not in ("", "0")]
    return (
        lowest <= alarm.priority <= highest
        and (not query.methods or alarm.method in query.methods)
        and (not kinds or str(alarm.alarm_type) in kinds)
    )
