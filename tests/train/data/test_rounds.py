import json
from collections.abc import Callable
from pathlib import Path

import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.train.data import rounds
from densepose_mobile.train.data.rounds import Journal, Round, Rounds

Writer = Callable[..., None]


def keys(opened: Round) -> list[tuple[str, int]]:
    return [(picture.shard, picture.spans[0][0]) for picture in opened.pictures]


def test_a_round_holds_every_picture_once_in_an_order_of_its_own(tmp_path: Path, shard: Writer) -> None:
    for name in ("a.tar", "b.tar"):
        shard(tmp_path / name, range(4))
    first, again = (Rounds(tmp_path, 0).open(1, {}) for _ in range(2))
    other, second = Rounds(tmp_path, 1).open(1, {}), Rounds(tmp_path, 0).open(2, {"a.tar": 1, "b.tar": 1})
    assert first.shards == ("a.tar", "b.tar")
    assert keys(first) == keys(again)
    assert sorted(keys(first)) == sorted(keys(other)) == sorted(keys(second))
    assert len({tuple(keys(opened)) for opened in (first, other, second)}) == 3
    assert len(set(keys(first))) == 8


def test_what_was_read_least_comes_first(tmp_path: Path, shard: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_SHARDS", 2)
    for name in "abcd":
        shard(tmp_path / f"{name}.tar", range(1))
    source = Rounds(tmp_path, 0)
    first = source.open(1, {})
    reads = dict.fromkeys(first.shards, 1)
    assert len(first.shards) == 2
    shard(tmp_path / "e.tar", range(1))  # appears while the round lasts
    second = source.open(2, reads)
    third = source.open(3, reads | dict.fromkeys(second.shards, 1))
    assert not set(first.shards) & set(second.shards)
    assert set(first.shards) | set(second.shards) | set(third.shards) == {f"{name}.tar" for name in "abcde"}
    assert len(third.shards) == 1


def test_broken_shards_are_left_out_and_warned_of_once(
    tmp_path: Path, shard: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "bad.tar").write_bytes(b"not a tar" * 300)
    shard(tmp_path / "good.tar", range(2))
    source = Rounds(tmp_path, 0)
    assert source.open(1, {}).shards == source.open(2, {"good.tar": 1}).shards == ("good.tar",)
    assert caplog.text.count("bad.tar is left out") == 1


@pytest.mark.parametrize("broken", [False, True])
def test_waiting_in_vain_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bool) -> None:
    monkeypatch.setattr(rounds, "_PATIENCE", 0.0)
    if broken:
        (tmp_path / "bad.tar").write_bytes(b"")
    with pytest.raises(InputError, match="no shard"):
        Rounds(tmp_path, 0).open(1, {})


def test_the_first_shard_is_waited_for(tmp_path: Path, shard: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds.time, "sleep", lambda seconds: shard(tmp_path / "a.tar", range(1)))
    assert Rounds(tmp_path, 0).open(1, {}).shards == ("a.tar",)


def test_rounds_are_repeated_from_the_journal_though_the_folder_has_grown(tmp_path: Path, shard: Writer) -> None:
    data, journal = tmp_path / "data", tmp_path / "rounds.jsonl"
    data.mkdir()
    shard(data / "a.tar", range(2))
    begun = Rounds(data, 0, journal)
    begun.open(1, {})
    second = begun.open(2, {"a.tar": 1})
    shard(data / "b.tar", range(2))
    resumed = Rounds(data, 0, journal)
    assert keys(resumed.open(2, {"a.tar": 1})) == keys(second)
    assert resumed.open(3, {"a.tar": 2}).shards == ("b.tar",)
    assert [json.loads(line)["shards"] for line in journal.read_text().splitlines()] == [
        ["a.tar"],
        ["a.tar"],
        ["b.tar"],
    ]


def test_what_the_journal_names_may_be_gone(tmp_path: Path, shard: Writer, caplog: pytest.LogCaptureFixture) -> None:
    Journal(tmp_path / "rounds.jsonl").write(1, ["gone.tar"])
    shard(tmp_path / "a.tar", range(2))
    assert Rounds(tmp_path, 0, tmp_path / "rounds.jsonl").open(1, {}).shards == ("a.tar",)
    assert "gone.tar is left out" in caplog.text
    assert Journal(tmp_path / "rounds.jsonl").shards(1) == ["a.tar"]


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "rounds.jsonl"
    for number, name in ((1, "a.tar"), (2, "b.tar")):
        Journal(path).write(number, [name])
    path.write_text(path.read_text()[:-5])
    assert (Journal(path).shards(1), Journal(path).shards(2)) == (["a.tar"], None)


def test_an_index_made_ahead_is_not_used_when_the_file_has_changed(tmp_path: Path, shard: Writer) -> None:
    shard(tmp_path / "a.tar", range(2))
    source = Rounds(tmp_path, 0)
    source.open(1, {})
    shard(tmp_path / "a.tar", range(5))
    assert len(source.open(2, {"a.tar": 1}).pictures) == 5
