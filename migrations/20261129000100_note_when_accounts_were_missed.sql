-- When a listing of the pool missed an account and that counted: the next miss counts only some minutes later. Listings run
-- late, and two that follow one another at once (a restart, a command) would say the same wrong thing twice.
ALTER TABLE provisioner.accounts ADD COLUMN missed_at timestamptz;
