//! Upgrades: whether the room that a tombstone names says that it replaces this one. Anybody who may send a tombstone could switch
//! a room's policy off by it otherwise.
//!
//! A Synapse before 1.163 answers with all the state of the room that is named, one event for each member. So each question is a
//! task of its own, as a reading is: a big room makes no other wait.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use provisioner_policy::{RoomIx, RoomStatus, World};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant as Clock, timeout_at};

use crate::homeserver::{CallError, Homeserver, RoomOrigin};
use crate::reconcile::read::readings::PATIENCE;
use crate::reconcile::room_mirror::CREATE;

/// When what was not answered is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// Whether one room replaces another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UpgradeQuestion {
    /// The room with the tombstone, by its id: a room that is followed has another one.
    id: String,
    /// The room that the tombstone names.
    named: String,
}

/// What Synapse says of the room that is named.
type OriginAnswer = Result<Option<RoomOrigin>, CallError>;

#[derive(Debug)]
struct AnsweredQuestion {
    room: RoomIx,
    question: UpgradeQuestion,
    answer: OriginAnswer,
}

/// How far a question is.
#[derive(Debug)]
enum UpgradeProgress {
    /// Asked. Its answer may be there, and not taken over.
    UnderWay(#[expect(dead_code, reason = "dropped with the question, it ends")] AbortedOnDrop),
    Unanswered {
        again: Instant,
    },
    Answered {
        /// Synapse knows the room that is named.
        is_known: bool,
    },
}

/// A task that ends with this.
#[derive(Debug)]
struct AbortedOnDrop(AbortHandle);

impl Drop for AbortedOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The questions about the tombstones that there are, one for each room.
#[derive(Debug, Default)]
pub(crate) struct Upgrades {
    asked: HashMap<RoomIx, (UpgradeQuestion, UpgradeProgress)>,
    tasks: JoinSet<AnsweredQuestion>,
    /// Ended, and not taken over yet.
    ended: Vec<AnsweredQuestion>,
    /// Rooms with a question that was once waited for in vain. Their questions are not waited for any more: with one tombstone after
    /// the other somebody could keep all rooms waiting.
    hung: HashSet<RoomIx>,
}

impl Upgrades {
    /// Has it asked anew whether there is a room that Synapse did not know. What a create event says never changes.
    pub(crate) fn forget(&mut self) {
        self.asked.retain(|_, (_, progress)| {
            matches!(progress, UpgradeProgress::UnderWay(_) | UpgradeProgress::Answered { is_known: true })
        });
    }

    /// When something is asked again.
    pub(crate) fn due(&self) -> Option<Instant> {
        let again = |progress: &UpgradeProgress| match progress {
            UpgradeProgress::Unanswered { again } => Some(*again),
            UpgradeProgress::UnderWay(_) | UpgradeProgress::Answered { .. } => None,
        };
        self.asked.values().filter_map(|(_, progress)| again(progress)).min()
    }

    /// Whether a question is under way.
    pub(crate) fn any(&self) -> bool {
        self.under_way().next().is_some()
    }

    /// Waits until a question ends; for ever where none is under way.
    pub(crate) async fn one_ends(&mut self) {
        match self.tasks.join_next().await {
            Some(ended) => self.ended.extend(unaborted(ended)),
            None => std::future::pending().await,
        }
    }

    /// Asks about the tombstones that were not asked about, and takes over what was answered. Returns whether Synapse left a question
    /// unanswered. Most answers come at once, and nobody is told before that nothing is known: they are waited for, but not for long.
    pub(crate) async fn look(&mut self, homeserver: &Homeserver, world: &mut World) -> bool {
        self.begin(homeserver, world);
        let (until, mut is_unanswered) = (Clock::now() + PATIENCE, false);
        loop {
            is_unanswered |= self.take_over(world);
            if self.under_way().all(|room| self.hung.contains(&room)) {
                return is_unanswered;
            }
            if timeout_at(until, self.one_ends()).await.is_err() {
                let hung: Vec<RoomIx> = self.under_way().collect();
                self.hung.extend(hung);
            }
        }
    }

