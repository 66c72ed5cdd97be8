from __future__ import annotations

from pathlib import Path

import pytest
from peers import HERE, OURS, PEERS, PURE, WEBSOCKETS_TRIO_WITHOUT_C, Environment
from tasks import FULL, QUICK, Group, Scale, in_bytes, suite


def test_each_has_a_module_and_pinned_versions() -> None:
    for peer in PEERS:
        assert (HERE / f"{peer.module}.py").exists()
        if peer != PURE:
            assert all("==" in requirement for requirement in peer.requirements)


def test_names_are_unique() -> None:
    everybody = [OURS, *PEERS]
    assert len({peer.name for peer in everybody}) == len(everybody)
    environments = {peer.environment.name: peer.environment for peer in everybody}
    assert all(environments[peer.environment.name] == peer.environment for peer in everybody)


def test_ours_without_c_is_ours_in_the_same_environment() -> None:
    assert PURE.environment is OURS.environment
    assert (PURE.accelerated, OURS.accelerated) == (False, True)
    assert PURE.variables == {"WS_CORE_PURE": "1"}


def test_the_stamp_is_all_that_decides_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    source = tmp_path / "src" / "fast.c"
    stamps = set()
    for text in ("int x;", "int y;"):
        source.write_text(text)
        for name in ("no", "yes"):
            environment = Environment("e", ("one==1",), ("-q",), {"C": name}, (tmp_path,))
            assert environment.stamp().startswith(f"C={name}\n-q\none==1\n")
            stamps.add(environment.stamp())
    assert len(stamps) == 4


def test_websockets_is_built_without_its_c() -> None:
    environment = WEBSOCKETS_TRIO_WITHOUT_C.environment
    assert environment.variables == {"BUILD_EXTENSION": "no"}
    assert WEBSOCKETS_TRIO_WITHOUT_C.accelerated is False


@pytest.mark.parametrize("scale", [FULL, QUICK], ids=["full", "quick"])
def test_every_group_is_measured_and_every_title_is_its_own(scale: Scale) -> None:
    tasks = suite(scale, most_connections=10**9)
    assert {task.group for task in tasks} == {*Group}
    assert len({task.title for task in tasks}) == len(tasks)
    assert all(OURS.name == task.peers[0] for task in tasks)


def test_a_quick_run_leaves_out_who_is_there_for_reference() -> None:
    def names(scale: Scale) -> set[str]:
        return {name for task in suite(scale, most_connections=10**9) for name in task.peers}

    assert names(FULL) == {peer.name for peer in (OURS, *PEERS)}
    assert names(FULL) - names(QUICK) == {peer.name for peer in PEERS if not peer.quick}


def test_no_crowd_is_larger_than_a_process_may_have() -> None:
    tasks = suite(FULL, most_connections=4_000)
    crowds = [task.title for task in tasks if task.group == Group.CROWD]
    assert crowds == ["1 open", "10 open", "100 open", "1,000 open", "4,000 open"]


def test_sizes_as_people_write_them() -> None:
    assert [in_bytes(size) for size in (16, 4096, 2**26)] == ["16 B", "4 KiB", "64 MiB"]
