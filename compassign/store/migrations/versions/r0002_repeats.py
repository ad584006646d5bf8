"""The record of the run that a run repeats."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"


def upgrade() -> None:
    """Add the column; runs so far repeat none."""
    op.add_column("runs", sa.Column("repeats", sa.JSON))
