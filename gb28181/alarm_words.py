"""An alarm's numbers in words, Chinese and English: methods, types by method, events, priorities (2022 A.2.5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """One meaning in both languages."""

    zh: str
    en: str


METHODS: Mapping[int, Words] = {
    1: Words("电话报警", "Telephone"),
    2: Words("设备报警", "Alarm device"),
    3: Words("短信报警", "SMS"),
    4: Words("GPS 报警", "GPS"),
    5: Words("视频报警", "Video"),
    6: Words("设备故障报警", "Device fault"),
    7: Words("其他报警", "Other"),
}

TYPES: Mapping[tuple[int, int], Words] = {
    (2, 1): Words("视频丢失", "Video lost"),
    (2, 2): Words("设备防拆", "Tampering"),
    (2, 3): Words("存储设备磁盘满", "Storage full"),
    (2, 4): Words("设备高温", "Too hot"),
    (2, 5): Words("设备低温", "Too cold"),
    (5, 1): Words("人工视频", "Raised by hand"),
    (5, 2): Words("运动目标检测", "Motion"),
    (5, 3): Words("遗留物检测", "Object left"),
    (5, 4): Words("物体移除检测", "Object removed"),
    (5, 5): Words("绊线检测", "Trip wire"),
    (5, 6): Words("入侵检测", "Intrusion"),
    (5, 7): Words("逆行检测", "Wrong direction"),
    (5, 8): Words("徘徊检测", "Loitering"),
    (5, 9): Words("流量统计", "Flow count"),
    (5, 10): Words("密度检测", "Crowding"),
    (5, 11): Words("视频异常检测", "Abnormal picture"),
    (5, 12): Words("快速移动", "Fast movement"),
    (5, 13): Words("图像遮挡", "Picture covered"),
    (6, 1): Words("存储设备磁盘故障", "Disk fault"),
    (6, 2): Words("存储设备风扇故障", "Fan fault"),
}
"""(method, AlarmType); what stands here not is a number that a maker gave a meaning of its own."""

ONLY_2022 = frozenset(((5, 13),))
"""Types that the 2016 edition does not know."""

EVENTS: Mapping[int, Words] = {1: Words("进入区域", "entered"), 2: Words("离开区域", "left")}
"""EventType of an intrusion."""

PRIORITIES: Mapping[int, Words] = {
    1: Words("一级警情", "Level 1"),
    2: Words("二级警情", "Level 2"),
    3: Words("三级警情", "Level 3"),
    4: Words("四级警情", "Level 4"),
}

UNSAID = Words("未说明", "Not said")
ORDINARY = Words("报警器报警", "Alarm input")
"""Method 2 without a type: an ordinary alarm device has gone off."""


def method_words(method: int) -> Words:
    return METHODS.get(method, UNSAID if method == 0 else Words(f"方式 {method}", f"Method {method}"))


def type_words(method: int, alarm_type: int | None) -> Words:
    """What went off, as exactly as the numbers say.

    >>> type_words(5, 6).en
    'Intrusion'
    >>> type_words(2, None).en
    'Alarm input'
    >>> type_words(7, 40).en
    'Other, type 40'
    """
    of_method = method_words(method)
    if alarm_type is None:
        return ORDINARY if method == 2 else of_method
    known = TYPES.get((method, alarm_type))
    return known or Words(f"{of_method.zh}，类型 {alarm_type}", f"{of_method.en}, type {alarm_type}")


def title(method: int, alarm_type: int | None, event_type: int | None = None) -> Words:
    """A line's headline.

    >>> title(5, 6, 1)
    Words(zh='入侵检测（进入区域）', en='Intrusion (entered)')
    """
    words = type_words(method, alarm_type)
    event = EVENTS.get(event_type or 0)
    return words if event is None else Words(f"{words.zh}（{event.zh}）", f"{words.en} ({event.en})")


def priority_words(priority: int) -> Words:
    return PRIORITIES.get(priority, UNSAID)
