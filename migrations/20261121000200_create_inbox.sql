-- What matters of the homeserver's transactions, durable before 200 is answered. Any replica writes, the reconciling one
-- reads. De-duplication is by event id: transaction ids restart when a registration is remade.
CREATE TABLE provisioner.inbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    text NOT NULL UNIQUE,
    room_id     text NOT NULL,
    type        text NOT NULL,
    -- text, not jsonb: an event may hold \u0000, which jsonb refuses, and Synapse would then retry it forever.
    event       text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    handled_at  timestamptz
);

CREATE INDEX inbox_unhandled ON provisioner.inbox (id) WHERE handled_at IS NULL;
CREATE INDEX inbox_received_at ON provisioner.inbox (received_at);
