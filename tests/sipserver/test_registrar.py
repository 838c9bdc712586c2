"""Who may register: every verdict of the registrar, what the wire sees of it and what the operator reads."""

from __future__ import annotations

import dataclasses
from itertools import count

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from registry.device import Device
from registry.refusal import Refusal
from sipserver.below.gatekeeper import Gatekeeper
from sipserver.below.lockout import Lockout, network_of
from sipserver.below.nonces import NonceMint, NonceState
from sipserver.below.registrar import Attempt, Challenged, Granted, Refused, Registrar, granted_expiry_s
from sipserver.below.retries import RetryWatch, Unanswered
from sipserver.below.settings import Admission, BelowSettings
from sipserver.sip.digest import Challenge, Credentials

CODE = "34020000001320000001"
SERVER = "sip:34020000002000000001@3402000000"
HERE = ("192.0.2.21", 5060)
DEVICE = Device(CODE)
AT = 1_700_000_000.0


class House:
    """A registrar with its clock and one device, and a camera that answers its challenges."""

    def __init__(self, device: Device | None = DEVICE, **fields: object) -> None:
        settings = BelowSettings(common_password="12345678")
        self.settings = dataclasses.replace(settings, **fields)
        noise = count(1)
        self.registrar = Registrar(self.settings, key=b"secret", noise=lambda size: next(noise).to_bytes(size, "big"))
        self.device = device
        self.now = 1000.0

    def ask(self, **fields: object):
        at_home = bool(fields.pop("at_home", False))
        attempt = Attempt(CODE, SERVER, *HERE, "UDP", CODE)._replace(**fields)
        return self.registrar.judge(attempt, self.device, self.now, AT, at_home=at_home)

    def challenged(self, **fields: object) -> Challenged:
        verdict = self.ask(**fields)
        assert isinstance(verdict, Challenged)
        return verdict

    def answer(self, nonce: str, password: str = "12345678", **fields: object):
        credentials = answering(nonce, password, **{k: fields.pop(k) for k in list(fields) if k in CREDENTIAL_FIELDS})
        return self.ask(authorizations=(str(credentials),), **fields)

    def register(self, password: str = "12345678", **fields: object):
        """Both requests of a registration, or the refusal of the first."""
        first = self.ask()
        return self.answer(first.nonce, password, **fields) if isinstance(first, Challenged) else first


CREDENTIAL_FIELDS = ("username", "realm", "algorithm", "qop", "uri", "nc")


def answering(
    nonce: str,
    password: str,
    username: str = CODE,
    realm: str = "3402000000",
    algorithm: str | None = "MD5",
    qop: str | None = None,
    uri: str = SERVER,
    nc: int = 1,
) -> Credentials:
    challenge = Challenge(realm, nonce, algorithm, qop)
    return Credentials.answering(
        challenge, username=username, password=password, method="REGISTER", uri=uri, cnonce="0a4f113b", nc=nc
    )


# --- the good way


def test_a_first_register_is_challenged_and_the_right_answer_is_granted():
    house = House()
    verdict = house.challenged()
    assert (verdict.algorithms, verdict.stale, verdict.refusal) == (("MD5",), False, None)
    assert house.answer(verdict.nonce) == Granted(is_new=False)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SM3", "md5", "sha-256", "sm3"])
@pytest.mark.parametrize("qop", [None, "auth"])
def test_every_offered_algorithm_is_accepted_with_and_without_qop(algorithm: str, qop: str | None):
    house = House(algorithms=("MD5", "SHA-256", "SM3"))
    assert house.register(algorithm=algorithm, qop=qop) == Granted()


def test_an_answer_that_names_no_algorithm_is_md5():
    assert House().register(algorithm=None) == Granted()


def test_a_code_may_be_held_to_better_algorithms_than_the_rest():
    house = House(algorithms_by_code=(("3402", ("SHA-256",)), (CODE, ("SM3", "SHA-256"))))
    assert house.challenged().algorithms == ("SM3", "SHA-256")
    verdict = house.register(algorithm="MD5")
    assert isinstance(verdict, Challenged) and verdict.refusal is not None
    assert verdict.refusal.reason is Refusal.WRONG_ALGORITHM
    assert verdict.refusal.detail == "expected SM3 or SHA-256, got MD5"


def test_every_refresh_is_challenged_again():
    house = House()
    assert house.register() == Granted()
    assert isinstance(house.ask(), Challenged)


