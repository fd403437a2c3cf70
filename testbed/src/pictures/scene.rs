//! The scene: every answer and every post, one after the other, each photographed when it is there.

use std::process::ExitCode;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;

use super::album::Album;
use super::camera::Camera;
use super::stage::{LEAD, Stage};
use crate::demo::cast::by_name;
use crate::demo::rooms::Room;
use crate::demo::screen::Screen;

const APPROVE: &str = "✅";
const DISMISS: &str = "❌";

const EMPTY: &str =
    "BEGIN; CREATE TABLE saved AS TABLE team_members; DELETE FROM team_members WHERE role <> 'lead'; COMMIT";
const RESTORE: &str = "BEGIN; INSERT INTO team_members TABLE saved ON CONFLICT DO NOTHING; DROP TABLE saved; COMMIT";

/// What is needed to play it, and what could not be taken.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    screen: &'a Screen,
    stage: Stage,
    camera: Camera,
    album: Album,
    missing: Vec<String>,
}

impl Scene<'_> {
    pub(crate) fn new(screen: &Screen, stage: Stage, camera: Camera, album: Album) -> Scene<'_> {
        Scene { screen, stage, camera, album, missing: Vec::new() }
    }

    /// Plays it. What cannot be taken is noted, and the scene goes on with the next act.
    ///
    /// # Errors
    /// When the client does not get into the Staff room.
    pub(crate) async fn play(&mut self) -> Result<()> {
        let Stage { house, password, .. } = &self.stage;
        let (homeserver, user) = (house.synapse.url(), by_name(LEAD).sub);
        self.camera.open(&homeserver, user, password, Room::Staff.name()).await.context("open the Staff room")?;
        self.screen.section("The Staff room");
        let acts = [
            ("reading", self.reading().await),
            ("while paused", self.paused().await),
            ("acting", self.acting().await),
            ("held and approved", self.approved().await),
            ("held and dismissed", self.dismissed().await),
            ("the table is emptied", self.emptied().await),
            ("an alert", self.alert().await),
            ("a replaced room", self.replaced().await),
            ("refused", self.refused().await),
        ];
        for (act, outcome) in acts {
            if let Err(error) = outcome {
                self.missing.push(format!("{act}: {error:#}"));
            }
        }
        if let Err(error) = self.camera.keep_terminal(&self.album.file("terminal.txt")).await {
            self.missing.push(format!("the terminal: {error:#}"));
        }
        Ok(())
    }

    /// Copies what the documentation shows, and tells what is missing.
    ///
    /// # Errors
    /// When the copies cannot be made, or the camera does not end.
    pub(crate) async fn end(self) -> Result<ExitCode> {
        self.camera.close().await?;
        self.album.publish()?;
        for missing in &self.missing {
            self.screen.say(&format!("  {} not taken: {missing}", self.screen.red("✗")));
        }
        Ok(if self.missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn reading(&mut self) -> Result<()> {
        let cleo = by_name("Cleo").sub;
        self.ask("help", "help").await?;
        self.ask("help-explain", "help explain").await?;
        self.ask("status", "status").await?;
        self.ask("plan-nothing", "plan").await?;
        self.ask("explain", &format!("explain {cleo}")).await?;
        self.ask("who", "who analysts").await?;
        self.ask("doctor", "doctor").await
    }

    async fn paused(&mut self) -> Result<()> {
        self.ask("pause", "pause").await?;
        let (finn, leo) = (by_name("Finn").sub, by_name("Leo").sub);
        let hasura = &self.stage.house.hasura;
        hasura.add(leo, "experiencers", "member").await?;
        hasura.move_to(finn, "analysts", "experiencers").await?;
        self.ask("plan", "plan").await?;
        self.ask("explain-removal", &format!("explain {finn}")).await?;
        self.ask("status-paused", "status").await?;
        self.ask("sync-paused", "sync").await?;
        self.ask("resume", "resume").await?;
        self.stage.until_member("Finn", Room::Analysts, "leave").await?;
        self.stage.until_member("Leo", Room::Experiencers, "join").await
    }

    async fn acting(&mut self) -> Result<()> {
        let (ivo, kim, finn) = (by_name("Ivo"), by_name("Kim").sub, by_name("Finn").sub);
        let house = &self.stage.house;
        house.login(ivo).await?.leave(house.room(Room::Experiencers)).await?;
        house.cloud.add_the_latecomer().await?;
        house.hasura.add(kim, "analysts", "member").await?;
        self.ask("provision", &format!("provision {kim}")).await?;
        self.ask("rejoin", &format!("rejoin {} experiencers", ivo.sub)).await?;
        self.ask("sync", "sync").await?;
        self.ask("history", "history").await?;
        self.ask("history-of-one", &format!("history {finn}")).await
    }

    /// Three of one team go within a minute: one tap carries it out.
    async fn approved(&mut self) -> Result<()> {
        let people = ["Dan", "Eve", "Juno"];
        let held = self.hold(&people, "analysts", "held").await?;
        self.ask("status-held", "status").await?;
        self.ask("plan-held", "plan").await?;
        self.ask("explain-held", &format!("explain {}", by_name("Eve").sub)).await?;
        self.decide(&held, APPROVE).await?;
        for who in people {
            self.stage.until_member(who, Room::Analysts, "leave").await?;
        }
        // It was edited when the work began, and is again when it is done.
        self.stage.edited(&held, 1).await?;
        self.take_edited("held-approved", &held).await?;
        self.ask("history-after", "history").await
    }

    async fn dismissed(&mut self) -> Result<()> {
        let held = self.hold(&["Gil", "Hana"], "experiencers", "held-two").await?;
        self.decide(&held, DISMISS).await?;
        self.take_edited("held-dismissed", &held).await?;
        for (who, role) in [("Gil", "member"), ("Hana", "lead")] {
            self.stage.house.hasura.add(by_name(who).sub, "experiencers", role).await?;
        }
        Ok(())
    }

    /// All but the leads vanish from the table, and are there again.
    async fn emptied(&mut self) -> Result<()> {
        self.stage.chat("I am cleaning up the table of teams.").await?;
        let before = self.stage.posts().await?;
        self.stage.house.hasura.execute(EMPTY).await?;
        let held = self.stage.post_after(&before).await?;
        self.take("held-empty", &held, &[APPROVE, DISMISS]).await?;
        let edits = self.stage.edits(&held).await?;
        self.stage.house.hasura.execute(RESTORE).await?;
        self.stage.edited(&held, edits).await?;
        self.take_edited("held-over", &held).await
    }

    /// The bot is out of a room, and comes back.
    async fn alert(&mut self) -> Result<()> {
        self.stage.chat("Who is the bot in our room? I have taken it out.").await?;
        let before = self.stage.posts().await?;
        let house = &self.stage.house;
        let (room, bot) = (house.room(Room::Analysts), &house.bot);
        bot.call(Method::POST, &format!("/_matrix/client/v3/rooms/{room}/leave"), Some(json!({}))).await?;
        self.stage.ask("sync").await?;
        let alert = self.stage.post_after(&before).await?;
        self.take("alert", &alert, &[]).await?;
        self.ask("status-trouble", "status").await?;
        let house = &self.stage.house;
        let (room, bot) = (house.room(Room::Analysts), &house.bot);
        house.hands_of(by_name(LEAD)).await?.invite(room, &bot.mxid).await?;
        bot.join(room).await?;
        self.stage.edited(&alert, 0).await?;
        self.take_edited("alert-over", &alert).await
    }

    async fn replaced(&mut self) -> Result<()> {
        self.stage.chat("I have upgraded the room of the experiencers.").await?;
        let before = self.stage.posts().await?;
        let house = &self.stage.house;
        let path = format!("/_matrix/client/v3/rooms/{}/upgrade", house.room(Room::Experiencers));
        house.bot.call(Method::POST, &path, Some(json!({ "new_version": "10" }))).await?;
        let alert = self.stage.post_after(&before).await?;
        self.take("alert-replaced", &alert, &[]).await?;
        self.ask("follow", "follow experiencers").await
    }

    async fn refused(&mut self) -> Result<()> {
        self.ask("did-you-mean", "stauts").await?;
        self.ask("nobody", "explain Somebody").await?;
        let answer = self.stage.ask_as_member("status").await?;
        self.take("refused", &answer, &[]).await
    }

    /// Takes these people's rows away and photographs what is posted.
    async fn hold(&mut self, people: &[&str], team: &str, name: &str) -> Result<String> {
        self.stage.chat(&format!("{} are not in {team} any more.", people.join(" and "))).await?;
        let before = self.stage.posts().await?;
        let subs: Vec<_> = people.iter().map(|who| format!("'{}'", by_name(who).sub)).collect();
        let sql = format!(
            "DELETE FROM team_members tm USING teams t WHERE t.id = tm.team_id AND t.name = '{team}' AND tm.user_id IN ({})",
            subs.join(", ")
        );
        self.stage.house.hasura.execute(&sql).await?;
        let held = self.stage.post_after(&before).await?;
        self.take(name, &held, &[APPROVE, DISMISS]).await?;
        Ok(held)
    }

    /// Taps in the client, and waits until the post says so.
    async fn decide(&mut self, held: &str, key: &str) -> Result<()> {
        let edits = self.stage.edits(held).await?;
        self.camera.tap(held, key).await?;
        self.stage.edited(held, edits).await
    }

    async fn ask(&mut self, name: &str, command: &str) -> Result<()> {
        let answer = self.stage.ask(command).await.with_context(|| name.to_owned())?;
        self.take(name, &answer, &[]).await
    }

    /// Takes a post as its newest edit has it, and what clients show of the edit that know none.
    async fn take_edited(&mut self, name: &str, post: &str) -> Result<()> {
        let edit = self.stage.newest_edit(post).await.with_context(|| name.to_owned())?;
        self.take(&format!("{name}-fallback"), &edit, &[]).await?;
        self.stage.chat("Thank you.").await?;
        let again = self.stage.say_again(&edit).await.with_context(|| name.to_owned())?;
        self.take(name, &again, &[]).await
    }

    async fn take(&mut self, name: &str, event: &str, reactions: &[&str]) -> Result<()> {
        let file = self.album.file(name);
        let findings = self.camera.take(event, reactions, &file).await.with_context(|| name.to_owned())?;
        let content = self.stage.content(event).await.with_context(|| name.to_owned())?;
        self.album.keep_text(name, &content)?;
        self.screen.good(name);
        for finding in findings {
            self.screen.say(&self.screen.dim(&format!("      {finding}")));
        }
        Ok(())
    }
}
