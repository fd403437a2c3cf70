-- Teams that a selector names and that had somebody in them: one that has nobody any more was probably renamed, and what that
-- takes is held. Kept, because a service that was restarted must know it too; an approval of what is held takes the row out.
CREATE TABLE provisioner.peopled_teams (
    team  text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);
