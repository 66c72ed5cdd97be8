from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from certificates import make_certificates
from crowds import can_measure_memory
from figures import Figures, Machine
from orders import Order
from peers import Environment, Peer
from running import measure_all
from tasks import Group, Task
from workers import Circumstances, Worker, most_connections, worker

IN_ONE_PROCESS = [
    Order("echo", 0.01),
    Order("echo", 0.01, size=2**21),
    Order("one_way", 0.01),
    Order("connects", 0.01),
]
IN_TWO_PROCESSES = [
    Order("crowd", 0.01, count=3),
    pytest.param(
        Order("memory", 0.01, count=3),
        marks=pytest.mark.skipif(not can_measure_memory(), reason="only Linux tells"),
    ),
]


class Here(Environment):
    """Where the tests run."""

    def python(self) -> str:
        return sys.executable


def here(module: str, name: str = "ours") -> Peer:
    return Peer(name, module, Here("here", ()))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return str(folder)


@pytest.mark.parametrize("module", ["with_trio_websocket", "with_bare_trio"])
@pytest.mark.parametrize("order", [*IN_ONE_PROCESS, *IN_TWO_PROCESSES], ids=str)
def test_a_worker_measures(module: str, order: Order) -> None:
    with worker(here(module)) as measuring:
        assert [measuring.measure(order) > 0 for _ in range(2)] == [True, True]


@pytest.mark.parametrize("module", ["with_trio_websocket", "with_bare_trio"])
def test_a_worker_measures_over_tls(module: str, certificates: str) -> None:
    with worker(here(module)) as measuring:
        assert measuring.measure(Order("echo", 0.01, tls=certificates)) > 0


@pytest.mark.parametrize("module", ["with_trio_websocket", "with_zlib"])
def test_a_worker_measures_compression(module: str) -> None:
    with worker(here(module)) as measuring:
        assert measuring.measure(Order("echo", 0.01, size=2**10, deflate=True)) > 0


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_a_worker_measures_fragments(count: int) -> None:
    with worker(here("with_trio_websocket")) as measuring:
        assert measuring.measure(Order("fragments", 0.01, size=2**16, count=count)) > 0


def test_a_worker_says_what_it_runs_on() -> None:
    with worker(here("with_trio_websocket")) as measuring:
        assert {"accelerated", "OpenSSL", "zlib", "trio", "ws-core"} <= measuring.versions.keys()


def process(program: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True)


def test_a_worker_that_does_not_start_is_an_error() -> None:
    with (
        process("raise SystemExit(3)") as started,
        pytest.raises(RuntimeError, match="died with 3"),
    ):
        Worker(started)


def test_a_worker_that_dies_is_an_error() -> None:
    with process("print('{}', flush=True); input(); raise SystemExit(3)") as started:
        measuring = Worker(started)
        with pytest.raises(RuntimeError, match="died with 3"):
            measuring.measure(IN_ONE_PROCESS[0])


CIRCUMSTANCES = Circumstances(0.01, "certificates", 1)
ECHO = Task("an echo", Group.ECHO, "echo", ("one", "two"))


def figures(*tasks: Task, rounds: int = 2) -> Figures:
    return Figures(Machine("", 2, "", ""), rounds, 0.01, list(tasks))


def test_all_take_turns() -> None:
    found = figures(ECHO, replace(ECHO, title="once", most_rounds=1))
    peers = [here("with_trio_websocket", "one"), here("with_bare_trio", "two")]
    measure_all(found, [*peers, here("with_nothing", "not asked for")], CIRCUMSTANCES)
    counts = {title: {n: len(v) for n, v in of.items()} for title, of in found.values.items()}
    assert counts == {"an echo": {"one": 2, "two": 2}, "once": {"one": 1, "two": 1}}
    assert found.versions.keys() == {"one", "two"}
    assert found.failures == []


def test_one_that_fails_does_not_stop_the_others() -> None:
    impossible = replace(ECHO, title="impossible", measure="nothing", peers=("one",))
    found = figures(impossible, ECHO)
    measure_all(found, [here("with_bare_trio", "one")], CIRCUMSTANCES)
    assert found.values.keys() == {"an echo"}
    assert len(found.of("an echo", "one")) == 2
    assert found.failures == ["one: no result of impossible"]


@pytest.mark.parametrize(("wanted", "told"), [(True, ["one: its C does not run"]), (None, [])])
def test_it_is_told_when_c_does_not_run_that_should(wanted: bool | None, told: list[str]) -> None:
    found = figures(ECHO, rounds=2)
    measure_all(found, [replace(here("with_bare_trio", "one"), accelerated=wanted)], CIRCUMSTANCES)
    assert found.failures == told


def test_an_order_is_a_task_under_circumstances() -> None:
    task = Task("x", Group.TLS, "echo", (), 64, 3, tls=True, deflate=True)
    order = CIRCUMSTANCES.order(task)
    assert order == Order("echo", 0.01, 64, 3, "certificates", deflate=True, core=1)
    assert Order.loads(order.dumps()) == order
    assert CIRCUMSTANCES.order(replace(task, tls=False)).tls is None


def test_a_process_may_have_some_connections() -> None:
    assert most_connections() > 0