def test_the_digest_uri_and_the_realm_may_differ_when_the_answer_is_right():
    assert House().register(uri="34020000002000000001@192.0.2.10:5060") == Granted()
    assert House().register(realm="34020000") == Granted()
    strict = House(any_realm=False).register(realm="34020000")
    assert isinstance(strict, Challenged) and strict.refusal is not None
    assert (strict.refusal.reason, strict.refusal.detail) == (
        Refusal.WRONG_REALM,
        "expected realm 3402000000, got 34020000",
    )


def test_a_device_may_log_in_under_another_user_name_if_it_knows_its_own_password():
    assert House().register(username="admin") == Granted()


# --- passwords


def test_a_devices_own_password_wins_over_the_common_one_and_the_refusal_says_so():
    house = House(Device(CODE, password="own-secret"))
    verdict = house.register("12345678")
    assert isinstance(verdict, Challenged) and verdict.refusal is not None
    assert verdict.refusal.reason is Refusal.WRONG_PASSWORD
    assert "tried the device's own password; the answer would fit the common password" in verdict.refusal.detail
    assert "own-secret" not in verdict.refusal.detail and "12345678" not in verdict.refusal.detail
    assert house.register("own-secret") == Granted()


def test_a_wrong_common_password_is_named_as_such():
    verdict = House().register("wrong")
    assert isinstance(verdict, Challenged) and verdict.refusal is not None
    seen = verdict.refusal
    assert (seen.code, seen.reason, seen.source, seen.transport, seen.at) == (
        CODE,
        Refusal.WRONG_PASSWORD,
        "192.0.2.21:5060",
        "UDP",
        AT,
    )
    assert seen.detail.startswith("tried the common password (MD5, user 34020000001320000001, realm 3402000000")


@pytest.mark.parametrize("device", [Device(CODE, password=""), Device(CODE)])
def test_an_empty_password_opens_nothing(device: Device):
    verdict = House(device, common_password="").register("")
    assert isinstance(verdict, Challenged) and verdict.refusal is not None
    assert "but none is set" in verdict.refusal.detail


def test_a_wrong_answer_under_another_name_or_realm_says_what_did_not_fit():
    named = House().register("wrong", username="34020000001320000009")
    assert isinstance(named, Challenged) and named.refusal is not None
    assert named.refusal.reason is Refusal.CODE_MISMATCH
    assert "expected user 34020000001320000001, got 34020000001320000009" in named.refusal.detail
    realm = House().register("wrong", realm="34020000")
    assert isinstance(realm, Challenged) and realm.refusal is not None
    assert realm.refusal.reason is Refusal.WRONG_REALM


# --- nonces


def test_a_nonce_serves_once_without_qop():
    house = House()
    nonce = house.challenged().nonce
    assert house.answer(nonce) == Granted()
    again = house.answer(nonce)
    assert isinstance(again, Challenged) and again.stale and again.refusal is not None
    assert again.refusal.reason is Refusal.NONCE_REPLAYED


def test_with_qop_the_count_must_grow():
    house = House(qop=True)
    nonce = house.challenged().nonce
    assert house.answer(nonce, qop="auth", nc=1) == Granted()
    assert house.answer(nonce, qop="auth", nc=2) == Granted()
    assert isinstance(house.answer(nonce, qop="auth", nc=2), Challenged)
    assert isinstance(house.answer(nonce, qop="auth", nc=1), Challenged)
    assert isinstance(house.answer(nonce), Challenged), "nor may the count be dropped"


def test_an_expired_nonce_with_the_right_answer_is_stale_and_no_failure():
    house = House()
    nonce = house.challenged().nonce
    house.now += 61
    verdict = house.answer(nonce)
    assert isinstance(verdict, Challenged) and verdict.stale and verdict.refusal is None
    assert house.answer(verdict.nonce) == Granted()


def test_an_expired_nonce_with_a_wrong_answer_is_a_failure_and_not_stale():
    house = House()
    nonce = house.challenged().nonce
    house.now += 61
    verdict = house.answer(nonce, "wrong")
    assert isinstance(verdict, Challenged) and not verdict.stale and verdict.refusal is not None


def test_a_nonce_is_worth_nothing_elsewhere():
    house = House()
    nonce = house.challenged().nonce
    verdict = house.answer(nonce, host="203.0.113.5")
    assert isinstance(verdict, Challenged) and verdict.stale


def test_a_foreign_nonce_tells_nobody_whether_the_password_was_right():
    house = House()
    right, wrong = house.answer("a1b2c3d4e5f60718"), house.answer("a1b2c3d4e5f60718", "wrong")
    assert isinstance(right, Challenged) and isinstance(wrong, Challenged)
    assert dataclasses.replace(right, nonce="") == dataclasses.replace(wrong, nonce="")
    assert right.stale and right.refusal is None, "a device that reuses an old nonce is no failure"


