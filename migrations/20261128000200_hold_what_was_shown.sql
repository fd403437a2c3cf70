-- What a held plan takes, part by part: an approval is for exactly these, also when another plan is held by then.
ALTER TABLE provisioner.held_plans ADD COLUMN parts bytea[] NOT NULL DEFAULT '{}';

-- Places that somebody got by another hand than ours while nothing entitled them to it. They are taken back uncounted; of a
-- place that is not here the guard assumes that it is rightful.
CREATE TABLE provisioner.strangers (
    -- As in [modes]: removals, power_levels, server_admins.
    class    text NOT NULL,
    -- Empty for what is about the server.
    room_id  text NOT NULL,
    user_id  text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (class, room_id, user_id)
);

-- A message about a held plan that keeps changing is edited. What it showed before its last edit is kept: somebody who taps
-- just then may have seen either, and approves what both showed.
ALTER TABLE provisioner.held_posts
    ADD COLUMN created_at      timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN edited_at       timestamptz,
    ADD COLUMN shown_before    text,
    -- The rest of the list, message by message, in the thread.
    ADD COLUMN pages           jsonb NOT NULL DEFAULT '[]',
    -- False where the list is too long to be shown, so that nobody can judge it there.
    ADD COLUMN offers_approval boolean NOT NULL DEFAULT true;
ALTER TABLE provisioner.pass_requests ADD COLUMN approve_within text;
