-- When the pool was asked for the members that stand here: of two readings at once the one that was asked for last counts,
-- whichever is written last.
ALTER TABLE provisioner.groups ADD COLUMN asked_at timestamptz;
