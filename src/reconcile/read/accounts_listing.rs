//! The listing of accounts as it goes on: when one begins, what is asked next, and how it ended. What an answer says is taken over
//! in `server_accounts`.
//!
//! Each question, a page mostly, is a task of its own: a listing that is slow, or never answered, makes nothing else wait, and what
//! was listed before stands meanwhile. A listing that failed is no reason to doubt rooms.

use std::time::{Duration, Instant};

use provisioner_policy::{UserIx, World};
use tokio::task::{JoinError, JoinSet};

use crate::causes::told;
use crate::delays::{Delays, Doubling};
use crate::homeserver::{CallError, Homeserver, ServerAdminList, UserPage, within};
use crate::reconcile::read::server_accounts::AccountsHeard;

/// Accounts a page. Synapse answers 20,000 in about a quarter of a second.
const PAGE: u64 = 20_000;

/// Accounts that many pages long are listed only at every so many resyncs, or where their number changed or somebody asked
/// for a pass. A listing of one page is one request, as little as asking for the number.
const EVERY: u32 = 12;

/// How long one answer is waited for where an earlier listing stands meanwhile. A busy Synapse takes several seconds for a page, and
/// one that takes two hundred times as long as an idle one hangs: that is told within a minute. A listing has no bound: one of a
/// million accounts is fifty pages. The first listing has nobody to delay, and each of its questions as long as any bulk read.
const ANSWERED: Duration = Duration::from_secs(45);

/// When a listing that failed is tried again. Synapse goes on with a question that nobody waits for any more, so not at once.
const DELAYS: Doubling = Doubling { first: Duration::from_secs(10), longest: Duration::from_secs(60) };

/// The listing of accounts: what the last one said, and the one under way.
#[derive(Debug)]
pub(crate) struct AccountsListing {
    /// How many accounts there are by now.
    pub(crate) total: Option<u64>,
    /// How often only their number was asked for since.
    counted: u32,
    under_way: Option<UnderWay>,
    /// Why the last one failed.
    pub(crate) trouble: Option<String>,
    /// When one begins without a resync.
    again: Option<Instant>,
    delays: Delays,
    /// Somebody asked, and wants to hear what the next one says.
    is_wanted: bool,
}

type ListingResult = Result<ListingAnswer, CallError>;

#[derive(Debug)]
struct UnderWay {
    /// One question at a time.
    question: JoinSet<ListingResult>,
    /// ListingResult, and not taken over yet.
    answer: Option<ListingResult>,
    listed: AccountsHeard,
    is_first: bool,
    /// Somebody asked since it began: it may have passed what they ask about.
    asked: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    /// How many accounts there are.
    Total,
    Admins,
    /// A page, from this account on.
    Page(u64),
}

#[derive(Debug)]
enum ListingAnswer {
    Total(Option<u64>),
    Admins(ServerAdminList),
    Page(UserPage),
}

impl Default for AccountsListing {
    fn default() -> Self {
        let delays = DELAYS.delays();
        Self { total: None, counted: 0, under_way: None, trouble: None, again: None, delays, is_wanted: false }
    }
}

impl AccountsListing {
    /// Has the next reading list them, because somebody asked.
    pub(crate) fn forget(&mut self, now: Instant) {
        (self.counted, self.again, self.is_wanted) = (EVERY, None, true);
        if let Some(listing) = &mut self.under_way {
            listing.asked = Some(now);
        }
    }

    /// Whether a listing is to begin, at a resync or without one. One that failed is not tried again before its time.
    pub(crate) fn is_to_begin(&self, is_resync: bool, now: Instant) -> bool {
        self.under_way.is_none() && self.again.map_or(is_resync, |again| again <= now)
    }

