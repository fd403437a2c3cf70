-- Who has an account: what the queue confirmed and what the pool lists. The reconciler makes it true on Synapse.
--
-- Changes are numbered, so that the reconciler reads only what is new. The number comes from one row that a writer holds
-- until it commits, and so a lower number never becomes visible after a higher one.
CREATE TABLE provisioner.accounts_revision (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL
);
INSERT INTO provisioner.accounts_revision (revision) VALUES (0);

CREATE TABLE provisioner.accounts (
    subject      text PRIMARY KEY,
    user_id      text NOT NULL,
    state        text NOT NULL CHECK (state IN ('active', 'disabled', 'deleted', 'refused')),
    source       text NOT NULL CHECK (source IN ('queue', 'pool', 'roster')),
    -- The message of the queue that named it first.
    message_id   text,
    -- For the account's creation alone; never an e-mail address.
    display_name text,
    -- Another subject folds to the same MXID: nothing is concluded of either.
    folded       boolean NOT NULL DEFAULT false,
    -- What this service did to the account, and so what it may take back.
    closed       text CHECK (closed IN ('locked', 'deactivated')),
    first_seen   timestamptz NOT NULL DEFAULT now(),
    last_seen    timestamptz NOT NULL DEFAULT now(),
    -- The newest listing of the pool that named it, and how many whole ones in a row did not.
    listing      bigint,
    missed       smallint NOT NULL DEFAULT 0,
    revision     bigint NOT NULL
-- Every listing touches every row: room on the page for the new version, so that no index is touched with it.
) WITH (fillfactor = 80);

CREATE INDEX accounts_revised ON provisioner.accounts (revision, subject);
CREATE INDEX accounts_folded ON provisioner.accounts (user_id) WHERE folded;
CREATE INDEX accounts_user_id ON provisioner.accounts (user_id);

-- Listings of the pool: how far each came, so that a restart goes on where it was.
CREATE TABLE provisioner.listings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    pages        integer NOT NULL DEFAULT 0,
    users        bigint NOT NULL DEFAULT 0,
    -- Where the next page starts; nothing at the beginning.
    next_token   text,
    completed_at timestamptz,
    -- Why it ended without being whole, or what it stumbles over.
    trouble      text,
    abandoned_at timestamptz
);

-- Groups that selectors name, each as last read whole.
CREATE TABLE provisioner.groups (
    name      text PRIMARY KEY,
    listed_at timestamptz,
    trouble   text
);

CREATE TABLE provisioner.group_members (
    name    text NOT NULL REFERENCES provisioner.groups ON DELETE CASCADE,
    user_id text NOT NULL,
    PRIMARY KEY (name, user_id)
);

-- Messages of the queue that can never succeed: which and why, and nothing of what they said.
CREATE TABLE provisioner.refused_messages (
    message_id text PRIMARY KEY,
    reason     text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    times      integer NOT NULL DEFAULT 1
);
