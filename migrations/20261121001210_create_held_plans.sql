-- What the guard holds, from the moment it is first seen until it is decided or gone. The id is made from what is held, so
-- the same part that comes back later has the same id and a row of its own.
CREATE TABLE provisioner.held_plans (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- [{"class": "removals", "room": "staff", "count": 3, "of": 12}]; room is null for what is about the server, of where a
    -- share is not why. Of how many it was at first counts for as long as it is held.
    counts          jsonb NOT NULL,
    -- Why the guard holds it, a line a room.
    reasons         text[] NOT NULL,
    -- open and dismissed ones are held now; a dismissed one is silent until it changes.
    state           text NOT NULL DEFAULT 'open'
                    CHECK (state IN ('open', 'dismissed', 'approved', 'superseded', 'expired')),
    decided_at      timestamptz,
    decided_by      text,
    -- The message in the Staff room that shows it.
    posted_event_id text
);

-- One at a time: whatever changes makes another.
CREATE UNIQUE INDEX held_plans_current ON provisioner.held_plans ((true)) WHERE state IN ('open', 'dismissed');
CREATE INDEX held_plans_id ON provisioner.held_plans (id, seq);
CREATE INDEX held_plans_posted ON provisioner.held_plans (posted_event_id) WHERE posted_event_id IS NOT NULL;
