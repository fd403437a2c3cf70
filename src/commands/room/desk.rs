//! The desk: handles each message of the Staff room at most once, and keeps what the bot posted there up to date. Only the
//! replica that reconciles has one.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join3;
use parking_lot::Mutex;
use provisioner_policy::{Policy, short_id};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::accounts::Confirmer;
use crate::causes::told;
use crate::commands::room::groups::Groups;
use crate::commands::room::rate_limits::RateLimits;
use crate::commands::room::turn::{CommandTurn, TurnUnderWay};
use crate::commands::run::command;
use crate::commands::text::render::Rendered;
use crate::commands::text::reply::{Piece, Reply, marked};
use crate::display_names::{NameLookup, NameReader};
use crate::doctor::ConfigLocation;
use crate::homeserver::Homeserver;
use crate::reconcile::{Configured, ReconcilerHandle};
use crate::store::{CommandRow, Store};

/// A lost notification costs at most this.
const FALLBACK: Duration = Duration::from_secs(5);

/// Between attempts while the database or Synapse does not answer.
pub(crate) const RETRY: Duration = Duration::from_secs(2);

/// The room that takes commands, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct StaffRoom {
    /// Its key in the configuration.
    pub key: String,
    pub room_id: String,
    pub prefix: String,
    pub bot: String,
    pub server_name: String,
    /// Keys of all managed rooms.
    pub rooms: Vec<String>,
    /// The policy of the configuration, without the rooms that are followed.
    pub policy: Policy,
    /// The configuration itself, for the doctor.
    pub config: ConfigLocation,
    /// What is not asked for any more is not well again.
    pub configured: Configured,
}

/// Everything that answering needs.
#[derive(Debug)]
pub struct Desk {
    pub(crate) staff: StaffRoom,
    pub(crate) store: Store,
    /// The account store with the pool behind it, where there is one.
    pub(crate) accounts: Confirmer,
    pub(crate) homeserver: Homeserver,
    pub(crate) reconciler: ReconcilerHandle,
    pub(crate) limits: Mutex<RateLimits>,
    pub(crate) groups: Groups,
    /// Kept by a no until it has ended what was asked for and stands in the database, and by a yes while it looks for one and asks.
    pub(crate) deciding: tokio::sync::Mutex<()>,
    names: NameLookup,
}

impl Desk {
    /// A desk for the room. It looks at the world through `reconciler`.
    pub fn new(staff: StaffRoom, accounts: Confirmer, homeserver: Homeserver, reconciler: ReconcilerHandle) -> Self {
        let groups = Groups::of(&staff.policy.operators);
        let (store, limits) = (accounts.store.clone(), Mutex::default());
        let names = NameLookup::new(homeserver.clone(), store.clone(), NameReader::Leader);
        let deciding = tokio::sync::Mutex::default();
        Self { staff, store, accounts, homeserver, reconciler, limits, groups, deciding, names }
    }

    /// Works until it is dropped. `heard` is notified when something was said.
    pub async fn work(self, heard: &Notify) -> Infallible {
        let desk = Arc::new(self);
        match join3(Arc::clone(&desk).answer_all(heard), desk.keep_posts(), desk.introduce()).await {}
    }

    async fn answer_all(self: Arc<Self>, heard: &Notify) -> Infallible {
        // Each row gets a task of its own, which goes on while this loop waits for the database and ends with it. Of those that
        // act, one has the turn; the others stay where they are until the next look, which begins with the oldest.
        let mut running = JoinSet::new();
        let mut begun = HashSet::new();
        let mut acting = None::<TurnUnderWay>;
        loop {
            let but: Vec<String> = begun.iter().cloned().collect();
            match self.store.open_commands(&but).await {
                Ok(rows) => {
                    for row in rows {
                        let turn = match self.acts(&row) {
                            false => CommandTurn::default(),
                            true if acting.is_some() => continue,
                            true => {
                                let (turn, under_way) = CommandTurn::begin();
                                acting = Some(under_way);
                                turn
                            }
                        };
                        begun.insert(row.event_id.clone());
                        running.spawn(Arc::clone(&self).handle_one(row, turn.into()));
                    }
                }
                Err(error) => warn!("commands cannot be read from the database: {error}"),
            }
            tokio::select! {
                () = heard.notified() => {}
                () = tokio::time::sleep(FALLBACK) => {}
                () = turn_is_over(&mut acting) => acting = None,
                Some(ended) = running.join_next() => match ended {
                    Ok((event_id, turn)) => {
                        begun.remove(&event_id);
                        drop(turn);
                    }
                    Err(error) => error!("a command ended in a way that it must not: {error}"),
                },
            }
        }
    }

