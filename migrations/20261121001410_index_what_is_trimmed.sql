-- What is done goes after a while, the oldest first and a batch at a time: these find the oldest. (The inbox and the
-- commands have theirs.)
CREATE INDEX pass_requests_finished ON provisioner.pass_requests (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX refused_messages_refused_at ON provisioner.refused_messages (refused_at);
CREATE INDEX held_plans_ended ON provisioner.held_plans (decided_at) WHERE state IN ('approved', 'superseded', 'expired');
CREATE INDEX held_posts_ended ON provisioner.held_posts (changed_at) WHERE state IN ('decided', 'superseded', 'gone');
