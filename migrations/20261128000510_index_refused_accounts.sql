-- Subjects that the pool did not confirm are forgotten after a while. By first_seen, which never changes: an index on a column
-- that each listing writes would make every listing write the index, too.
CREATE INDEX accounts_refused ON provisioner.accounts (first_seen) WHERE state = 'refused';
