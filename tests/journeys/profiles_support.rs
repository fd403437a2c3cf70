//! What journeys about names and pictures share: a table that says them, and media on Synapse.

use reqwest::Method;
use serde_json::{Value, json};
use testbed::wait_until;

use crate::support::{SOON, Settings, Stage};

pub(crate) const QUERY: &str = "SELECT id::text AS subject, display_name, avatar_url FROM profiles";

/// `[profiles]` with the query of the table below, and further keys.
pub(crate) fn profiles(keys: &str) -> Settings {
    Settings { sections: format!("[profiles]\nquery = '''{QUERY}'''\n{keys}\n"), ..Settings::default() }
}

/// The table is there, and what it says is enforced.
pub(crate) async fn enforce(stage: &mut Stage) {
    make_table(stage).await;
    stage.edit(enforced);
}

pub(crate) fn enforced(config: String) -> String {
    config.replace("[modes]", "[modes]\nprofiles = \"enforce\"")
}

pub(crate) async fn make_table(stage: &Stage) {
    let table = "CREATE TABLE IF NOT EXISTS profiles (id uuid PRIMARY KEY, display_name text, avatar_url text)";
    stage.hasura.execute(table).await.unwrap();
}

/// Says how somebody is called and looks.
pub(crate) async fn say(stage: &Stage, sub: &str, name: &str, picture: &str) {
    let row = format!(
        "INSERT INTO profiles VALUES ('{sub}', '{name}', '{picture}')
         ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, avatar_url = excluded.avatar_url"
    );
    stage.hasura.execute(&row).await.unwrap();
}

/// Media on the stage's Synapse.
pub(crate) async fn upload(stage: &Stage) -> String {
    let answer = stage.admin.call(Method::POST, "/_matrix/media/v3/upload", Some(json!({"a": "picture"}))).await;
    answer.unwrap()["content_uri"].as_str().unwrap().to_owned()
}

/// Name and picture of an account.
pub(crate) async fn profile(stage: &Stage, sub: &str) -> (String, String) {
    let user = stage.admin.user(&stage.mxid(sub)).await.unwrap().unwrap();
    let text = |key: &str| user[key].as_str().unwrap_or_default().to_owned();
    (text("displayname"), text("avatar_url"))
}

/// Name and picture that everybody in a room sees.
pub(crate) async fn seen_in(stage: &Stage, room: &str, sub: &str) -> (String, String) {
    let member = stage.admin.state(room, "m.room.member", &stage.mxid(sub)).await.unwrap().unwrap_or(Value::Null);
    let text = |key: &str| member[key].as_str().unwrap_or_default().to_owned();
    (text("displayname"), text("avatar_url"))
}

/// Waits until everybody in a room sees this name and picture: Synapse tells its rooms a moment after it answers.
pub(crate) async fn until_seen(stage: &Stage, room: &str, sub: &str, wanted: &(String, String)) {
    let what = format!("{sub} is seen as {wanted:?} in {room}");
    wait_until(&what, SOON, async || seen_in(stage, room, sub).await == *wanted).await.unwrap();
}

pub(crate) fn pair(name: &str, picture: &str) -> (String, String) {
    (name.to_owned(), picture.to_owned())
}
