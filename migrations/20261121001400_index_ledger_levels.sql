-- Levels are one line a room, whose "after" names everybody it is about: this finds the lines that name somebody. Only
-- those lines are in it, so an attempt to join writes nothing here. They are rare, and so each goes straight to its place,
-- not to a list that every search would have to read.
CREATE INDEX ledger_levels ON provisioner.ledger USING gin (after) WITH (fastupdate = off)
    WHERE kind = 'set_power_levels';
