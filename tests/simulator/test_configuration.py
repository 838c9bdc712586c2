"""A simulated device that is set: it tells what it is set to, and shows it."""

from __future__ import annotations

from datetime import datetime
from xml.etree.ElementTree import fromstring

import pytest

from gb28181.edition import Edition
from gb28181.manscdp.config import CONFIG_TYPES, CONFIG_TYPES_2016, Config, ConfigQuery, DeviceConfig, setting_of
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.message import Manscdp
from gb28181.settings.reading import find, read
from gb28181.settings.types import TYPES
from media.frame import Codec
from simulator.camera import Camera
from simulator.configuration import Configuration, ConfigurationFaults
from simulator.configured import Configured, Encoding
from simulator.scene import Picture
from simulator.screen import Caption, Screen, turn
from simulator.video import VideoSource, title
from tests.conformance.bare import CAMERA, Platform, settings


def nothing(code: str, kind: str, wanted: Configured) -> None:
    """No effects."""


def device(edition: Edition = Edition.V2022, **faults: frozenset[str]) -> Configuration:
    kept = {CAMERA: Configured("北门", streams={0: Encoding("2", "5", 25), 1: Encoding("2", "640x360", 15)})}
    return Configuration(edition, kept, nothing, ConfigurationFaults(**faults))


def told(configuration: Configuration, kind: str) -> Config:
    (answer,) = configuration.tell(ConfigQuery(3, CAMERA, (kind,)))
    assert isinstance(answer, Config)
    return answer


def order(xml: str) -> DeviceConfig:
    return DeviceConfig(4, CAMERA, (setting_of(fromstring(xml)),))


def result(configuration: Configuration, xml: str) -> tuple[bool, str]:
    (answer,) = configuration.obey(order(xml))
    assert isinstance(answer, ControlResponse) and answer.cmd_type == "DeviceConfig"
    return answer.ok, answer.reason


@pytest.mark.parametrize(("edition", "known"), [(Edition.V2016, CONFIG_TYPES_2016), (Edition.V2022, CONFIG_TYPES)])
def test_every_type_of_its_edition_is_told_and_understood_without_oddities(edition: Edition, known: tuple[str, ...]):
    configuration = device(edition)
    for kind in CONFIG_TYPES:
        answer = told(configuration, kind)
        assert answer.ok is (kind in known), kind
        if answer.ok:
            setting = find(TYPES[kind], answer.settings)
            assert setting is not None
            if kind != "SnapShotConfig":  # nobody has ordered one, so its session is empty
                assert read(TYPES[kind], setting).odd == (), kind


def test_a_list_whose_count_is_wrong_changes_nothing():
    configuration = device()
    mask = (
        "<PictureMask><On>1</On><SumNum>2</SumNum><RegionList Num='1'><Item><Seq>1</Seq><Point>0,0,9,9</Point></Item>"
    )
    ok, reason = result(configuration, mask + "</RegionList></PictureMask>")
    assert (ok, "SumNum" in reason) == (False, True)
    assert configuration.kept[CAMERA].mask_on == 0


@pytest.mark.parametrize(
    "wrong",
    [
        "<BasicParam><Expiration>60</Expiration></BasicParam>",
        "<FrameMirror>4</FrameMirror>",
        "<AlarmReport><MotionDetection>1</MotionDetection></AlarmReport>",
        "<VideoParamOpt><DownloadSpeed>1</DownloadSpeed></VideoParamOpt>",
        "<Unheard>1</Unheard>",
        "<VideoParamAttribute Num='1'><Item><StreamNumber>7</StreamNumber><VideoFormat>2</VideoFormat>"
        "<Resolution>5</Resolution><FrameRate>25</FrameRate><BitRateType>2</BitRateType></Item></VideoParamAttribute>",
    ],
)
def test_what_cannot_be_is_answered_with_an_error(wrong: str):
    assert result(device(), wrong)[0] is False


def test_a_device_of_2016_knows_no_mirror():
    assert result(device(Edition.V2016), "<FrameMirror>1</FrameMirror>")[0] is False
    assert result(device(), "<FrameMirror>1</FrameMirror>") == (True, "")


