-- Whether the two reactions to tap on are under the message. A kill between the two would otherwise leave it without.
ALTER TABLE provisioner.held_posts ADD COLUMN reactions_sent boolean NOT NULL DEFAULT false;
UPDATE provisioner.held_posts SET reactions_sent = event_id IS NOT NULL;
