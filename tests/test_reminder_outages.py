"""Whatever a mail server does, and whatever is paid in between: nothing is asked that is not owed, no level twice, none lost in silence."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import mailserver
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from owed import MORNING, Owing, open_owing, serve

from station import dunning, outbox
from station.outbox import Sent
from station.records import dunning as records
from station.records.tables import AgendaRow, OutboxRow, Sending

LADDERS = """echelles: essai
titre: Essai
liste:
  entreprises:
    titre: Entreprises
    pour: [privé]
    groupe: client
    niveaux:
      relance-1: {titre: Première, jours: 1, canal: courriel, modele: relance-1}
      relance-2: {titre: Deuxième, jours: 4, canal: courriel, modele: relance-1, ecart: 2}
essais:
  - {titre: T, echelle: entreprises, echeance: 2026-11-30, attendu: {relance-1: 2026-12-01, relance-2: 2026-12-04}}
"""
LEVELS = {"relance-1", "relance-2"}
PART = Decimal("457.13")
"""No sum that is left of an invoice is written at the end of another."""
STEPS = st.one_of(
    st.tuples(st.just("owes"), st.integers(-1, 5)),
    st.tuples(st.just("pays"), st.integers(0, 3)),
    st.tuples(st.just("server"), st.sampled_from(["up", "away", "refuse", "later", "silent"])),
    st.tuples(st.just("hours"), st.sampled_from([1, 7, 24, 72])),
)


class House:
    """One customer, a mail server with moods, and what came of it."""

    def __init__(self, home: Path, box: mailserver.Mailbox) -> None:
        home.mkdir()
        (home / "x.echelles.yaml").write_text(LADDERS, encoding="utf-8")
        self.owing: Owing = open_owing(home, box.port, ladders="x.echelles.yaml")
        self.box, self.left, self.read = box, dict[str, Decimal](), 0
        self.came = dict[tuple[str, str], str]()
        self.owes(2)

    def owes(self, late: int) -> None:
        if len(self.left) < 3:
            item = self.owing.owes(f"F-{len(self.left) + 1}", self.owing.today - timedelta(days=late))
            self.left[str(item)] = Decimal("1200.00")

    def pays(self, place: int) -> None:
        item = list(self.left)[place % len(self.left)]
        amount = min(PART, self.left[item])
        if amount:
            self.owing.happens(int(item), "payment", self.owing.today, str(amount))
            self.left[item] -= amount

    def server(self, mood: str) -> None:
        self.box.refuse, self.box.later, self.box.silent = mood == "refuse", mood == "later", mood == "silent"
        serve(self.owing, 1 if mood == "away" else self.box.port)

    def hours(self, count: int) -> None:
        self.owing.turn(self.owing.now + timedelta(hours=count))
        self.look()

    def rows(self, table) -> list:
        with self.owing.station.database.reading() as session:
            return list(session.scalars(sa.select(table).order_by(table.id)))

    def look(self) -> None:
        """Every e-mail that came, a second time, too, says what is owed now; each level of an invoice came under one Message-ID."""
        for message in self.box.messages[self.read :]:
            name, text = str(message["Message-ID"]), message.get_content().replace("\u202f", "").replace("\u00a0", "")
            members = [each for each in self.rows(Sending) if each.message_id == name]
            assert members
            for each in members:
                assert self.left[each.item_id] == Decimal(each.balance) > 0
                assert each.balance.replace(".", ",") in text
                assert self.came.setdefault((each.item_id, each.level), name) == name
        self.read = len(self.box.messages)

    def settle(self) -> None:
        """The server is back, what the outbox gave up is tried again by a person, and some weeks pass."""
        self.server("up")
        self.owing.now = MORNING.replace(day=self.owing.now.day, month=self.owing.now.month)
        for _ in range(16):
            with self.owing.station.database.writing() as session:
                for row in outbox.rows_of(session, "essai", (Sent.DEAD,), 50):
                    outbox.retry_now(session, "essai", row.id, self.owing.now)
            self.hours(24)

    def judge(self) -> None:
        asked = {each.object for each in self.rows(AgendaRow) if each.kind == dunning.DOUBT}
        sendings = self.rows(Sending)
        letters = {each.item_id: {one.item_id for one in sendings if one.letter == each.letter} for each in sendings if each.letter}
        for each in sendings:
            sure = each.state == records.SENT and (each.item_id, each.level) in self.came
            doubted = each.state == records.UNSURE and bool(asked & ({each.item_id} | letters.get(each.item_id, set())))
            assert sure or doubted, (each.item_id, each.level, each.state)
        for item, left in self.left.items():
            assert left == 0 or {each.level for each in sendings if each.item_id == item} == LEVELS
        done = {each.id for each in self.rows(AgendaRow) if each.state == "done"}
        for each in self.rows(OutboxRow):
            assert each.state in (Sent.SENT, Sent.DROPPED)
            assert each.state == Sent.DROPPED or int(each.key.split(":")[1]) in done


def live(home: Path, steps: list[tuple[str, object]]) -> None:
    with mailserver.open_mailbox() as box:
        house = House(home, box)
        house.hours(0)
        for act, how in steps:
            getattr(house, act)(how)
        house.settle()
        house.judge()
        house.owing.station.database.close()


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(STEPS, min_size=6, max_size=14))
def test_nothing_paid_is_asked_no_level_leaves_twice_and_none_is_lost_in_silence(tmp_path_factory, steps):
    live(tmp_path_factory.mktemp("owing") / "home", steps)


def test_so_it_is_over_a_weekend_with_doubts_and_part_payments(tmp_path):
    steps: list[tuple[str, object]] = [
        ("owes", 3), ("server", "away"), ("hours", 24), ("pays", 0), ("hours", 24), ("server", "silent"), ("hours", 24), ("pays", 1),
        ("server", "later"), ("hours", 24), ("hours", 24), ("server", "up"), ("hours", 24), ("pays", 1), ("pays", 1), ("hours", 24),
    ]  # fmt: skip
    live(tmp_path / "home", steps)