    /// Begins to ask what was not asked yet or is to be asked again. What a room in the mirror says of itself is not asked.
    fn begin(&mut self, homeserver: &Homeserver, world: &mut World) {
        let now = Instant::now();
        for room in world.rooms() {
            let Some(question) = UpgradeQuestion::about(world, room) else {
                self.asked.remove(&room);
                continue;
            };
            let known = self.asked.get(&room).filter(|(asked, _)| *asked == question);
            let is_due = match known.map(|(_, progress)| progress) {
                Some(UpgradeProgress::Answered { .. }) => continue,
                Some(UpgradeProgress::UnderWay(_)) => false,
                Some(UpgradeProgress::Unanswered { again }) => *again <= now,
                None => true,
            };
            if let Some(origin) = mirrored(world, &question.named) {
                self.take(world, room, question, Ok(Some(origin)));
            } else if is_due {
                let task = AbortedOnDrop(self.tasks.spawn(ask(homeserver.clone(), room, question.clone())));
                self.asked.insert(room, (question, UpgradeProgress::UnderWay(task)));
            }
        }
    }

    /// Takes over what was answered. Returns whether Synapse left a question unanswered.
    fn take_over(&mut self, world: &mut World) -> bool {
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended.extend(unaborted(ended));
        }
        let mut is_unanswered = false;
        for AnsweredQuestion { room, question, answer } in std::mem::take(&mut self.ended) {
            // There may be another tombstone by now.
            let is_asked = |(asked, progress): &(UpgradeQuestion, UpgradeProgress)| {
                *asked == question && matches!(progress, UpgradeProgress::UnderWay(_))
            };
            if self.asked.get(&room).is_some_and(is_asked) {
                is_unanswered |= self.take(world, room, question, answer);
            }
        }
        is_unanswered
    }

    fn take(&mut self, world: &mut World, room: RoomIx, question: UpgradeQuestion, answer: OriginAnswer) -> bool {
        let (progress, is_unanswered) = match answer {
            Ok(origin) => {
                let is_known = origin.is_some();
                // A tombstone alone is only somebody's word.
                let made_by = origin.filter(|origin| origin.replaces == question.id).map(|origin| origin.made_by);
                world.set_upgrade(room, &question.named, made_by.as_deref());
                (UpgradeProgress::Answered { is_known }, false)
            }
            Err(error) => (UpgradeProgress::Unanswered { again: Instant::now() + AGAIN }, error.is_transport()),
        };
        self.asked.insert(room, (question, progress));
        is_unanswered
    }

    /// Rooms with a question under way.
    fn under_way(&self) -> impl Iterator<Item = RoomIx> {
        let under_way = self.asked.iter().filter(|(_, (_, progress))| matches!(progress, UpgradeProgress::UnderWay(_)));
        under_way.map(|(room, _)| *room)
    }
}

impl UpgradeQuestion {
    /// What the room's tombstone asks; nothing where it names no room, or where there is none.
    fn about(world: &World, room: RoomIx) -> Option<Self> {
        let named = world.room(room).named_successor().filter(|named| !named.is_empty())?;
        Some(Self { id: world.policy.rooms[room.index()].id.clone(), named: named.to_owned() })
    }
}

/// What the create event says of a room that is managed, too, and read.
fn mirrored(world: &World, named: &str) -> Option<RoomOrigin> {
    let mirror = world.room(world.room_by_id(named)?);
    let create = mirror.state(CREATE).filter(|_| mirror.status == RoomStatus::Ready)?;
    Some(RoomOrigin::of(create.content.clone(), create.sender.clone()))
}

async fn ask(homeserver: Homeserver, room: RoomIx, question: UpgradeQuestion) -> AnsweredQuestion {
    let answer = homeserver.origin(&question.named).await;
    AnsweredQuestion { room, question, answer }
}

