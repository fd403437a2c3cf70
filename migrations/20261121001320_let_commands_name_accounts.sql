-- An account may be known because somebody in the Staff room named it and the pool confirmed it; the roster did not name it.
ALTER TABLE provisioner.accounts
    DROP CONSTRAINT accounts_source_check,
    ADD CONSTRAINT accounts_source_check CHECK (source IN ('queue', 'pool', 'roster', 'command'));