def test_a_device_that_never_takes_our_nonce_is_told_to_the_operator():
    house = House()
    house.challenged()
    verdict = house.answer("a1b2c3d4e5f60718")
    assert isinstance(verdict, Challenged) and verdict.refusal is not None
    assert verdict.refusal.reason is Refusal.NONCE_UNKNOWN


def test_the_mint_knows_its_own_coin_only():
    mint = NonceMint(b"key", lambda size: b"\x01" * size, life_s=60)
    other = NonceMint(b"other", lambda size: b"\x01" * size, life_s=60)
    nonce = mint.make("a", 100.0)
    assert mint.judge(nonce, "a", 130.0, count=None) is NonceState.FRESH
    assert mint.judge(nonce, "a", 161.0, count=None) is NonceState.EXPIRED
    assert mint.judge(nonce, "b", 130.0, count=None) is NonceState.FOREIGN
    assert other.judge(nonce, "a", 130.0, count=None) is NonceState.FOREIGN
    for place in range(len(nonce)):
        forged = nonce[:place] + ("0" if nonce[place] != "0" else "1") + nonce[place + 1 :]
        assert mint.judge(forged, "a", 130.0, count=None) is NonceState.FOREIGN


def test_used_nonces_are_forgotten_in_time_and_never_come_back():
    noise = count()
    mint = NonceMint(b"key", lambda size: next(noise).to_bytes(size, "big"), life_s=60, remember=100)
    nonces = []
    for number in range(300):
        nonces.append(mint.make("a", number * 0.1))
        mint.spend(nonces[-1], number * 0.1, count=None)
    assert len(mint) == 100
    states = {mint.judge(nonce, "a", 31.0, count=None) for nonce in nonces}
    assert states == {NonceState.EXPIRED, NonceState.REPLAYED}, "what was forgotten early counts as expired"
    mint.spend(mint.make("a", 200.0), 200.0, count=None)
    assert len(mint) == 1


@given(st.text(max_size=80), st.text(max_size=20))
@profile(max_examples=60, deadline=None)
def test_noise_is_never_a_nonce(nonce: str, source: str):
    mint = NonceMint(b"key", lambda size: b"\x01" * size)
    assert mint.judge(nonce, source, 1.0, count=None) is NonceState.FOREIGN


# --- admission, lists, malformed things


def test_an_unknown_code_looks_like_a_wrong_password_on_the_wire_and_is_named_to_the_operator():
    unknown, known = House(None), House()
    first = unknown.challenged()
    assert first.refusal is not None and first.refusal.reason is Refusal.UNKNOWN_DEVICE
    verdict, wrong = unknown.answer(first.nonce, "wrong"), known.register("wrong")
    assert isinstance(verdict, Challenged) and isinstance(wrong, Challenged)
    assert (verdict.algorithms, verdict.stale) == (wrong.algorithms, wrong.stale)
    for _ in range(unknown.settings.lock_after - 1):
        verdict, wrong = unknown.register("wrong"), known.register("wrong")
    assert isinstance(verdict, Refused) and isinstance(wrong, Refused)
    assert verdict.wait_s == wrong.wait_s


def test_a_knocking_device_with_the_right_password_is_worth_accepting():
    verdict = House(None).register()
    assert isinstance(verdict, Challenged) and verdict.refusal is not None
    assert verdict.refusal.reason is Refusal.UNKNOWN_DEVICE
    assert verdict.refusal.detail.endswith("its credentials fit the common password")


def test_open_admission_lets_in_who_knows_the_common_password():
    house = House(None, admission=Admission.OPEN)
    assert house.challenged().refusal is None
    assert house.register() == Granted(is_new=True)
    assert isinstance(house.register("wrong"), Challenged)


def test_a_disabled_device_is_refused_even_with_the_right_password():
    verdict = House(Device(CODE, enabled=False)).register()
    assert isinstance(verdict, Challenged) and verdict.refusal is not None
    assert verdict.refusal.reason is Refusal.DISABLED


def test_lists_by_code_and_address_are_asked_before_anything_else():
    for fields, reason in (
        ({"deny_codes": ("340200000013",)}, Refusal.DENIED_CODE),
        ({"allow_codes": ("11", "12")}, Refusal.DENIED_CODE),
        ({"deny_addresses": ("192.0.2.0/24",)}, Refusal.DENIED_ADDRESS),
        ({"allow_addresses": ("10.0.0.0/8",)}, Refusal.DENIED_ADDRESS),
    ):
        verdict = House(**fields).ask()
        assert isinstance(verdict, Refused) and verdict.refusal.reason is reason
    assert isinstance(House(allow_codes=("3402",), allow_addresses=("192.0.2.0/24",)).ask(), Challenged)


