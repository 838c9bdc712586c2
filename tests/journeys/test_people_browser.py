"""An administrator keeps people, keys of programs and signed neighbours in a real browser."""

from __future__ import annotations

import re

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect

from tests.journeys.conftest import CAMERA, Estate
from tests.journeys.test_browser import browser, log_in  # noqa: F401  # a fixture is used by its name

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
INITIAL, SEED = "four grey herons", "agreed on by telephone"


async def open_tab(page: Page, estate: Estate, name: str) -> None:
    await page.goto(f"{estate.house.console_url}/system?tab={name}")


async def agree(page: Page) -> None:
    await page.get_by_role("dialog").get_by_role("button", name="删除", exact=True).click()


async def test_people_keys_and_seals_are_added_changed_and_taken_back(estate: Estate, browser: Browser):  # noqa: F811
    page = await log_in(browser, estate)
    accounts = estate.house.directory.accounts

    await open_tab(page, estate, "users")
    await page.get_by_role("button", name="添加用户").click()
    form = page.get_by_role("dialog")
    await form.locator("input").first.fill("wang")
    await form.locator("input[type=password]").fill("short")
    await expect(form.get_by_role("button", name="保存")).to_be_disabled()
    await form.locator("input[type=password]").fill(INITIAL)
    await form.get_by_role("button", name="保存").click()
    row = page.get_by_role("row", name=re.compile("wang"))
    await expect(row).to_contain_text("待改密码")
    await row.get_by_role("button").click()
    await page.get_by_text("停用", exact=True).click()
    await expect(row).to_contain_text("已停用")
    # A name that is taken is refused in the form, which stays.
    await page.get_by_role("button", name="添加用户").click()
    await form.locator("input").first.fill("wang")
    await form.locator("input[type=password]").fill(INITIAL)
    await form.get_by_role("button", name="保存").click()
    await expect(form.get_by_role("alert")).to_be_visible()
    await form.get_by_role("button", name="取消").click()
    await row.get_by_role("button").click()
    await page.get_by_text("删除", exact=True).click()
    await agree(page)
    await expect(row).to_have_count(0)
    assert accounts.user("wang") is None

    await open_tab(page, estate, "keys")
    await page.get_by_role("button", name="新建密钥").click()
    await form.locator("input").first.fill("大屏")
    await form.get_by_role("button", name="添加", exact=True).click()
    secret = await page.locator("code.mono").inner_text()
    await page.get_by_role("button", name="完成").click()
    headers = {"Authorization": f"Bearer {secret}"}
    async with aiohttp.ClientSession(estate.house.console_url, headers=headers) as program:
        async with program.get("/api/v1/tree") as answer:
            assert answer.status == 200
        key = page.get_by_role("row", name=re.compile("大屏"))
        await key.get_by_role("button", name="删除").click()
        await agree(page)
        await expect(key).to_have_count(0)
        async with program.get("/api/v1/tree") as answer:
            assert answer.status == 401

    # Nobody can be signed with who is not known.
    await open_tab(page, estate, "seals")
    await page.get_by_test_id("seal-add").click()
    await form.locator("input").first.fill(CAMERA)
    await form.get_by_placeholder("与对方事先约定").fill(SEED)
    await form.get_by_role("button", name="保存").click()
    await expect(form.get_by_role("alert")).to_be_visible()
    await estate.camera()
    await form.get_by_role("button", name="保存").click()
    sealed = page.get_by_role("row", name=re.compile(CAMERA))
    await expect(sealed).to_contain_text("SM3")
    await expect(form).to_have_count(0)
    assert SEED not in await page.content()
    await sealed.get_by_role("button", name="删除").click()
    await agree(page)
    await expect(sealed).to_have_count(0)
