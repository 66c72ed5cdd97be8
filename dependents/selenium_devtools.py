"""Runs Selenium's DevTools client on our trio-websocket, with a real Chromium at the other end.

`python dependents/selenium_devtools.py` prints a line per check and exits with 0 if all is well,
with 1 if something is not, with 2 if there is no Chromium.

Only what Selenium does through trio-websocket is checked: `driver.bidi_connection()`, and `Log`
upon it. The rest of Selenium's BiDi, and `driver.start_devtools()`, use websocket-client.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, TypeVar

import selenium
import trio
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.bidi import cdp
from selenium.webdriver.common.bidi.console import Console
from selenium.webdriver.common.log import Log

import trio_websocket

PACKAGES = Path(__file__).resolve().parent.parent / "packages"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Seconds that a check may take, and all of them with starting the browsers.
DEADLINE = 15
TOTAL_DEADLINE = 100
# Bytes, more than the sockets between us and a browser that reads nothing take in.
TOO_LARGE = 32 * 2**20

Subject = TypeVar("Subject")


class WrongAnswer(Exception):
    """Something came out otherwise than it must; the text says what."""


def expect(truth: bool, text: str) -> None:
    """Go on only if this is the truth.

    Raises:
        WrongAnswer: if it is not.
    """
    if not truth:
        raise WrongAnswer(text)


async def report(name: str, check: Callable[[Subject], Awaitable[str]], subject: Subject) -> None:
    """Check something in time, and print the figures that came out."""
    print(f"{name:24}", end="", flush=True)
    with trio.fail_after(DEADLINE):
        print(await check(subject), flush=True)


# The browser.


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Chromium, with a profile and a home of its own that are gone when the block is left."""
    with TemporaryDirectory(prefix="selenium-") as folder:
        options = ChromeOptions()
        options.binary_location = find("chromium")
        for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        # Naming the driver keeps Selenium from downloading one.
        service = ChromeService(
            find("chromedriver"),
            env={**os.environ, "HOME": folder, "TMPDIR": folder},
            popen_kw={"start_new_session": True},
        )
        try:
            driver = Chrome(options=options, service=service)
            driver.get("data:text/html,<p>A page</p>")
            yield driver
            driver.quit()
        finally:
            end(service)


def end(service: Any) -> None:
    """Kill what is left of a driver and its browser: what hangs, or may write into the profile."""
    process = getattr(service, "process", None)
    if process is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def find(program: str) -> str:
    """The path of a program; without it all ends here, with exit code 2."""
    path = shutil.which(program)
    if path is None:
        print(f"There is no {program} on the PATH. On Debian:", file=sys.stderr)
        print("apt-get install chromium chromium-driver", file=sys.stderr)
        sys.exit(2)
    return path


@dataclass(frozen=True)
class Page:
    """A page that Selenium's DevTools client is attached to.

    Attributes:
        driver: Selenium's `Chrome`.
        bidi: What `driver.bidi_connection()` gave.
    """

    driver: Any
    bidi: Any

    @property
    def session(self) -> Any:
        """The session, for executing commands and listening to events."""
        return self.bidi.session

    @property
    def devtools(self) -> Any:
        """The commands and events of the protocol, as Selenium generated them."""
        return self.bidi.devtools

    async def evaluate(self, expression: str) -> Any:
        """What an expression in JavaScript is in the page.

        Raises:
            WrongAnswer: if it throws.
        """
        command = self.devtools.runtime.evaluate(expression, return_by_value=True)
        result, thrown = await self.session.execute(command)
        expect(thrown is None, f"JavaScript threw {thrown}")
        return result.value


@asynccontextmanager
async def attached(driver: Any) -> AsyncIterator[Page]:
    """Attach Selenium's client to the page; leaving the block must leave no task."""
    before = trio.lowlevel.current_statistics().tasks_living
    async with driver.bidi_connection() as bidi:
        yield Page(driver, bidi)
    left = trio.lowlevel.current_statistics().tasks_living - before
    expect(left == 0, f"{left} tasks are left after closing")


