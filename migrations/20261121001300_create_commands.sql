-- What was said to the bot in the Staff room, and how far its answer is: each is done at most once, across restarts and
-- replicas. The words are kept only until the answer is known: they may name somebody by e-mail address.
CREATE TABLE provisioner.commands (
    id             bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    event_id       text PRIMARY KEY,
    room_id        text NOT NULL,
    -- text, not jsonb: see provisioner.inbox.
    event          text,
    received_at    timestamptz NOT NULL,
    -- heard: not looked at yet. ignored: not for us. taken: begun, and never begun again if it changes anything.
    -- ended: its outcome is in the ledger and its answer in "answer". answered: sent.
    state          text NOT NULL DEFAULT 'heard' CHECK (state IN ('heard', 'ignored', 'taken', 'ended', 'answered')),
    sender         text,
    command        text,
    -- Its lines in the ledger.
    pass           bigint,
    taken_at       timestamptz,
    answer         jsonb,
    answered_at    timestamptz,
    reply_event_id text
);

CREATE INDEX commands_open ON provisioner.commands (id) WHERE state IN ('heard', 'taken', 'ended');
CREATE INDEX commands_received_at ON provisioner.commands (received_at);
