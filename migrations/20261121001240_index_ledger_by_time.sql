-- At its start a replica counts what was done in the last minutes, to go on knowing what somebody keeps undoing. The ledger
-- only grows at its end, so a few pages of summary find the time.
CREATE INDEX ledger_at ON provisioner.ledger USING brin (at);
