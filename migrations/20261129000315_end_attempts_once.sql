-- An attempt ends once. A leader that was frozen or cut off may say how its attempts ended after the next leader has closed them as
-- interrupted: two ends in the history, and two places in the guard's count. What it says too late is dropped (ON CONFLICT DO NOTHING).
-- Lines that are there already stay as they are, so the index begins after them.
DO $$
BEGIN
    EXECUTE format(
        'CREATE UNIQUE INDEX ledger_ends_once ON provisioner.ledger (pass, seq) WHERE outcome <> ''started'' AND id > %s',
        (SELECT coalesce(max(id), 0) FROM provisioner.ledger)
    );
END
$$;
