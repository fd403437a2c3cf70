//! A whole reading of a room, of whose answers one is damaged: who had a place keeps it, or the room is not believed.
//!
//! A file of the corpus is named by the question that it answers: the part before the first hyphen. `member` answers what is asked
//! of users that both lists lack: the list of others is cut short then.

mod undamaged;

use std::collections::{BTreeMap, HashMap};

use phenom_provisioner::reconcile::observe_rooms;
use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::Value;

use self::undamaged::{BOT, QUESTIONS, STATES, members, others_cut_short, room, states, world};
use super::hostile::{Hostile, Verdict};
use super::naive::{Fields, list, member, string};
use super::synapse::{Answer, Asker};

/// Each is a whole reading, six requests: ten thousand take minutes, and are for a run by hand.
#[cfg(test)]
const FEW: u32 = 500;

/// What is answered, by the question.
type Answers = HashMap<&'static str, Answer>;

fn ok(body: &[u8]) -> Answer {
    Answer { status: 200, head: String::new(), body: body.to_vec() }
}

/// Everybody's membership, as the two lists literally say it. Of somebody who is there twice the last one counts, and that
/// somebody joined counts most. Nothing where a list is no text: `serde_json` lets what it skips be no UTF-8.
fn written_members(answers: &Answers) -> Option<BTreeMap<String, Membership>> {
    let fields = |question: &str| Fields::of(std::str::from_utf8(&answers[question].body).ok()?);
    let (others, joined) = (fields("others")?, fields("joined")?);
    let membership = |[user, word, sender, _]: [String; 4]| Some((Membership::of_event(&word, sender == user)?, user));
    let mut written = BTreeMap::new();
    for (membership, user) in list(&others, "chunk")?.into_iter().filter_map(member).filter_map(membership) {
        written.insert(user, membership);
    }
    for user in list(&joined, "members")?.into_iter().filter_map(string) {
        written.insert(user, Membership::Join);
    }
    Some(written)
}

/// The content of the room's state, as the answer literally says it.
fn written_state(answers: &Answers, question: &str) -> Option<Value> {
    let body = &answers[question].body;
    if question == "create" {
        let event = Fields::of(std::str::from_utf8(body).ok()?)?;
        return serde_json::from_str(event.last("content")?.get()).ok();
    }
    // What cannot be held as a value is as good as no content.
    Some(serde_json::from_slice(body).unwrap_or_default())
}

/// Whether Synapse says that who is in neither list has no membership: only 404 with `M_NOT_FOUND` says so.
fn says_there_is_none(answers: &Answers) -> bool {
    let Answer { status, body, .. } = &answers["member"];
    let code = std::str::from_utf8(body).ok().and_then(Fields::of).and_then(|body| string(body.last("errcode")?));
    *status == 404 && code.as_deref() == Some("M_NOT_FOUND")
}

impl Asker {
    /// Reads the room, and returns whether the answers are believed.
    fn is_believed(&self, world: &mut World, answers: &Answers) -> bool {
        self.synapse.answer(QUESTIONS.map(|(question, path, _)| (path, answers[question].clone())).into());
        let room = room(world);
        let read = self.wait(observe_rooms(&self.bot, world, &[room]));
        read.is_ok() && world.room(room).status == RoomStatus::Ready
    }

    fn reading(&self, answers: &Answers) -> Verdict {
        let mut world = world();
        let (before, states_before) = (members(&world), states(&world));
        let is_believed = self.is_believed(&mut world, answers);
        let after = members(&world);
        if is_believed {
            let vanished: Vec<&String> = before.keys().filter(|mxid| !after.contains_key(*mxid)).collect();
            prop_assert!(vanished.is_empty() || says_there_is_none(answers), "{vanished:?} vanished");
            if let Some(written) = written_members(answers) {
                prop_assert_eq!(&after, &written, "everybody is what is written of them");
            }
            for (question, kind) in STATES {
                let written = written_state(answers, question);
                prop_assert!(written.is_some(), "{kind} is believed, and nothing readable is written of it");
                prop_assert_eq!(world.room(room(&world)).content(kind), written.as_ref(), "{}", kind);
            }
        } else {
            let unbelieved = "what is not believed changes nothing";
            prop_assert_eq!(&after, &before, "{}", unbelieved);
            prop_assert_eq!(states(&world), states_before, "{}", unbelieved);
        }
        let plan = plan(&world, &Recent::default());
        let joins = plan.due().chain(plan.held()).filter(|action| action.change.kind() == Kind::Join);
        for mxid in joins.filter_map(|action| action.change.user()).map(|user| world.users.mxid(user)) {
            let has_left = |members: &BTreeMap<String, Membership>| members.get(&mxid) == Some(&Membership::Left);
            prop_assert!(!has_left(&before) || !has_left(&after), "{mxid} left by choice, and would be joined");
        }
        Ok(is_believed)
    }
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    let reader = Asker::of(BOT);
    let good: Answers = QUESTIONS.map(|(question, _, body)| (question, ok(body))).into();
    let mut undamaged = world();
    assert!(reader.is_believed(&mut undamaged, &good));
    assert_eq!((members(&undamaged), states(&undamaged)), (members(&world()), states(&world())));

    move |hostile| {
        // A file of the corpus that is worth keeping is called by its question and what is odd about it.
        let asked = hostile.seed.split('-').next().unwrap();
        let Some((question, ..)) = QUESTIONS.into_iter().find(|(question, ..)| *question == asked) else {
            return Err(TestCaseError::reject(format!("no question is called {asked}")));
        };
        let mut answers = good.clone();
        if question != "member" {
            answers.insert(question, ok(hostile.bytes));
            return reader.reading(&answers);
        }
        answers.insert("others", ok(&others_cut_short()));
        let mut was_believed = false;
        for status in [404, [403, 200, 500][hostile.bytes.len() % 3]] {
            answers.insert(question, Answer { status, ..ok(hostile.bytes) });
            was_believed |= reader.reading(&answers)?;
        }
        Ok(was_believed)
    }
}

#[test]
fn a_room_with_a_damaged_answer_loses_nobody() {
    super::hostile::walk::walk_with(FEW, &super::corpus("rooms"), door());
}