# What is checked in one session.


async def console_events(page: Page) -> str:
    """All that the page says on its console is heard, in order."""
    count = 2000
    runtime = page.devtools.runtime
    # By default Selenium drops all but ten events that nobody has taken yet.
    events = page.session.listen(runtime.ConsoleAPICalled, buffer_size=count)
    await page.session.execute(runtime.enable())
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(page.evaluate, f"for (let i = 0; i < {count}; i++) console.log(i)")
        heard = [(await events.receive()).args[0].value for _ in range(count)]
    seconds = trio.current_time() - start
    await events.aclose()
    expect(heard == list(range(count)), f"{count} messages came as {heard}")
    return f"{count:,} in order, {count / seconds:,.0f} a second"


async def large_result(page: Page) -> str:
    """A long string comes out of the page as it is."""
    start = trio.current_time()
    got = await page.evaluate(
        "Array.from({length: 300000}, (_, i) => String(i).padStart(9, '0') + 'é').join('')"
    )
    seconds = trio.current_time() - start
    expect(len(got) == 3_000_000, f"{len(got):,} characters came instead of 3,000,000")
    expect(got == "".join(f"{i:09}é" for i in range(300_000)), "they are not the right ones")
    return f"3,000,000 characters in {seconds:.3f} s"


async def large_command(page: Page) -> str:
    """A long string gets into the page as it is, and back."""
    text = "".join(f"{i:09}é" for i in range(100_000))
    start = trio.current_time()
    got = await page.evaluate(json.dumps(text))
    seconds = trio.current_time() - start
    expect(got == text, "an expression of 1,000,000 characters came back changed")
    return f"1,000,000 characters there and back in {seconds:.3f} s"


async def square(page: Page, number: int) -> None:
    """Let the page square a number."""
    answer = await page.evaluate(f"{number} * {number}")
    expect(answer == number * number, f"the square of {number} came as {answer!r}")


async def calls_in_turn(page: Page) -> str:
    """Many calls, each after the answer to the one before."""
    count = 500
    start = trio.current_time()
    for number in range(count):
        await square(page, number)
    return f"{count} calls, {count / (trio.current_time() - start):,.0f} a second"


async def calls_at_once(page: Page) -> str:
    """Many tasks with a call each, all on the way at the same time."""
    count = 200
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(square, page, number)
    return f"{count} tasks, {count / (trio.current_time() - start):,.0f} calls a second"


async def log_listeners(page: Page) -> str:
    """Selenium's own listeners hear the console, errors, and changes of the document."""
    log: Any = Log(page.driver, page.bidi)
    run = page.driver.execute_script
    async with log.add_listener(Console.ALL) as console:
        run("console.log('heard')")
    expect(console["message"] == "heard", f"the console came as {console}")
    async with log.add_js_error_listener() as error:
        run("setTimeout(() => { throw new Error('thrown') })")
    thrown = error.exception_details.text
    expect(thrown == "Uncaught Error: thrown", f"an error came as {thrown!r}")
    async with log.mutation_events() as change:
        page.driver.refresh()  # Selenium's observer gets into new documents only
        run("document.querySelector('p').setAttribute('lang', 'eo')")
    seen = change["element"].tag_name, change["attribute_name"], change["current_value"]
    expect(seen == ("p", "lang", "eo"), f"a change came as {change}")
    return "the console, an error, a changed attribute"


CHECKS: Mapping[str, Callable[[Page], Awaitable[str]]] = {
    "console events": console_events,
    "a large result": large_result,
    "a large command": large_command,
    "calls in turn": calls_in_turn,
    "calls at once": calls_at_once,
    "listeners of Log": log_listeners,
}


async def one_session(driver: Any) -> None:
    """All checks in one session, and its end."""
    async with attached(driver) as page:
        for name, check in CHECKS.items():
            await report(name, check, page)
        start = trio.current_time()
    seconds = trio.current_time() - start
    closed = page.session.ws.closed
    expect(closed.code == 1000, f"the closing handshake ended with {closed}")
    print(f"{'closing':24}in {seconds:.3f} s with {closed.code}, no task left")


