-- The Staff room can be followed to its successor, and a message is edited where it was posted. What was posted before this
-- is where somebody spoke last.
ALTER TABLE provisioner.held_posts ADD COLUMN room_id text NOT NULL DEFAULT '';
ALTER TABLE provisioner.alerts ADD COLUMN room_id text NOT NULL DEFAULT '';
UPDATE provisioner.held_posts
SET room_id = COALESCE((SELECT room_id FROM provisioner.commands ORDER BY id DESC LIMIT 1), '');
UPDATE provisioner.alerts
SET room_id = COALESCE((SELECT room_id FROM provisioner.commands ORDER BY id DESC LIMIT 1), '');
