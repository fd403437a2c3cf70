-- Rooms whose policy was moved to the room that replaced them, until the configuration names that one itself. A row counts
-- only while the file names the configured id: any other id in the file wins.
CREATE TABLE provisioner.follows (
    configured_id text PRIMARY KEY,
    room_key      text NOT NULL,
    followed_id   text NOT NULL,
    followed_at   timestamptz NOT NULL DEFAULT now(),
    followed_by   text NOT NULL,
    -- Who had left the old room by choice, and by which event: [["@user:server", "$event"]]. They are not joined to the new
    -- one either.
    departures    jsonb NOT NULL DEFAULT '[]'
);
