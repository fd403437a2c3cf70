-- What the sources said of people and say no longer, and until when: an administrator who is asked to remove somebody is told
-- what changed. A row for each place that somebody lost, written when a reading no longer has it; a place that is had again and
-- lost again has its row anew. An empty user is for the losses of one reading that were too many to be noted.
CREATE TABLE provisioner.losses (
    user_id text NOT NULL,
    source  text NOT NULL CHECK (source IN ('team', 'group')),
    name    text NOT NULL,
    -- Empty for a row without one, and for groups.
    role    text NOT NULL,
    until   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, source, name, role)
);

-- Since when an account is what the pool says; nothing where it was so when it was seen first.
ALTER TABLE provisioner.accounts ADD COLUMN state_since timestamptz;