    /// Returns the turn, too: a command that acts and waits keeps it until the next look may begin with that command again.
    async fn handle_one(self: Arc<Self>, row: CommandRow, turn: Arc<CommandTurn>) -> (String, Arc<CommandTurn>) {
        let event_id = row.event_id.clone();
        if let Err(error) = self.handle(row, &turn).await {
            info!(event.id = event_id, "a command waits: {}", told(error.as_ref()));
            tokio::time::sleep(RETRY).await;
        }
        (event_id, turn)
    }

    /// Runs `with` on the rate limits.
    pub(crate) fn with_limits<T>(&self, with: impl FnOnce(&mut RateLimits) -> T) -> T {
        with(&mut self.limits.lock())
    }

    /// Both forms of an answer, as much of it as a message holds, with the names of the users in it.
    pub(crate) async fn render(&self, reply: &Reply) -> Rendered {
        let reply = reply.cut_to_fit();
        let texts: Vec<&str> = reply.texts().collect();
        let names = match reply.asks_nothing() {
            true => self.names.kept_names_in(texts).await,
            false => self.names.names_in(texts).await,
        };
        reply.render_with(&names)
    }

    /// Words of the service's own: what stands in backticks is to be typed, and a command of this room gets its prefix.
    pub(crate) fn words(&self, words: &str) -> Vec<Piece> {
        marked(words, |typed| said_here(typed).map_or_else(|| typed.to_owned(), |said| self.typed(said)))
    }

    /// Looks up who these are called, for an answer that asks nothing by itself. As bounded as any look-up.
    pub(crate) async fn learn_names<'a>(&self, of: impl IntoIterator<Item = &'a str>) {
        self.names.learn(of).await;
    }

    /// What somebody types to give this command, prefix and all.
    pub(crate) fn typed(&self, command: &str) -> String {
        format!("{} {command}", self.staff.prefix)
    }

    /// What somebody types to approve the held plan with this id.
    pub(crate) fn typed_apply(&self, held_id: &str) -> String {
        self.typed(&format!("apply {}", short_id(held_id)))
    }
}

/// The command of this room, without the prefix, that says what stands in backticks. Of the command line that is one that this
/// room has too, with the same words and no option: what takes an option means something that nobody can say here.
fn said_here(typed: &str) -> Option<&str> {
    let Some(said) = typed.strip_prefix("phenom-provisioner ") else {
        return typed.split(' ').next().and_then(command).map(|_| typed);
    };
    let mut words = said.split(' ');
    let arguments = command(words.next()?)?.arguments;
    let given: Vec<&str> = words.collect();
    let least = arguments.iter().filter(|argument| !argument.is_optional()).count();
    let is_said_here =
        (least..=arguments.len()).contains(&given.len()) && !given.iter().any(|word| word.starts_with('-'));
    is_said_here.then_some(said)
}

/// Waits for the end of the turn under way; for ever where there is none.
async fn turn_is_over(acting: &mut Option<TurnUnderWay>) {
    match acting {
        Some(under_way) => under_way.is_over().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_the_command_line_is_said_here_where_this_room_has_it_with_the_same_words() {
        for said in ["follow red-room", "resume", "plan", "history @a:a"] {
            assert_eq!(said_here(said), Some(said));
            assert_eq!(said_here(&format!("phenom-provisioner {said}")), Some(said));
        }
        for other in ["bootstrap", "follow red-room --force", "history --json", "apply", "apply --approve 3f9c01ab"] {
            assert_eq!(said_here(&format!("phenom-provisioner {other}")), None, "{other}");
        }
        assert_eq!(said_here("rejoin"), Some("rejoin"), "a command by its name alone");
        assert_eq!((said_here("id = \"!new:a\""), said_here("")), (None, None));
    }
}