    /// When one begins without a resync.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.again.filter(|_| self.under_way.is_none())
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether one is under way that is worth waiting for: a listing that failed the last time fails. Who asked wants to know.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_under_way() && (self.trouble.is_none() || self.is_wanted)
    }

    /// Begins to list the accounts: locking, deactivating or reopening one by hand changes neither a room nor the number of
    /// accounts. Where that takes many pages it is mostly only asked how many there are, and who is a server admin.
    pub(crate) fn begin(&mut self, homeserver: &Homeserver, world: &World) {
        let is_first = !world.mirror.accounts_listed;
        let is_whole = self.total.is_none_or(|total| total <= PAGE) || self.counted >= EVERY - 1;
        let mut listing = UnderWay {
            question: JoinSet::new(),
            answer: None,
            listed: AccountsHeard::begin(world),
            is_first,
            asked: None,
        };
        listing.ask(homeserver, if is_first || is_whole { Question::Page(0) } else { Question::Total });
        self.under_way = Some(listing);
        self.again = None;
    }

    /// Something was done or learnt of the user: a listing under way may say what was before.
    pub(crate) fn note_newer(&mut self, user: UserIx) {
        if let Some(listing) = &mut self.under_way {
            listing.listed.note_newer(user);
        }
    }

    /// Waits until a question is answered; for ever where none is asked.
    pub(crate) async fn answered(&mut self) {
        match &mut self.under_way {
            Some(listing) if listing.answer.is_some() => {}
            Some(listing) => listing.answer = listing.question.join_next().await.map(unpanicked),
            None => std::future::pending().await,
        }
    }

    /// Takes over what was answered, and asks on. Returns whether the listing ended by it, well or not.
    pub(crate) fn take_over(&mut self, homeserver: &Homeserver, world: &mut World) -> bool {
        let Some(listing) = &mut self.under_way else { return false };
        let Some(answer) = listing.take_answer() else { return false };
        match answer {
            Err(error) => self.failed(&error),
            Ok(ListingAnswer::Total(total)) => {
                let is_known = total == self.total;
                listing.ask(homeserver, if is_known { Question::Admins } else { Question::Page(0) });
                return false;
            }
            Ok(ListingAnswer::Page(page)) => {
                listing.listed.take_page(world, &page, homeserver.user_id());
                if let Some(start) = page.next {
                    listing.ask(homeserver, Question::Page(start));
                    return false;
                }
                listing.listed.end(world, page.total);
                self.ended(page.total, 0);
            }
            Ok(ListingAnswer::Admins(admins)) => {
                listing.listed.take_admins(world, &admins);
                self.ended(self.total, self.counted + 1);
            }
        }
        true
    }

    /// Gives up the one under way, and that the last one failed: Synapse as a whole is away.
    pub(crate) fn abandon(&mut self) {
        (self.under_way, self.trouble, self.again, self.is_wanted) = (None, None, None, false);
        self.delays.reset();
    }

    fn ended(&mut self, total: Option<u64>, counted: u32) {
        let asked = self.under_way.take().and_then(|listing| listing.asked);
        self.abandon();
        self.total = total;
        (self.counted, self.again, self.is_wanted) = (asked.map_or(counted, |_| EVERY), asked, asked.is_some());
    }

    fn failed(&mut self, error: &CallError) {
        (self.under_way, self.is_wanted) = (None, false);
        self.trouble = Some(format!("Synapse's list of accounts cannot be read: {}", told(error)));
        self.again = Some(Instant::now() + self.delays.next_delay());
    }
}

impl UnderWay {
    fn ask(&mut self, homeserver: &Homeserver, question: Question) {
        let homeserver = homeserver.clone();
        let limit = if self.is_first { Duration::MAX } else { ANSWERED };
        self.question.spawn(async move { within(limit, ask(&homeserver, question)).await });
    }

    fn take_answer(&mut self) -> Option<ListingResult> {
        self.answer.take().or_else(|| self.question.try_join_next().map(unpanicked))
    }
}

fn unpanicked(ended: Result<ListingResult, JoinError>) -> ListingResult {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn ask(homeserver: &Homeserver, question: Question) -> ListingResult {
    Ok(match question {
        Question::Total => ListingAnswer::Total(homeserver.list_users(0, 1).await?.total),
        Question::Admins => ListingAnswer::Admins(homeserver.server_admins().await?),
        Question::Page(start) => ListingAnswer::Page(homeserver.list_users(start, PAGE).await?),
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::Instant as Clock;

    use super::*;
    use crate::homeserver::Timeouts;
    use crate::reconcile::pushes::tests::world;

    async fn homeserver(address: &str) -> Homeserver {
        Homeserver::connect(&format!("http://{address}"), "@bot:a", "token", Timeouts::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_listing_that_fails_leaves_what_was_known_and_is_tried_again_later() {
        let homeserver = homeserver("127.0.0.1:1").await;
        let ((mut world, _), mut accounts) =
            (world(), AccountsListing { total: Some(3), ..AccountsListing::default() });
        world.set_accounts_listed(true);
        accounts.begin(&homeserver, &world);
        assert!(accounts.is_awaited() && !accounts.is_to_begin(true, Instant::now()), "one at a time");
        accounts.answered().await;
        assert!(accounts.take_over(&homeserver, &mut world));
        let now = Instant::now();
        assert!(accounts.trouble.as_ref().unwrap().contains("cannot be reached"), "{:?}", accounts.trouble);
        assert!(accounts.total == Some(3) && world.mirror.accounts_listed);
        assert!(!accounts.is_to_begin(true, now) && accounts.is_to_begin(false, now + DELAYS.first));
        accounts.begin(&homeserver, &world);
        assert!(!accounts.is_awaited(), "what failed is not waited for");
        accounts.forget(now);
        assert!(accounts.is_awaited(), "but by who asked");
        accounts.ended(Some(4), 0);
        let is_well = accounts.trouble.is_none();
        assert!(is_well && accounts.is_to_begin(false, now), "it may have passed what was asked about");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_hangs_is_given_up_within_a_minute_and_the_first_one_has_longer() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let homeserver = homeserver(&silent.local_addr().unwrap().to_string()).await;
        let (mut world, _) = world();
        for (is_listed, limit) in [(true, ANSWERED), (false, Timeouts::default().bulk_read)] {
            world.set_accounts_listed(is_listed);
            let (mut accounts, began) = (AccountsListing::default(), Clock::now());
            accounts.begin(&homeserver, &world);
            accounts.answered().await;
            assert!(accounts.take_over(&homeserver, &mut world) && world.mirror.accounts_listed == is_listed);
            let took = began.elapsed();
            assert!(limit <= took && took < limit + Duration::from_secs(1), "{took:?}");
        }
    }
}