def test_deny_is_stronger_than_allow_and_mapped_addresses_are_the_same_address():
    keeper = Gatekeeper(allow_addresses=("192.0.2.0/24", "2001:db8::/32"), deny_addresses=("192.0.2.7",))
    assert keeper.turn_away(CODE, "192.0.2.8") is None
    assert keeper.turn_away(CODE, "192.0.2.7") is not None
    assert keeper.turn_away(CODE, "::ffff:192.0.2.7") is not None
    assert keeper.turn_away(CODE, "::ffff:192.0.2.8") is None
    assert keeper.turn_away(CODE, "2001:db8::5") is None
    assert keeper.turn_away(CODE, "camera.example") is not None


def test_a_list_entry_that_is_no_network_is_named():
    with pytest.raises(ValueError, match=r"'10\.1\.0' is no network"):
        Gatekeeper(allow_addresses=("10.1.0",))


@pytest.mark.parametrize("code", ["", "cam1", "3402000000132000000", "3402000000132000000x", "x" * 500])
def test_an_odd_code_is_refused_unless_somebody_added_it(code: str):
    verdict = House(None, admission=Admission.OPEN).ask(code=code, to_code=code)
    assert isinstance(verdict, Refused) and verdict.refusal.reason is Refusal.MALFORMED_CODE
    assert len(verdict.refusal.code) <= 64
    assert isinstance(House(Device(code)).ask(code=code, to_code=code), Challenged)


def test_nobody_registers_somebody_else():
    verdict = House().ask(to_code="34020000001320000002")
    assert isinstance(verdict, Refused) and verdict.refusal.reason is Refusal.CODE_MISMATCH


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ('Capability algorithm="A:SM2;H:SM3"', "expected Digest credentials, got capability"),
        ("Digest", "its Digest credentials cannot be read"),
        ("Digest username=x", "its Digest credentials cannot be read"),
        ("", "expected Digest credentials, got nothing"),
        ('Digest username="a",realm="b",nonce="c",uri="d",response="e",qop=auth-int', "got qop auth-int"),
    ],
)
def test_credentials_that_cannot_be_read_are_challenged_again_and_named(header: str, words: str):
    verdict = House().ask(authorizations=(header,))
    assert isinstance(verdict, Challenged) and verdict.refusal is not None
    assert verdict.refusal.reason is Refusal.MALFORMED_CREDENTIALS
    assert words in verdict.refusal.detail


@given(st.lists(st.text(max_size=200), max_size=3), st.text(max_size=60), st.text(max_size=40))
@profile(max_examples=80, deadline=None)
def test_noise_in_a_register_gets_a_verdict_and_never_a_grant(headers: list[str], code: str, agent: str):
    house = House(None, admission=Admission.OPEN)
    verdict = house.ask(authorizations=tuple(headers), code=code, to_code=code, user_agent=agent)
    assert isinstance(verdict, Challenged | Refused)


# --- lock-out


def test_after_five_wrong_passwords_a_source_must_wait_and_longer_each_time():
    house = House()
    for _ in range(4):
        assert isinstance(house.register("wrong"), Challenged)
    fifth = house.register("wrong")
    assert isinstance(fifth, Refused) and fifth.wait_s == 60.0
    assert fifth.refusal.reason is Refusal.WRONG_PASSWORD
    locked = house.ask()
    assert isinstance(locked, Refused) and locked.refusal.reason is Refusal.LOCKED_OUT
    house.now += 61
    sixth = house.register("wrong")
    assert isinstance(sixth, Refused) and sixth.wait_s == 120.0


def test_while_locked_even_the_right_password_is_not_looked_at():
    house = House()
    nonce = house.challenged().nonce
    for _ in range(5):
        house.register("wrong")
    assert isinstance(house.answer(nonce), Refused)
    house.now += 61
    assert house.register() == Granted()
    assert isinstance(house.register("wrong"), Challenged), "a success begins the count anew"


def test_the_true_device_elsewhere_is_not_locked_out_with_the_guesser():
    house = House()
    for _ in range(5):
        house.register("wrong")
    nonce = house.challenged(host="203.0.113.5").nonce
    assert house.answer(nonce, host="203.0.113.5") == Granted()


