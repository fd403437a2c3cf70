-- When the edit of a post before its last one was sent; NULL where it was not, or is not known. A tap that may be about what stood
-- there earlier still is not taken.
ALTER TABLE provisioner.held_posts ADD COLUMN edited_before timestamptz;