def test_faults_to_order():
    mirror = "<FrameMirror>1</FrameMirror>"
    assert result(device(refused=frozenset(("FrameMirror",))), mirror)[0] is False
    ignoring = device(ignored=frozenset(("FrameMirror",)))
    assert result(ignoring, mirror) == (True, "")
    assert told(ignoring, "FrameMirror").settings[0].text == "0"
    mute = device(unanswered=frozenset(("FrameMirror",)))
    assert mute.obey(order(mirror)) == []
    assert told(mute, "FrameMirror").settings[0].text == "1"


def picture(width: int = 4, height: int = 4) -> Picture:
    luma = bytearray(range(width * height))
    blue, red = bytearray(b"\x01\x02\x03\x04"), bytearray(b"\x05\x06\x07\x08")
    return Picture(width, height, luma, blue, red)


def test_a_mirror_turns_every_plane():
    left_right, top_bottom, both = picture(), picture(), picture()
    turn(left_right, 1)
    assert list(left_right.luma[:4]) == [3, 2, 1, 0] and left_right.blue == b"\x02\x01\x04\x03"
    turn(top_bottom, 2)
    assert list(top_bottom.luma[:4]) == [12, 13, 14, 15] and top_bottom.red == b"\x07\x08\x05\x06"
    turn(both, 3)
    assert list(both.luma[:4]) == [15, 14, 13, 12]


def test_a_caption_says_what_it_was_set_to_where_it_was_set_to():
    screen = Screen(caption=Caption((640, 360), (320, 180), chinese_date=True, lines=(("东门", 0, 0),)))
    canvas = Picture(320, 180, bytearray(320 * 180), bytearray(160 * 90), bytearray(160 * 90))
    screen.paint(canvas, "NOT THIS", datetime(2026, 11, 29, 8, 5, 1), title)
    assert screen.said == {"clock": "2026 NIAN 11 YUE 29 RI 08:05:01", "0": "DONG MEN"}
    assert any(canvas.luma[320 * 90 + 160 : 320 * 90 + 320]), "the clock begins in the middle"
    assert not any(canvas.luma[320 * 120 :]), "nothing is written below"


def camera() -> Camera:
    platform = Platform()
    return Camera(settings(platform))


def tell(camera: Camera, xml: str) -> Manscdp:
    (answer,) = camera.answer(order(xml))
    return answer


def test_a_stream_is_encoded_as_it_was_set():
    made = camera()
    item = (
        "<Item><StreamNumber>0</StreamNumber><VideoFormat>5</VideoFormat><Resolution>2</Resolution>"
        "<FrameRate>10</FrameRate><BitRateType>1</BitRateType><VideoBitRate>300</VideoBitRate></Item>"
    )
    assert tell(made, f"<VideoParamAttribute Num='1'>{item}</VideoParamAttribute>").ok
    video = made._studio.encoder(CAMERA, 0)
    assert (video.codec, video.width, video.height, video.fps, video.kbps) == (Codec.H265, 352, 288, 10, 300)
    assert made._studio.encoder(CAMERA, 1).codec is Codec.H264
    odd = item.replace(">2</Res", ">333x111</Res")
    assert not tell(made, f"<VideoParamAttribute Num='1'>{odd}</VideoParamAttribute>").ok
    assert made._studio.encoder(CAMERA, 0) == video


def test_a_picture_is_covered_and_renamed_while_it_runs():
    made = camera()
    source = VideoSource(made.settings.video, "北门", CAMERA, made.heads[CAMERA], made.screens[CAMERA])
    before = bytes(source._draw(0.0, datetime(2026, 1, 1)).planes[0])
    region = "<RegionList Num='1'><Item><Seq>1</Seq><Point>100,60,200,120</Point></Item></RegionList>"
    assert tell(made, f"<PictureMask><On>1</On><SumNum>1</SumNum>{region}</PictureMask>").ok
    assert tell(made, "<BasicParam><Name>西门</Name></BasicParam>").ok
    frame = source._draw(0.0, datetime(2026, 1, 1))
    stride = frame.planes[0].line_size
    after = bytes(frame.planes[0])
    assert (
        set(after[90 * stride + 100 : 90 * stride + 200]) == {16} != set(before[90 * stride + 100 : 90 * stride + 200])
    )
    assert made.screens[CAMERA].said["title"] == "XI MEN"
