-- Who said no while an approval waited to be spent; it is spent no more then.
ALTER TABLE provisioner.pass_requests ADD COLUMN refused_by text;
