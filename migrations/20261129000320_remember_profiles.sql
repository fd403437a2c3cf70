-- Names and pictures that this service gave to accounts: what is still so is ours to change, anything else is its owner's choice.
CREATE TABLE provisioner.given_profiles (
    user_id  text NOT NULL,
    field    text NOT NULL CHECK (field IN ('display_name', 'avatar')),
    -- What was given last: a name, or the mxc address of a picture. NULL before the first was.
    value    text,
    -- What was about to be given, until an answer says whether it was.
    tried    text,
    -- Where a picture was fetched from, without what signs the address, and the SHA-256 of it.
    source   text,
    sha256   bytea,
    given_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, field)
);

-- A picture that was fetched for somebody is not fetched again for somebody else: after a pool move, for everybody.
CREATE INDEX given_profiles_source ON provisioner.given_profiles (source);

-- Each picture is uploaded once.
CREATE TABLE provisioner.uploads (
    sha256      bytea PRIMARY KEY,
    mxc         text NOT NULL,
    uploaded_at timestamptz NOT NULL DEFAULT now()
);