/// What came of a task that was not aborted.
fn unaborted(ended: Result<AnsweredQuestion, JoinError>) -> Option<AnsweredQuestion> {
    match ended {
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        ended => ended.ok(),
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{Policy, RoomPolicy, Selector, StateEntry};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;
    use crate::homeserver::Timeouts;

    async fn homeserver(address: &str) -> Homeserver {
        Homeserver::connect(&format!("http://{address}"), "@bot:a", "token", Timeouts::default()).await.unwrap()
    }

    /// Two rooms that are read, of which the first has a tombstone.
    fn world(named: &str) -> (World, [RoomIx; 2]) {
        let room = |key: &str| RoomPolicy::new(key, format!("!{key}:a"), vec![Selector::Everyone]);
        let mut world =
            World::new(Policy { server_name: "a".into(), rooms: vec![room("old"), room("new")], ..Policy::default() });
        let rooms = ["old", "new"].map(|key| world.room_by_key(key).unwrap());
        rooms.into_iter().for_each(|room| world.set_room_status(room, RoomStatus::Ready));
        bury(&mut world, rooms[0], named);
        (world, rooms)
    }

    fn bury(world: &mut World, room: RoomIx, named: &str) {
        world.set_state(room, "m.room.tombstone", event(json!({"replacement_room": named})));
    }

    fn event(content: Value) -> StateEntry {
        StateEntry { content, sender: "@maker:a".to_owned(), event_id: "$event".to_owned() }
    }

    fn replaces(id: &str) -> Value {
        json!({"predecessor": {"room_id": id}})
    }

    #[tokio::test]
    async fn what_a_create_event_says_is_asked_once_and_a_room_that_is_not_there_anew_at_each_resync() {
        let homeserver = homeserver("127.0.0.1:1").await;
        for (says, is_upgraded) in [(Some("!old:a"), true), (Some("!other:a"), false), (None, false)] {
            let ((mut world, [room, _]), mut upgrades) = (world("!far:a"), Upgrades::default());
            let question = UpgradeQuestion::about(&world, room).unwrap();
            let origin = says.map(|id| RoomOrigin::of(replaces(id), "@maker:a".to_owned()));
            assert!(!upgrades.take(&mut world, room, question, Ok(origin)));
            upgrades.begin(&homeserver, &mut world);
            assert!(!upgrades.any(), "{says:?}");
            upgrades.forget();
            upgrades.begin(&homeserver, &mut world);
            assert_eq!(upgrades.any(), says.is_none(), "{says:?}");
            assert_eq!(world.room(room).is_upgraded(), Some(is_upgraded), "what is known stands meanwhile");
            // Another tombstone is another question.
            bury(&mut world, room, "!further:a");
            upgrades.begin(&homeserver, &mut world);
            assert!(upgrades.any() && world.room(room).is_upgraded().is_none(), "{says:?}");
        }
    }

    #[tokio::test]
    async fn a_room_that_is_managed_and_read_says_itself_what_it_replaces() {
        let homeserver = homeserver("127.0.0.1:1").await;
        for (says, is_upgraded) in [("!old:a", true), ("!other:a", false)] {
            let ((mut world, [old, new]), mut upgrades) = (world("!new:a"), Upgrades::default());
            world.set_state(new, CREATE, event(replaces(says)));
            world.set_room_status(new, RoomStatus::Unread);
            upgrades.begin(&homeserver, &mut world);
            assert!(upgrades.any(), "it is asked while its mirror is not trusted");
            world.set_room_status(new, RoomStatus::Ready);
            upgrades.begin(&homeserver, &mut world);
            assert_eq!((upgrades.any(), world.room(old).is_upgraded()), (false, Some(is_upgraded)));
        }
    }

    /// As a Synapse that takes a connection and says nothing.
    #[tokio::test(start_paused = true)]
    async fn a_question_that_hangs_is_waited_for_once_and_ends_with_its_tombstone() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let homeserver = homeserver(&silent.local_addr().unwrap().to_string()).await;
        let ((mut world, [room, _]), mut upgrades) = (world("!big:a"), Upgrades::default());
        let began = Clock::now();
        assert!(!upgrades.look(&homeserver, &mut world).await && upgrades.any());
        let took = began.elapsed();
        assert!(PATIENCE <= took && took < PATIENCE + Duration::from_secs(1), "{took:?}");
        for named in ["!big:a", "!other:a"] {
            bury(&mut world, room, named);
            let began = Clock::now();
            assert!(!upgrades.look(&homeserver, &mut world).await && upgrades.any());
            assert!(began.elapsed().is_zero(), "{named}: {:?}", began.elapsed());
        }
        upgrades.one_ends().await;
        assert_eq!(upgrades.tasks.len(), 1, "nobody asks about the first one any more");
        upgrades.one_ends().await;
        let took = began.elapsed();
        assert!(took >= Timeouts::default().bulk_read, "{took:?}");
        assert!(upgrades.look(&homeserver, &mut world).await && !upgrades.any() && upgrades.due().is_some());
        assert_eq!(world.room(room).is_upgraded(), None);
    }
}
