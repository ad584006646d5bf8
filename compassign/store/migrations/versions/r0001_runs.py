"""The table of runs."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    """Make the table; times are UTC."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("verdict", sa.String(20)),
        sa.Column("model", sa.String(20), nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("dataset_hash", sa.String(64)),
        sa.Column("labels_hash", sa.String(64)),
        sa.Column("truth_hash", sa.String(64)),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("started_at", sa.DateTime),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("heartbeat_at", sa.DateTime),
        sa.Column("host", sa.Text),
        sa.Column("pid", sa.Integer),
        sa.Column("process_group", sa.Integer),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("fraction", sa.Float, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("progress", sa.JSON),
        sa.Column("error", sa.Text),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
    )
    op.create_index("runs_by_status", "runs", ["status", "created_at"])
