from __future__ import annotations

from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.launchers import MOST_TIME, Launcher


def test_are_what_words_of_the_command_line_say() -> None:
    assert [it.value for it in Launcher] == ["pytest", "torchrun", "ray"]


def test_a_launch_has_their_patience() -> None:
    assert Launch().timeout == MOST_TIME
