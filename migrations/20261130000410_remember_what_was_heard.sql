-- The number of the command by which somebody in the Staff room approves: a no that was heard later ends it, in whatever process.
ALTER TABLE provisioner.pass_requests ADD COLUMN heard bigint;
