//! Backgrounds of those who lose something: what they were and until when, and how they came in. Looked up when it is planned,
//! for a number of people at once, and never at Synapse. What a source says no longer is noted when a reading no longer has
//! it: of what happened while no service was running, the ledger tells why somebody was joined.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use provisioner_policy::{Background, Belonged, Entrance, Loss, Lost, Membership, Moment, Plan, RoomIx, UserIx, World};

use crate::reconcile::remembered::RememberedEvent;
use crate::store::{KnownLoss, LossRow, Store};

/// So many are told of. Nobody reads more, and what is said of the others is what matches.
const MOST: usize = 5_000;

/// Users a statement.
const BATCH: usize = 1_000;

/// The inbox keeps events for so long, and hands out so many of a room at once.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const EVENTS: usize = 1_000;

/// What is noted and looked up.
#[derive(Debug, Default)]
pub(crate) struct Backgrounds {
    /// The plan that was looked at last, by its number.
    looked_at: Option<u64>,
}

impl Backgrounds {
    /// Notes what the sources say no longer. A first reading loses nothing, so a command that reads once writes nothing.
    pub(crate) async fn keep(&mut self, store: &Store, world: &mut World) -> Result<()> {
        let Lost { losses, more } = world.take_lost();
        let row = |(user, what): &(UserIx, Belonged)| {
            let user_id = world.users.mxid(*user);
            match what {
                Belonged::Team { team, role } => {
                    let (name, role) = (team.clone(), role.clone().unwrap_or_default());
                    LossRow { user_id, source: "team".to_owned(), name, role }
                }
                Belonged::Group(name) => {
                    LossRow { user_id, source: "group".to_owned(), name: name.clone(), role: String::new() }
                }
            }
        };
        let mut rows: Vec<LossRow> = losses.iter().map(row).collect();
        rows.extend(more.then(|| LossRow {
            user_id: String::new(),
            source: "team".to_owned(),
            name: String::new(),
            role: String::new(),
        }));
        for batch in rows.chunks(BATCH) {
            store.note_losses(batch).await.context("note what the sources say no longer")?;
        }
        losses.iter().for_each(|(user, _)| world.set_background(*user, None));
        if !rows.is_empty() {
            self.looked_at = None;
        }
        Ok(())
    }

    /// Looks up those who lose something by `plan`, which has this number, and forgets the others.
    pub(crate) async fn learn(
        &mut self,
        store: &Store,
        world: &mut World,
        plan: &Plan,
        number: Option<u64>,
    ) -> Result<()> {
        if number.is_some() && self.looked_at == number {
            return Ok(());
        }
        let concerned: HashSet<UserIx> = plan.losing(world).take(MOST).collect();
        world.keep_backgrounds(|user| concerned.contains(&user));
        let mut unknown: Vec<UserIx> = concerned.into_iter().filter(|user| !world.has_background(*user)).collect();
        unknown.sort_unstable();
        self.look_up(store, world, &unknown).await?;
        self.looked_at = number;
        Ok(())
    }

    /// Looks up one more, whatever is planned.
    pub(crate) async fn learn_of(&mut self, store: &Store, world: &mut World, mxid: &str) -> Result<()> {
        match world.users.get(mxid) {
            Some(user) => self.look_up(store, world, &[user]).await,
            None => Ok(()),
        }
    }

    async fn look_up(&mut self, store: &Store, world: &mut World, users: &[UserIx]) -> Result<()> {
        let mut inviters: HashMap<RoomIx, Inviters> = HashMap::new();
        for batch in users.chunks(BATCH) {
            let mut known = stored(store, world, batch).await?;
            let strangers: Vec<(RoomIx, UserIx)> =
                known.iter().flat_map(|(user, background)| unexplained(world, *user, background)).collect();
            for (room, user) in strangers {
                let inviters = match inviters.entry(room) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(Inviters::of(store, world, room).await?),
                };
                let entrance = inviters.entrance(&world.users.mxid(user));
                let background = known.entry(user).or_default();
                background.entrances.extend(entrance.map(|entrance| (room, entrance)));
            }
            known.into_iter().for_each(|(user, background)| world.set_background(user, Some(background)));
        }
        Ok(())
    }
}

