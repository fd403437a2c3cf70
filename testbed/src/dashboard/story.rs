//! What happens while Prometheus looks on: ordinary days, and each trouble that a panel is there for.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::stage::Stage;
use crate::process::random;

/// How long Synapse is away.
const DOWN: Duration = Duration::from_secs(12);

/// What happens once, and when, as a part of the whole.
const SCENES: [(f64, Scene); 17] = [
    (0.14, Scene::Say("!provisioner status")),
    (0.20, Scene::OddMessages),
    (0.26, Scene::Say("!provisioner plan")),
    (0.30, Scene::Say("!provisioner nonsense")),
    (0.34, Scene::ByHand),
    (0.40, Scene::RosterGone),
    (0.46, Scene::RosterBack),
    (0.50, Scene::Say("!provisioner pause")),
    (0.54, Scene::Say("!provisioner resume")),
    (0.58, Scene::SynapseGone),
    (0.66, Scene::ByHand),
    (0.70, Scene::LeaderKilled),
    (0.76, Scene::LeaderBack),
    (0.80, Scene::Say("!provisioner sync")),
    (0.84, Scene::Say("!provisioner status")),
    (0.88, Scene::TeamEmptied),
    (0.93, Scene::Say("!provisioner plan")),
];

#[derive(Debug, Clone, Copy)]
enum Scene {
    Say(&'static str),
    /// A message that nobody can read, and one about somebody unknown to the pool.
    OddMessages,
    /// A level is raised and a room renamed by hand.
    ByHand,
    RosterGone,
    RosterBack,
    SynapseGone,
    LeaderKilled,
    LeaderBack,
    /// The guard holds what follows.
    TeamEmptied,
}

#[derive(Debug, Default)]
pub(super) struct Story {
    beats: usize,
    scenes: usize,
    killed: Option<usize>,
    /// Has a row now, and soon none.
    visitor: Option<String>,
}

impl Story {
    /// The next beat, when so much of the whole is over.
    pub(super) async fn go_on(&mut self, stage: &mut Stage, over: f64, tell: fn(&str)) -> Result<()> {
        self.beats += 1;
        self.ordinary(stage).await?;
        while let Some((_, scene)) = SCENES.get(self.scenes).filter(|(at, _)| *at <= over) {
            self.scenes += 1;
            tell(&format!("  {:3.0} %  {scene:?}", over * 100.0));
            self.play(stage, *scene).await?;
        }
        Ok(())
    }

    /// People talk, sign up, come to teams and go.
    async fn ordinary(&mut self, stage: &Stage) -> Result<()> {
        let beats = self.beats;
        // A Synapse that is away says nothing.
        stage.hand.send_text(&stage.rooms[beats % 3], &format!("beat-{beats}"), "good morning").await.ok();
        if beats.is_multiple_of(5) {
            let name = random::word();
            let sub = stage.aws.pool.sign_up(&format!("{name}@example.org"), &name).await?;
            stage.aws.pool.confirm_and_fire(&stage.trigger, &sub).await?;
        }
        if beats.is_multiple_of(9) {
            match self.visitor.take() {
                Some(sub) => stage.hasura.remove(&sub, "staff").await?,
                None => {
                    let name = random::word();
                    let sub = stage.aws.pool.admin_create(&format!("{name}@example.org"), &name).await?;
                    stage.hasura.add(&sub, "staff", "member").await?;
                    self.visitor = Some(sub);
                }
            }
        }
        Ok(())
    }

    async fn play(&mut self, stage: &mut Stage, scene: Scene) -> Result<()> {
        match scene {
            Scene::Say(text) => drop(stage.lead.send_text(&stage.rooms[1], text).await?),
            Scene::OddMessages => {
                let mut event = stage.aws.pool.event(&stage.staff[0]).await?;
                event["request"]["userAttributes"]["sub"] = json!(random::sub());
                event["environment"] = json!("dashboard");
                stage.aws.queue.send(&["nobody can read this".to_owned(), event.to_string()]).await?;
            }
            Scene::ByHand => {
                let (room, member) = (&stage.rooms[1], stage.synapse.mxid(&stage.staff[0]));
                if let Some(mut levels) = stage.hand.state(room, "m.room.power_levels", "").await? {
                    levels["users"][member] = json!(60);
                    stage.hand.send_state(room, "m.room.power_levels", "", levels).await?;
                }
                stage.hand.send_state(&stage.rooms[0], "m.room.name", "", json!({ "name": "lunch" })).await?;
            }
            Scene::RosterGone => stage.roster.refuse(),
            Scene::RosterBack => stage.roster.speak(),
            Scene::SynapseGone => {
                stage.synapse.kill().await?;
                tokio::time::sleep(DOWN).await;
                stage.synapse.start_again().await?;
            }
            Scene::LeaderKilled => {
                self.killed = stage.leader().await;
                if let Some(killed) = self.killed {
                    stage.front.set_open(killed, false);
                    stage.replicas[killed].sigkill().await?;
                }
            }
            Scene::LeaderBack => {
                if let Some(killed) = self.killed.take() {
                    stage.replicas[killed].start_again()?;
                    stage.front.set_open(killed, true);
                }
            }
            Scene::TeamEmptied => {
                let sql = "DELETE FROM team_members tm USING teams t WHERE t.id = tm.team_id AND t.name = 'analysts'";
                stage.hasura.execute(sql).await?;
            }
        }
        Ok(())
    }
}