def test_an_operator_who_corrects_the_password_need_not_wait():
    house = House(Device(CODE, password="old"))
    for _ in range(5):
        house.register("new")
    assert isinstance(house.ask(), Refused)
    house.device = Device(CODE, password="new")
    assert house.register("new") == Granted()


def test_guessing_under_many_codes_locks_the_source_but_not_who_is_registered_there():
    house = House(lock_source_after=10)
    for number in range(10):
        code = f"3402000000132000{number:04d}"
        nonce = house.challenged(code=code, to_code=code).nonce
        house.answer(nonce, "wrong", code=code, to_code=code, username=code)
    assert isinstance(house.ask(), Refused)
    assert isinstance(house.ask(at_home=True), Challenged)


def test_one_stubborn_camera_does_not_lock_its_whole_site_out():
    house = House(lock_source_after=5)
    for _ in range(40):
        house.register("wrong")
        house.now += 30
    other = "34020000001320000009"
    assert isinstance(house.ask(code=other, to_code=other), Challenged)


def test_who_never_got_a_nonce_cannot_lock_anybody_out():
    house = House()
    for _ in range(100):
        house.answer("0" * 52, "wrong")
    assert house.register() == Granted()


def test_the_table_of_failures_is_bounded_and_the_oldest_gives_way():
    locks = Lockout(after=1, first_s=60, longest_s=3600, size=100)
    for number in range(1000):
        locks.fail(str(number), now=float(number))
    assert len(locks) == 100
    assert locks.wait_s("999", 999.0) == 60.0
    assert locks.wait_s("5", 999.0) == 0.0


def test_the_wait_has_a_ceiling_and_is_forgotten_at_last():
    locks = Lockout(after=3, first_s=60, longest_s=600, size=100)
    for _ in range(200):
        locks.fail("x", now=0.0)
    assert locks.wait_s("x", 0.0) == 600.0
    assert locks.fail("x", now=1201.0) == 1


def test_an_ipv6_guesser_cannot_hide_in_his_network():
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert network_of("fe80::1%eth0") == "fe80::/64"


# --- challenges nobody answers


def test_a_challenge_without_a_retry_is_told_after_a_while_with_both_addresses():
    house = House()
    house.ask(via="192.168.1.64:5060", user_agent="IP Camera")
    assert house.registrar.due(house.now + 19, AT) == []
    (seen,) = house.registrar.due(house.now + 20, AT)
    assert (seen.reason, seen.source, seen.user_agent) == (Refusal.NO_RETRY, "192.0.2.21:5060", "IP Camera")
    assert "sent to 192.0.2.21:5060" in seen.detail and "192.168.1.64:5060" in seen.detail
    assert house.registrar.due(house.now + 60, AT) == []


def test_a_retry_with_a_wrong_password_is_no_missing_retry():
    house = House()
    house.register("wrong")
    assert house.registrar.due(house.now + 100, AT) == []


def test_repeated_first_requests_are_one_story():
    watch = RetryWatch(patience_s=20, size=2)
    one = Unanswered(CODE, "a", 5060, "UDP", "", "", 1)
    for now in (0.0, 5.0, 15.0):
        watch.challenged(one, now)
    assert [silent.times for silent in watch.due(20.0)] == [3]


def test_strangers_cannot_fill_the_table_of_challenges():
    watch = RetryWatch(patience_s=20, size=100)
    for number in range(1000):
        watch.challenged(Unanswered(str(number), "a", 1, "UDP", "", "", 1), 0.0)
    assert len(watch) == 100
    assert len(watch.due(20.0)) == 100
    assert len(watch) == 0


# --- expiry, settings


@pytest.mark.parametrize(
    ("header", "contact", "granted"),
    [
        ("86400", None, 86400),
        (None, "7200", 7200),
        (None, None, 3600),
        ("3600", "60", 3600),
        ("", "90", 90),
        ("30", None, 60),
        ("0", None, 0),
        (None, "0", 0),
        ("000", None, 0),
        ("99999999999999999999", None, 7 * 86400),
        ("-5", None, 3600),
        ("soon", "later", 3600),
    ],
)
def test_expiry_is_granted_by_the_rules_of_the_field(header: str | None, contact: str | None, granted: int):
    assert granted_expiry_s(BelowSettings(), header, contact) == granted


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "123"},
        {"algorithms": ("MD4",)},
        {"algorithms": ()},
        {"expires_min_s": 7200},
        {"keepalive_count": 0},
        {"domain": 'a"b'},
        {"lock_source_after": 1},
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(BelowSettings(), **wrong)
