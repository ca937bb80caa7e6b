"""workflow: rules, circuits, agenda, receivables, accounting"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_payables()
    _add_circuits()
    _add_studio()
    _add_agenda()
    _add_receivables()


def _add_studio() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "rule_draft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("base", sa.String(length=64), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_draft")),
        sa.UniqueConstraint("entity", "kind", "name", "person", name=op.f("uq_rule_draft_entity")),
    )
    op.create_table(
        "rule_replay",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("against", sa.String(length=64), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_replay")),
    )
    op.create_index("ix_rule_replay_text", "rule_replay", ["entity", "kind", "name", "sha256"])
    op.create_table(
        "rule_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("replay_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=True),
        sa.Column("decided_by", sa.String(length=32), nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["replay_id"], ["rule_replay.id"], name=op.f("fk_rule_request_replay_id_rule_replay")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_request")),
    )
    op.create_index("ix_rule_request_open", "rule_request", ["entity", "decided_at"])


def _add_agenda() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "agenda",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("level", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("not_before", sa.String(length=10), nullable=True),
        sa.Column("suspended_until", sa.String(length=10), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agenda")),
        sa.UniqueConstraint("entity", "kind", "object", "level", name=op.f("uq_agenda_entity")),
    )
    op.create_index("ix_agenda_due", "agenda", ["entity", "state", "day"])
    op.create_table(
        "suspension",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("lifted_at", moment, nullable=True),
        sa.Column("lifted_by", sa.String(length=32), nullable=True),
        sa.Column("lifted_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspension")),
    )
    op.create_index("ix_suspension_scope", "suspension", ["entity", "scope", "value"])
    op.create_table(
        "sending",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("item_id", sa.String(length=80), nullable=False),
        sa.Column("customer", sa.String(length=80), nullable=False),
        sa.Column("level", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=12), nullable=False),
        sa.Column("agenda_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("balance", sa.String(length=20), nullable=False),
        sa.Column("interest", sa.String(length=20), nullable=False),
        sa.Column("indemnity", sa.String(length=20), nullable=False),
        sa.Column("computation", sa.JSON(), nullable=False),
        sa.Column("rules", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("left_at", moment, nullable=True),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("tracking", sa.String(length=40), nullable=False),
        sa.Column("deposited_on", sa.String(length=10), nullable=True),
        sa.Column("deposit_sha256", sa.String(length=64), nullable=True),
        sa.Column("received_on", sa.String(length=10), nullable=True),
        sa.Column("receipt", sa.String(length=12), nullable=False),
        sa.Column("receipt_sha256", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agenda_id"], ["agenda.id"], name=op.f("fk_sending_agenda_id_agenda")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending")),
        sa.UniqueConstraint("entity", "item_id", "level", name=op.f("uq_sending_entity")),
    )
    op.create_index(op.f("ix_sending_agenda_id"), "sending", ["agenda_id"])
    op.create_index(op.f("ix_sending_message_id"), "sending", ["message_id"])
    op.create_index("ix_sending_state", "sending", ["entity", "state"])


def _add_circuits() -> None:
    """Rules and circuits by version, and every document's way through them."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "rule_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("meaning", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("active_from", moment, nullable=True),
        sa.Column("activated_by", sa.String(length=32), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_version")),
        sa.UniqueConstraint("entity", "name", "number", name=op.f("uq_rule_version_entity")),
    )
    op.create_table(
        "circuit_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("meaning", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("active_from", moment, nullable=True),
        sa.Column("activated_by", sa.String(length=32), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("struck_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuit_version")),
        sa.UniqueConstraint("entity", "name", "number", name=op.f("uq_circuit_version_entity")),
    )
    op.create_table(
        "circuit_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("circuit", sa.String(length=60), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("meaning", sa.String(length=64), nullable=False),
        sa.Column("begun_by", sa.String(length=12), nullable=False),
        sa.Column("submitted_at", moment, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("step", sa.String(length=60), nullable=False),
        sa.Column("standing", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=60), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("bound", sa.String(length=64), nullable=False),
        sa.Column("approval_id", sa.Integer(), nullable=True),
        sa.Column("wake_on", sa.String(length=10), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_circuit_run_document_id_document")),
        sa.ForeignKeyConstraint(["version_id"], ["circuit_version.id"], name=op.f("fk_circuit_run_version_id_circuit_version")),
        sa.ForeignKeyConstraint(["approval_id"], ["task.id"], name=op.f("fk_circuit_run_approval_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuit_run")),
    )
    op.create_index("ix_circuit_run_approval_id", "circuit_run", ["approval_id"])
    op.create_index("ix_circuit_run_document_id", "circuit_run", ["document_id"])
    op.create_index("ix_circuit_run_open", "circuit_run", ["entity", "standing", "wake_on"])
    op.create_table(
        "circuit_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=12), nullable=False),
        sa.Column("before", sa.String(length=60), nullable=False),
        sa.Column("after", sa.String(length=60), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["circuit_run.id"], name=op.f("fk_circuit_step_run_id_circuit_run")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_circuit_step_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuit_step")),
        sa.UniqueConstraint("run_id", "revision", name=op.f("uq_circuit_step_run_id")),
    )
    op.create_index("ix_circuit_step_document_id", "circuit_step", ["document_id"])
    op.create_table(
        "circuit_task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("step", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("not_by", sa.JSON(), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("answer", sa.String(length=60), nullable=True),
        sa.Column("answered_by", sa.String(length=32), nullable=True),
        sa.Column("answered_at", moment, nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["circuit_run.id"], name=op.f("fk_circuit_task_run_id_circuit_run")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_circuit_task_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuit_task")),
        sa.UniqueConstraint("run_id", "serial", "kind", name=op.f("uq_circuit_task_run_id")),
    )
    op.create_index("ix_circuit_task_document_id", "circuit_task", ["document_id"])
    op.create_index("ix_circuit_task_open", "circuit_task", ["entity", "state", "due"])
    op.create_table(
        "circuit_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("outbox_key", sa.String(length=200), nullable=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("results", sa.JSON(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("put_at", moment, nullable=False),
        sa.Column("done_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["circuit_run.id"], name=op.f("fk_circuit_call_run_id_circuit_run")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_circuit_call_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuit_call")),
        sa.UniqueConstraint("run_id", "key", name=op.f("uq_circuit_call_run_id")),
    )
    op.create_index("ix_circuit_call_document_id", "circuit_call", ["document_id"])
    op.create_index("ix_circuit_call_state", "circuit_call", ["state"])
    op.create_table(
        "decision_made",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=60), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("rules", sa.String(length=60), nullable=False),
        sa.Column("table_name", sa.String(length=60), nullable=False),
        sa.Column("meaning", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("outputs", sa.JSON(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["circuit_run.id"], name=op.f("fk_decision_made_run_id_circuit_run")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_decision_made_document_id_document")),
        sa.ForeignKeyConstraint(["rule_id"], ["rule_version.id"], name=op.f("fk_decision_made_rule_id_rule_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_made")),
        sa.UniqueConstraint("run_id", "revision", "serial", name=op.f("uq_decision_made_run_id")),
    )
    op.create_index("ix_decision_made_document_id", "decision_made", ["document_id"])
    op.create_table(
        "circuit_watch",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=10), nullable=False),
        sa.Column("submitted_at", moment, nullable=True),
        sa.Column("appeared", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_circuit_watch_document_id_document")),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_circuit_watch")),
    )
    # What is there already goes on as it began: circuits look at what changes from now on; what was not
    # yet sealed or submitted enters them.
    op.execute(
        "INSERT INTO circuit_watch (document_id, entity, seen, stage, submitted_at, appeared, facts) "
        "SELECT d.id, d.entity, d.revision, coalesce(r.stage, ''), r.done_at, "
        "CASE WHEN d.state = 'sealed' AND coalesce(r.stage, 'done') = 'done' "
        "THEN true ELSE false END, '{}' "
        "FROM document d LEFT JOIN review r ON r.document_id = d.id"
    )


def _add_receivables() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("customer", sa.Column("ladder", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("customer", sa.Column("contract_rate", sa.String(length=8), nullable=False, server_default=""))
    op.create_table(
        "open_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("issued", sa.String(length=10), nullable=False),
        sa.Column("due", sa.String(length=10), nullable=False),
        sa.Column("mentions", sa.Boolean(), nullable=True),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_open_item_customer_id_customer")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_open_item_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_item")),
        sa.UniqueConstraint("entity", "number", name=op.f("uq_open_item_entity")),
    )
    op.create_index(op.f("ix_open_item_customer_id"), "open_item", ["customer_id"])
    op.create_index(op.f("ix_open_item_document_id"), "open_item", ["document_id"])
    op.create_index("ix_open_item_due", "open_item", ["entity", "due"])
    op.create_table(
        "item_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=True),
        sa.Column("until", sa.String(length=10), nullable=True),
        sa.Column("reference", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["open_item.id"], name=op.f("fk_item_event_item_id_open_item")),
        sa.ForeignKeyConstraint(["of"], ["item_event.id"], name=op.f("fk_item_event_of_item_event")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_event")),
        sa.UniqueConstraint("item_id", "what", "reference", name=op.f("uq_item_event_item_id")),
    )
    op.create_index(op.f("ix_item_event_item_id"), "item_event", ["item_id"])
    op.create_table(
        "customer_contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("part", sa.String(length=80), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("reminded", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_customer_contact_customer_id_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_contact")),
    )
    op.create_index(op.f("ix_customer_contact_customer_id"), "customer_contact", ["customer_id"])


def _add_payables() -> None:
    """What goes into the accounts, and what happens to what the house owes."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "accounting_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounting_plan")),
        sa.UniqueConstraint("entity", "version", name=op.f("uq_accounting_plan_entity")),
    )
    op.create_table(
        "accounting_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("plan", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("invoices", sa.Integer(), nullable=False),
        sa.Column("debit", sa.String(length=30), nullable=False),
        sa.Column("credit", sa.String(length=30), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("reversed_by", sa.String(length=32), nullable=True),
        sa.Column("reversed_at", moment, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounting_batch")),
        sa.UniqueConstraint("entity", "year", "number", name=op.f("uq_accounting_batch_entity")),
    )
    op.create_table(
        "accounting_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("held", sa.String(length=32), nullable=True),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("issued", sa.String(length=10), nullable=False),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("gross", sa.String(length=30), nullable=False),
        sa.Column("sealed", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["accounting_batch.id"], name=op.f("fk_accounting_item_batch_id_accounting_batch")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_accounting_item_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounting_item")),
        sa.UniqueConstraint("held", name=op.f("uq_accounting_item_held")),
        sa.UniqueConstraint("entity", "year", "entry", name=op.f("uq_accounting_item_entity")),
    )
    op.create_index(op.f("ix_accounting_item_batch_id"), "accounting_item", ["batch_id"])
    op.create_index(op.f("ix_accounting_item_document_id"), "accounting_item", ["document_id"])
    op.create_table(
        "accounting_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=20), nullable=False),
        sa.Column("account_label", sa.Text(), nullable=False),
        sa.Column("auxiliary", sa.String(length=40), nullable=False),
        sa.Column("auxiliary_label", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("debit", sa.String(length=30), nullable=False),
        sa.Column("credit", sa.String(length=30), nullable=False),
        sa.Column("rate", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["accounting_item.id"], name=op.f("fk_accounting_line_item_id_accounting_item")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounting_line")),
        sa.UniqueConstraint("item_id", "place", name=op.f("uq_accounting_line_item_id")),
    )
    op.create_table(
        "payable_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_payable_event_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payable_event")),
    )
    op.create_index(op.f("ix_payable_event_document_id"), "payable_event", ["document_id"])
    op.create_table(
        "disbursement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=4), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.String(length=30), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=6), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_disbursement_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disbursement")),
        sa.UniqueConstraint("entity", "key", name=op.f("uq_disbursement_entity")),
    )
    op.create_index(op.f("ix_disbursement_document_id"), "disbursement", ["document_id"])


def downgrade() -> None:
    """What is kept there would be lost: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
