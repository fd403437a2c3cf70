-- Leaves by choice that are no longer respected: the entitlement was lost since, or somebody asked for a rejoin.
-- Bound to the leave event, so that a later leave is respected again.
CREATE TABLE provisioner.pardons (
    room_id     text NOT NULL,
    user_id     text NOT NULL,
    event_id    text NOT NULL,
    pardoned_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, user_id)
);
