"""What stays as it is becomes still by this machine's own count, whatever any wall clock says."""

from station.stillness import Stillness


def test_what_stays_as_it_is_grows_still_and_what_changes_begins_anew():
    seen = Stillness()
    assert [seen.seconds("a", state, at) for state, at in [(1, 10.0), (1, 12.0), (2, 13.0), (2, 20.0)]] == [0.0, 2.0, 0.0, 7.0]


def test_each_name_is_counted_by_itself_and_what_is_forgotten_begins_anew():
    seen = Stillness()
    for name in ("a", "b", "c"):
        seen.seconds(name, None, 0.0)
    seen.forget("a")
    seen.keep({"a", "b"})
    assert [seen.seconds(name, None, 5.0) for name in ("a", "b", "c")] == [0.0, 5.0, 0.0]
