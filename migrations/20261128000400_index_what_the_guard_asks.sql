-- A typed id is the beginning of one: a range, for which the order of bytes is needed.
CREATE INDEX held_plans_beginning ON provisioner.held_plans (id COLLATE "C");
-- Asked at every pass that an approval waits for.
CREATE INDEX held_posts_deciding ON provisioner.held_posts (id) WHERE state = 'deciding';
