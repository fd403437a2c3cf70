-- How many places, levels, flags or accounts a line takes away: what the guard counts over its window. One event of power
-- levels may lower several people.
ALTER TABLE provisioner.ledger ADD COLUMN taken integer NOT NULL DEFAULT 0;

CREATE INDEX ledger_taken ON provisioner.ledger (at) INCLUDE (kind, room_id, outcome, taken) WHERE taken > 0;
DROP INDEX provisioner.ledger_destructive;
