"""Labels, which are only ever added, and who holds which peak."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"

REFUSAL = "label_events is append-only: take a label back with an undo"
REFUSE = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
IS_THERE = "EXISTS (SELECT 1 FROM label_events WHERE id = NEW.id OR client_key = NEW.client_key)"
SQLITE = (
    f"CREATE TRIGGER label_events_update BEFORE UPDATE ON label_events {REFUSE}",
    f"CREATE TRIGGER label_events_delete BEFORE DELETE ON label_events {REFUSE}",
    # a row that is replaced is deleted without its trigger, so that is refused before
    f"CREATE TRIGGER label_events_replace BEFORE INSERT ON label_events WHEN {IS_THERE} {REFUSE}",
)
POSTGRESQL = (
    "CREATE FUNCTION refuse_label_change() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
    "CREATE TRIGGER label_events_change BEFORE UPDATE OR DELETE OR TRUNCATE ON label_events "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_label_change()",
)


def upgrade() -> None:
    """Make both tables and the triggers; times are UTC."""
    op.create_table(
        "label_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("client_key", sa.String(100), nullable=False, unique=True),
        sa.Column("annotator", sa.String(100), nullable=False),
        sa.Column("is_verified", sa.Boolean, nullable=False),
        sa.Column("dataset_key", sa.Text, nullable=False),
        sa.Column("dataset_hash", sa.String(64), nullable=False),
        sa.Column("peak_id", sa.Text, nullable=False),
        sa.Column("injection", sa.Text, nullable=False),
        sa.Column("mz", sa.Float(53), nullable=False),
        sa.Column("rt_min", sa.Float(53), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("adduct", sa.Text, nullable=False),
        sa.Column("is_adjudication", sa.Boolean, nullable=False),
        sa.Column("undoes", sa.Integer, sa.ForeignKey("label_events.id")),
        sa.Column("run_id", sa.String(100)),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("probability", sa.Float(53)),
        sa.Column("is_prelabel_visible", sa.Boolean, nullable=False),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column("inclusion_prob", sa.Float(53)),
        sa.Column("seconds", sa.Float(53)),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("identification_level", sa.Integer),
        sqlite_autoincrement=True,
    )
    op.create_index("label_events_by_dataset", "label_events", ["dataset_key", "id"])
    op.create_table(
        "leases",
        sa.Column("dataset_key", sa.Text, primary_key=True),
        sa.Column("peak_id", sa.Text, primary_key=True),
        sa.Column("annotator", sa.String(100), nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
    )
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(statement)
