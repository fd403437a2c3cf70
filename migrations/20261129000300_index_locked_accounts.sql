-- Whose lock did not come to its end is looked for at each start: those whom we locked, of all accounts.
CREATE INDEX accounts_locked ON provisioner.accounts (user_id) WHERE closed = 'locked';