# The browser goes first.


async def expect_closed(page: Page, expression: str) -> None:
    """A command must raise Selenium's exception for a connection that is gone."""
    try:
        await page.evaluate(expression)
    except cdp.CdpConnectionClosed:
        return
    raise WrongAnswer("a command went through though the browser is gone")


async def expect_end(page: Page, events: Any) -> None:
    """A listener must end when the browser is gone, and commands must fail from then on."""
    try:
        event = await events.receive()
    except trio.EndOfChannel:
        await expect_closed(page, "1")
    else:
        raise WrongAnswer(f"an event came though the browser is gone: {event}")


async def quit_while_attached(driver: Any) -> str:
    """The browser is told to go while the client is attached."""
    async with attached(driver) as page:
        events = page.session.listen(page.devtools.runtime.ConsoleAPICalled)
        start = trio.current_time()
        await trio.to_thread.run_sync(driver.quit, abandon_on_cancel=True)
        await expect_end(page, events)
    return f"noticed and left in {trio.current_time() - start:.3f} s, CdpConnectionClosed"


async def killed_while_sending(driver: Any) -> str:
    """The browser stops reading in the midst of a command, and dies."""
    process = driver.capabilities["goog:processID"]
    async with attached(driver) as page:
        events = page.session.listen(page.devtools.runtime.ConsoleAPICalled)
        os.kill(process, signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect_closed, page, " " * TOO_LARGE)
            await trio.sleep(0.5)
            os.kill(process, signal.SIGKILL)
            start = trio.current_time()
        await expect_end(page, events)
    return f"noticed and left in {trio.current_time() - start:.3f} s, CdpConnectionClosed"


ENDS: Mapping[str, Callable[[Any], Awaitable[str]]] = {
    "quit while attached": quit_while_attached,
    "killed while sending": killed_while_sending,
}


# All of it.


def introduce(*, any_version: bool) -> None:
    """Print what meets here; it has to be ours that Selenium uses."""
    home = Path(trio_websocket.__file__).resolve()
    if not any_version:
        expect(home.is_relative_to(PACKAGES), f"trio-websocket is from {home}, not from here")
    ours = issubclass(cdp.CdpConnectionClosed, trio_websocket.ConnectionClosed)
    expect(ours, "Selenium has its WebSockets from elsewhere")
    print(f"Selenium {selenium.__version__}, Python {platform.python_version()}")
    # The metadata of an editable install are those of the day when it was made.
    ours_is = version("trio-websocket") if any_version else trio_websocket.__version__
    print(f"trio {trio.__version__}, trio-websocket {ours_is} in {home.parent}")


def give_up(number: int, _frame: object) -> NoReturn:
    """Leave whatever we are in, because of a signal.

    Raises:
        WrongAnswer: always.
    """
    raise WrongAnswer(f"ended by {signal.Signals(number).name}")


def main() -> None:
    """Read the command line, check all, and say how it went."""
    parser = argparse.ArgumentParser(description="Run Selenium's DevTools client on ours.")
    parser.add_argument(
        "--any-version", action="store_true", help="take the trio-websocket that is installed"
    )
    options = parser.parse_args()
    # However we are ended, the browser is to end with us.
    signal.signal(signal.SIGTERM, give_up)
    # Selenium talks to the driver outside Trio, whose deadlines don't reach there.
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TOTAL_DEADLINE)
    try:
        introduce(any_version=options.any_version)
        with chromium() as driver:
            print(f"Chromium {driver.capabilities['browserVersion']}")
            trio.run(one_session, driver)
        for name, check in ENDS.items():
            with chromium() as driver:
                trio.run(report, name, check, driver)
    except Exception:  # noqa: BLE001 - whatever it is, it is a failure
        print("FAILED", flush=True)
        traceback.print_exc()
        sys.exit(1)


if __name__ == "__main__":
    main()
