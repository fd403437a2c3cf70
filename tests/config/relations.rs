//! Errors of values that are right each for itself.

use crate::support::{MINIMAL, errors, minimal_but};

#[test]
fn two_rooms_with_one_key_or_one_id() {
    let room = "\n[[rooms]]\nkey = \"staff\"\nid = \"!abc:example.org\"\nmembers = [\"everyone\"]\n";
    insta::assert_snapshot!(errors(&format!("{MINIMAL}{room}")), @r#"
    2 errors in provisioner.toml:
      1. provisioner.toml:18: rooms[staff].key = "staff" is the same as in line 13
         → give each room its own key
      2. provisioner.toml:19: rooms[staff].id = "!abc:example.org" is the same as in line 14
         → give each room its own id
    "#);
}

#[test]
fn room_without_id() {
    insta::assert_snapshot!(errors(&minimal_but("id = \"!abc:example.org\"\n", "")), @"
    error in provisioner.toml:12: rooms[staff].id is missing
      → write the room's full id; for a room that does not exist yet, run bootstrap --create-rooms and put in the line it prints
    ");
}

#[test]
fn level_given_twice() {
    let power = "power = [{ level = 50, grant = [\"everyone\"] }, { level = 50, grant = [{ team = \"staff\" }] }]\n";
    insta::assert_snapshot!(errors(&format!("{MINIMAL}{power}")), @"
    error in provisioner.toml:16: rooms[staff].power[#2].level = 50 is given twice
      → put both lists of selectors into one grant
    ");
}

#[test]
fn groups_without_a_pool() {
    let more = "power = [{ level = 50, grant = [\"everyone\", { group = \"a\" }] }]\n[server_admins]\ngrant = [{ group = \"nest-admin\" }]\n";
    insta::assert_snapshot!(errors(&format!("{MINIMAL}{more}")), @r#"
    2 errors in provisioner.toml:
      1. provisioner.toml:16: rooms[staff].power[#1].grant[#2] = { group = "a" }: no source knows groups
         → add [cognito] with region and user_pool_id, or select by team or subject
      2. provisioner.toml:18: server_admins.grant[#1] = { group = "nest-admin" }: no source knows groups
         → add [cognito] with region and user_pool_id, or select by team or subject
    "#);
}

#[test]
fn teams_without_a_roster() {
    insta::assert_snapshot!(errors(&minimal_but("[roster]", "[queue]\nurl = \"http://localhost/q\"")), @r#"
    error in provisioner.toml:16: rooms[staff].members[#1] = { team = "staff" }: no source knows teams
      → add [roster], or select by group or subject
    "#);
}

#[test]
fn no_source_of_people() {
    insta::assert_snapshot!(errors(&minimal_but("[roster]", "").replace("{ team = \"staff\" }", "\"everyone\"")), @"
    error in provisioner.toml: there is no source of people: [roster], [cognito] and [queue] are all missing
      → add at least one; [roster] alone reads team_members in the database of [database]
    ");
}

#[test]
fn commands_in_a_room_that_does_not_exist() {
    let commands = "[commands]\nroom = \"stuff\"\nallow = [{ team = \"staff\" }]\n";
    insta::assert_snapshot!(errors(&format!("{MINIMAL}{commands}")), @r#"
    error in provisioner.toml:17: commands.room = "stuff" is not the key of a room
      → did you mean "staff"? The rooms are staff
    "#);
}

#[test]
fn two_listeners_on_one_port() {
    insta::assert_snapshot!(errors(&format!("{MINIMAL}[admin]\nlisten = \"127.0.0.1:8090\"\n")), @r#"
    error in provisioner.toml:17: admin.listen = "127.0.0.1:8090" clashes with appservice.listen = "0.0.0.0:8090"
      → give each its own port
    "#);
}

#[test]
fn pool_of_another_region() {
    let cognito = "[cognito]\nregion = \"eu-west-1\"\nuser_pool_id = \"us-east-1_knEL7cqS3\"\n";
    insta::assert_snapshot!(errors(&format!("{MINIMAL}{cognito}")), @r#"
    error in provisioner.toml:18: cognito.user_pool_id = "us-east-1_knEL7cqS3" is not in the region "eu-west-1"
      → write region = "us-east-1", or the id of a pool in eu-west-1
    "#);
}

#[test]
fn guard_that_contradicts_itself() {
    insta::assert_snapshot!(errors(&format!("{MINIMAL}[guard]\nfree_removals = 10\n")), @"
    error in provisioner.toml:17: guard.free_removals = 10 is more than guard.max_removals = 5
      → write at most 5, or raise max_removals: more than that in all is held anyway
    ");
}

#[test]
fn profiles_that_nothing_names() {
    insta::assert_snapshot!(errors(&format!("{MINIMAL}\n[profiles]\npicture_hosts = [\"media.example.org\"]\n")), @r#"
    error in provisioner.toml:17: [profiles] has no query, and without [cognito] there are no names of a pool either
      → add query = "SELECT id::text AS subject, name AS display_name, avatar_url FROM users", or leave [profiles] out
    "#);
    let cognito = "[cognito]\nregion = \"us-east-1\"\nuser_pool_id = \"us-east-1_abc\"";
    insta::assert_snapshot!(errors(&format!("{MINIMAL}\n{cognito}\n[profiles]\npicture_hosts = [\"media.example.org\"]\n")), @"
    error in provisioner.toml:21: profiles.picture_hosts is given, and without profiles.query nothing names a picture
      → add a query that answers avatar_url, or take picture_hosts out
    ");
}
