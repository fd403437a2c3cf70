-- The name that was first shown of each user, and until when they were called so: who takes somebody else's name is marked, also
-- after a restart and under another leader. Names have been made harmless before. A row goes a year after it was last shown, or
-- after the name changed.
CREATE TABLE provisioner.shown_names (
    user_id  text PRIMARY KEY,
    name     text NOT NULL,
    -- NULL for as long as they are called so.
    until    timestamptz,
    -- To the month: an answer that shows nothing new writes nothing.
    shown_at timestamptz NOT NULL DEFAULT now()
);

-- The oldest go first.
CREATE INDEX shown_names_age ON provisioner.shown_names (LEAST(shown_at, until));
