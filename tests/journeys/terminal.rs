//! A terminal obeys nothing that others wrote: names of teams and roles, MXIDs, and what Synapse says.

use serde_json::{Value, json};
use testbed::{Effect, Matching, SynapseVersion};

use crate::support::{Settings, Stage, subject};

crate::on_one_version!(what_others_wrote_is_inert_on_a_terminal);

/// Clears the screen in two ways, turns the line around, and begins one of its own.
const HOSTILE: &str = "\u{1b}[2J\u{9b}2J\u{202e}\r\nNothing to do.";

/// Everything printed, checked.
async fn printed(stage: &Stage, args: &[&str]) -> String {
    let output = stage.service.run_cli(args).await.unwrap();
    let printed = format!("{}{}", output.stdout, output.stderr);
    let obeyed = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
    assert!(!printed.contains(obeyed), "{args:?}: {printed:?}");
    assert!(!printed.lines().any(|line| line.trim_start().starts_with("Nothing to do.")), "{args:?}: {printed}");
    printed
}

async fn what_others_wrote_is_inert_on_a_terminal(version: SynapseVersion) {
    let query = "SELECT u.id::text AS subject, t.name AS team,
                        chr(27) || '[2J' || chr(155) || '2J' || chr(8238) || chr(13) || chr(10) || 'Nothing to do.' AS role
                 FROM team_members tm JOIN teams t ON t.id = tm.team_id JOIN users u ON u.id = tm.user_id";
    let stage = Stage::set(version, Settings { query: Some(query.to_owned()), ..Settings::default() }).await;
    let (person, other) = (subject(), subject());
    stage.hasura.add(&person, "staff", "member").await.unwrap();
    let plan = printed(&stage, &["plan"]).await;
    assert!(plan.contains("the roster says \u{fffd}[2J\u{fffd}2J\u{fffd}  Nothing to do."), "{plan}");
    let json: Value = serde_json::from_str(&printed(&stage, &["plan", "--json"]).await).unwrap();
    assert!(json["actions"].to_string().contains(json!(HOSTILE).to_string().trim_matches('"')), "{json:#}");
    printed(&stage, &["apply"]).await;
    for args in [["explain", &person], ["history", &person]] {
        let shown = printed(&stage, &args).await;
        assert!(shown.contains("\u{fffd}[2J"), "{args:?}: {shown}");
    }

    // Synapse's own words, in a report and in the ledger.
    stage.hasura.add(&other, "staff", "member").await.unwrap();
    let refusal = Effect::Answer(403, json!({"errcode": "M_FORBIDDEN", "error": HOSTILE}));
    stage.proxy.fault(Matching::any().method("POST").path("/_synapse/admin/v1/join/"), refusal);
    let report = printed(&stage, &["apply"]).await;
    assert!(report.contains("failed: ") && report.contains("\u{fffd}[2J"), "{report}");
    assert!(printed(&stage, &["history"]).await.contains("\u{fffd}[2J"));
    // And what was typed, or pasted.
    let unknown = printed(&stage, &["explain", &format!("@{HOSTILE}:example.org")]).await;
    assert!(unknown.contains("nobody knows"), "{unknown}");
}
