-- Which edit of an alert's message comes next. Its transaction id is made of it: words that come back are another edit, and
-- Synapse answers an id that it has seen from memory and sends nothing.
ALTER TABLE provisioner.alerts ADD COLUMN edits bigint NOT NULL DEFAULT 0;
