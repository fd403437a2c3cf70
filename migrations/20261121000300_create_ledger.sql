-- Every attempted or withheld action. An attempt is written as 'started' before the call and gets a second line with
-- its outcome under the same (pass, seq), so that a kill between the two leaves a trace.
CREATE SEQUENCE provisioner.pass;

CREATE TABLE provisioner.ledger (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    pass     bigint NOT NULL,
    seq      integer NOT NULL,
    kind     text NOT NULL,
    user_id  text,
    room_id  text,
    room_key text,
    before   jsonb,
    after    jsonb,
    cause    text NOT NULL,
    mode     text NOT NULL CHECK (mode IN ('observe', 'enforce')),
    outcome  text NOT NULL CHECK (outcome IN (
        'started', 'done', 'already_so', 'failed', 'left', 'interrupted', 'held', 'observed'
    )),
    detail   text
);

CREATE INDEX ledger_user ON provisioner.ledger (user_id, id);
CREATE INDEX ledger_room ON provisioner.ledger (room_key, id);
CREATE INDEX ledger_pass ON provisioner.ledger (pass, seq);
-- The guard counts what was taken away within its window.
CREATE INDEX ledger_destructive ON provisioner.ledger (at) WHERE kind NOT IN ('create_account', 'join');

CREATE FUNCTION provisioner.refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'provisioner.ledger is append-only: % refused', TG_OP;
END
$$;

CREATE TRIGGER ledger_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON provisioner.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION provisioner.refuse_ledger_change();
