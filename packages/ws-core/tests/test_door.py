import ws_core


def test_everything_in_the_door_is_there_and_nothing_else_is() -> None:
    names = {
        name
        for name, value in vars(ws_core).items()
        if not name.startswith("_") and type(value) is not type(ws_core)
    }
    assert names | {"__version__"} == {*ws_core.__all__}


def test_version_is_that_of_a_release() -> None:
    assert [part.isdecimal() for part in ws_core.__version__.split(".")] == [True] * 3
