-- The ledger is the outbox of what others are told. How far each topic was told: up to this line, all of it.
CREATE TABLE provisioner.event_topics (
    topic_arn text PRIMARY KEY,
    line      bigint NOT NULL,
    since     timestamptz NOT NULL DEFAULT now()
);

-- For others: why, in a word of a fixed set, and who let it go. What people are told is in "cause", which may quote rows.
-- Without a default the ledger, which is never trimmed, is neither read nor written for it.
ALTER TABLE provisioner.ledger ADD COLUMN because text, ADD COLUMN actor text;
