-- The newest cleared leave is looked for every five seconds: a notification of it may be lost.
CREATE INDEX pardons_pardoned_at ON provisioner.pardons (pardoned_at);
