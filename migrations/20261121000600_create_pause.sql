-- The brake: while this row is there, nothing is written to the homeserver. It survives restarts, and every replica and
-- command looks at it.
CREATE TABLE provisioner.pause (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    paused_at timestamptz NOT NULL DEFAULT now(),
    paused_by text NOT NULL
);
