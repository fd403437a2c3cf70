-- Which edit of a message about a held plan comes next, as for alerts: its transaction id is made of it. And whether Synapse
-- has taken the last one: until then the message shows what it showed before.
ALTER TABLE provisioner.held_posts
    ADD COLUMN edits     bigint NOT NULL DEFAULT 0,
    ADD COLUMN edit_sent boolean NOT NULL DEFAULT true;
