-- Commands of people who may not give any, or not so many: the ledger has one line for the first, and at the end of the hour
-- one more that says how many followed. Anybody who may write in the Staff room could fill it otherwise.
CREATE TABLE provisioner.refused_commands (
    sender text PRIMARY KEY,
    -- When the first was refused.
    since  timestamptz NOT NULL DEFAULT now(),
    -- How many were, that one included.
    times  bigint NOT NULL DEFAULT 1
);
