-- Groups are read from the pool every minute, and mostly they are what they were: whoever knows the members of one sees by
-- this number that it need not read them again. It is another each time that members came or went. Numbers are of one
-- sequence and given once, so a group that was forgotten and made again is not taken for the one that was known.
CREATE SEQUENCE provisioner.group_revision;
ALTER TABLE provisioner.groups ADD COLUMN revision bigint NOT NULL DEFAULT nextval('provisioner.group_revision');