/// Rooms in which somebody is, and not by us.
fn unexplained(world: &World, user: UserIx, background: &Background) -> Vec<(RoomIx, UserIx)> {
    let is_in = |room: RoomIx| matches!(world.room(room).membership(user), Membership::Join | Membership::Invite);
    let is_told = |room: RoomIx| background.entrances.iter().any(|(its, _)| *its == room);
    world.rooms().filter(|room| is_in(*room) && !is_told(*room)).map(|room| (room, user)).collect()
}

/// What the database knows of these users.
async fn stored(store: &Store, world: &World, users: &[UserIx]) -> Result<HashMap<UserIx, Background>> {
    let mut ids: Vec<String> = users.iter().map(|user| world.users.mxid(*user)).collect();
    let mut known: HashMap<UserIx, Background> = users.iter().map(|user| (*user, Background::default())).collect();
    for last in store.last_places(&ids).await.context("look who was joined by us")? {
        let place = world.users.get(&last.user_id).zip(world.room_by_id(&last.room_id));
        if let (true, Some((user, room))) = (last.was_joined, place) {
            let entrance = Entrance::Service { at: moment(last.at), because: last.cause };
            known.entry(user).or_default().entrances.push((room, entrance));
        }
    }
    for one in store.accounts_since_when(&ids).await.context("look since when accounts are closed")? {
        if let Some(user) = world.users.get(&one.user_id) {
            known.entry(user).or_default().account_since = Some(moment(one.since));
        }
    }
    ids.push(String::new());
    let mut may_lack = false;
    for KnownLoss { user_id, source, name, role, until } in
        store.losses(&ids).await.context("look what the sources said before")?
    {
        may_lack |= user_id.is_empty();
        let what = match source.as_str() {
            "group" => Belonged::Group(name),
            _ => Belonged::Team { team: name, role: Some(role).filter(|role| !role.is_empty()) },
        };
        if let Some(user) = world.users.get(&user_id).filter(|_| !user_id.is_empty()) {
            known.entry(user).or_default().losses.push(Loss { what, until: moment(until) });
        }
    }
    known.values_mut().for_each(|background| background.may_lack = may_lack);
    Ok(known)
}

fn moment(at: DateTime<Utc>) -> Moment {
    Moment { seconds: at.timestamp(), words: at.format("%Y-%m-%d %H:%M UTC").to_string() }
}

/// Who invited which user into a room, as far as what was pushed lately says so.
struct Inviters {
    /// The newest invitation of each user that was not ours.
    invited_by: HashMap<String, String>,
    /// Who came in.
    joined: HashSet<String>,
    /// Nothing is missing, and who came without an invitation could do so.
    may_come_alone: bool,
}

impl Inviters {
    async fn of(store: &Store, world: &World, room: RoomIx) -> Result<Self> {
        let id = &world.policy.rooms[room.index()].id;
        let events = store.events_lately(id, &["m.room.member".to_owned()], WEEK.as_secs_f64()).await;
        let events = events.context("look who let somebody in")?;
        let (mut invited_by, mut joined) = (HashMap::new(), HashSet::new());
        for event in &events {
            let Ok(RememberedEvent { sender, state_key: Some(user), content, .. }) = serde_json::from_str(event) else {
                continue;
            };
            match content.membership.as_deref() {
                Some("invite") if sender != world.policy.bot => drop(invited_by.entry(user).or_insert(sender)),
                Some("join") => drop(joined.insert(user)),
                _ => {}
            }
        }
        let rule = world.room(room).content("m.room.join_rules").and_then(|content| content["join_rule"].as_str());
        Ok(Self { invited_by, joined, may_come_alone: events.len() < EVENTS && rule == Some("public") })
    }

    fn entrance(&self, mxid: &str) -> Option<Entrance> {
        match self.invited_by.get(mxid) {
            Some(by) => Some(Entrance::Invitation(by.clone())),
            None => (self.may_come_alone && self.joined.contains(mxid)).then_some(Entrance::Themselves),
        }
    }
}
