-- Changes that are withheld and have their line in the ledger: one line a change, not one a pass, also across restarts
-- and repeated `apply`. A row goes when its change is no longer planned or was done, so that one which comes back later
-- is written again. The digest names kind, mode, room, user and what would be made so.
CREATE TABLE provisioner.withheld (
    digest     bytea PRIMARY KEY,
    written_at timestamptz NOT NULL DEFAULT now()
);
