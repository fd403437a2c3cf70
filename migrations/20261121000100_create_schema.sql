-- Everything the service keeps lives in its own schema, so that it can share a database with others and be dropped alone.
CREATE SCHEMA IF NOT EXISTS provisioner;

-- What this database belongs to. A service configured for another environment refuses it: production and staging must
-- never reach into each other.
CREATE TABLE provisioner.stamp (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    environment  text NOT NULL,
    server_name  text NOT NULL,
    user_pool_id text,
    stamped_at   timestamptz NOT NULL DEFAULT now()
);
