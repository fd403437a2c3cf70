//! `--stay`: everything keeps running, and the reader is told how to touch it.

use anyhow::{Context, Result};
use testbed::EmulatedAws;
use tokio::signal::unix::{SignalKind, signal};

use super::cast::{CAST, by_name};
use super::house::House;
use super::screen::Screen;

/// Tells how to look around, and waits for Ctrl-C.
///
/// # Errors
/// When signals cannot be listened for, or a token cannot be signed.
pub(crate) async fn stay(screen: &Screen, house: &House) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    screen.section("It keeps running");
    tell_rows(screen, house);
    tell_service(screen, house);
    tell_cloud(screen, house);
    tell_client(screen, house)?;
    screen.say(&screen.bold("\nCtrl-C ends the demo and removes everything it started."));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    screen.say("\nremoving everything …");
    Ok(())
}

fn tell_rows(screen: &Screen, house: &House) {
    let (ben, gil) = (by_name("Ben"), by_name("Gil"));
    screen.say(&screen.bold("Change rows, and see what happens"));
    screen.say(&format!("  psql {}\n", house.hasura.url()));
    screen.say("  -- Ben comes back to staff");
    screen.say(&format!(
        "  INSERT INTO team_members (team_id, user_id) SELECT id, '{}' FROM teams WHERE name = 'staff';",
        ben.sub
    ));
    screen.say(
        "  -- Gil is no longer an analyst. One removal more within the hour is one too many: the guard holds it, and the bot\n  -- asks in Staff",
    );
    screen.say(&format!(
        "  DELETE FROM team_members WHERE user_id = '{}' AND team_id = (SELECT id FROM teams WHERE name = 'analysts');\n",
        gil.sub
    ));
}

fn tell_service(screen: &Screen, house: &House) {
    let command =
        format!("{} --config {}", house.binary.display(), house.service.directory().join("provisioner.toml").display());
    screen.say(&screen.bold("Ask the service"));
    screen.say(&format!("  P=\"{command}\""));
    screen.say("  $P plan; $P apply; $P history --limit 20; $P history --room staff");
    screen.say(&format!("  curl -s http://{}/metrics", house.admin));
    screen.say(&format!("  tail -f {}\n", house.service.directory().join("service.log").display()));
}

fn tell_cloud(screen: &Screen, house: &House) {
    let EmulatedAws { pool, queue, .. } = &house.cloud.aws;
    screen.say(&screen.bold("Change the user pool, or look at the queue, with any client of AWS"));
    screen.say(&format!("  aws --endpoint-url {} cognito-idp list-users --user-pool-id {}", pool.endpoint, pool.id));
    screen.say(&format!(
        "  aws --endpoint-url {} sqs get-queue-attributes --attribute-names All --queue-url {}",
        queue.endpoint, queue.url
    ));
    screen.say("  $P backfill   # makes the service see what has changed in the pool\n");
}

fn tell_client(screen: &Screen, house: &House) -> Result<()> {
    let url = house.synapse.url();
    let read = |key: &str| format!("python3 -c 'import json,sys; print(json.load(sys.stdin)[\"{key}\"])'");
    screen.say(&screen.bold("Be one of them, in a Matrix client"));
    screen.say(&format!("  homeserver   {url}\n"));
    screen.say(
        "  Any client that logs in with a JWT (org.matrix.login.jwt) or takes an access token will do. With curl:\n",
    );
    screen.say("  JWT=…   # from below");
    screen.say(&format!(
        "  TOKEN=$(curl -s {url}/_matrix/client/v3/login -d '{{\"type\":\"org.matrix.login.jwt\",\"token\":\"'$JWT'\"}}' \\\n           | {})",
        read("access_token")
    ));
    screen.say(&format!("  curl -s -H \"Authorization: Bearer $TOKEN\" {url}/_matrix/client/v3/joined_rooms\n"));
    for (room, id) in super::rooms::Room::ALL.iter().zip(&house.rooms) {
        screen.say(&format!("  {:<14} {id}", room.name()));
    }
    screen.say("\n  A token for each, good for a day:\n");
    for actor in CAST.iter().filter(|actor| !actor.is_exempt()) {
        screen.say(&format!("  {:<8} {}", actor.name, house.synapse.jwt(actor.sub)?));
    }
    Ok(())
}
