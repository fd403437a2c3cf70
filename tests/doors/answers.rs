//! Answers of Synapse, or of what stands between it and this service: damaged, cut short, of another kind, with another status.
//! A damaged answer is an error; it is never an emptied list, a room without state, or a member who left.
//!
//! A file of the corpus is named by the question that it answers: the part before the first hyphen. Each input is given with 200,
//! and those of `error` with the statuses of refusals, as the answer to every question that has a word for "there is none".

use phenom_provisioner::homeserver::CallError;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::hostile::{Hostile, Verdict};
use super::naive::{Fields, list, member, string};
use super::synapse::{Answer, Asker};

const BOT: &str = "@bot:phenom.test";
const ROOM: &str = "!staff:phenom.test";
const USER: &str = "@u1:phenom.test";

/// A flag as Synapse writes it by version and database.
fn flag(fields: &Fields<'_>, key: &str) -> Option<bool> {
    match fields.last(key).map(RawValue::get) {
        None | Some("null" | "false" | "0") => Some(false),
        Some("true" | "1") => Some(true),
        Some(_) => None,
    }
}

impl Asker {
    fn question(&self, hostile: &Hostile<'_>) -> Verdict {
        let kind = hostile.seed.split('-').next().unwrap();
        if kind == "error" {
            return self.refused(hostile);
        }
        self.synapse.answer_all(Answer { status: 200, head: String::new(), body: hostile.bytes.to_vec() });
        // `serde_json` lets what it skips be no UTF-8; there is nothing to compare with then.
        let Ok(text) = std::str::from_utf8(hostile.bytes) else { return Ok(false) };
        let fields = Fields::of(text);
        match kind {
            "joined" => self.joined(fields.as_ref()),
            "others" => self.others(fields.as_ref()),
            "state" => self.state(text),
            "account" => self.account(fields.as_ref()),
            "accounts" => self.accounts(fields.as_ref()),
            "whoami" => self.whoami(fields.as_ref()),
            "events" => self.create_event(fields.as_ref()),
            "event" => self.event(fields.as_ref()),
            other => Err(TestCaseError::reject(format!("no question is called {other}"))),
        }
    }

    fn joined(&self, fields: Option<&Fields<'_>>) -> Verdict {
        let Ok(joined) = self.wait(self.bot.joined_members(ROOM)) else { return Ok(false) };
        let fields = fields.ok_or_else(|| TestCaseError::fail("a list out of no object"))?;
        let said: Option<Vec<String>> = list(fields, "members").map(|all| all.into_iter().filter_map(string).collect());
        let total = fields.last("total").and_then(|total| total.get().parse::<usize>().ok());
        prop_assert_eq!(total, Some(joined.len()));
        prop_assert_eq!(joined.iter().map(ToString::to_string).collect::<Vec<_>>(), said.unwrap_or_default());
        Ok(true)
    }

    /// Of an answer that names the bot it is said that the bot is not in the room, and of no other.
    fn others(&self, fields: Option<&Fields<'_>>) -> Verdict {
        let chunk = fields.and_then(|fields| list(fields, "chunk"));
        let readable = chunk.map(|chunk| chunk.into_iter().filter_map(member).collect::<Vec<_>>());
        let names_the_bot = readable.iter().flatten().any(|[user, ..]| user == BOT);
        match self.wait(self.bot.other_members(ROOM)) {
            Ok(others) => {
                prop_assert!(!names_the_bot, "a bot that has left reads the past");
                let taken = others.into_iter().map(|one| [one.user_id, one.membership, one.sender, one.event_id]);
                prop_assert_eq!(Some(taken.collect::<Vec<_>>()), readable);
                Ok(true)
            }
            Err(CallError::BotNotInRoom) => {
                prop_assert!(names_the_bot, "no event that can be read is the bot's");
                Ok(false)
            }
            Err(_) => Ok(false),
        }
    }

    fn state(&self, text: &str) -> Verdict {
        let read = self.wait(self.bot.state_content(ROOM, "m.room.power_levels", ""));
        let word = self.wait(self.bot.membership(ROOM, USER));
        prop_assert!(!matches!(read, Ok(None)) && !matches!(word, Ok(None)), "state that is there is not: {word:?}");
        let written: Option<Value> = serde_json::from_str(text).ok();
        let Ok(Some(content)) = read else { return Ok(false) };
        prop_assert_eq!(&content, &written.clone().unwrap_or_default());
        let written = written.as_ref().and_then(|content| content["membership"].as_str());
        prop_assert_eq!(word.ok().flatten(), Some(written.unwrap_or_default().to_owned()));
        Ok(content.is_object())
    }

    fn account(&self, fields: Option<&Fields<'_>>) -> Verdict {
        let read = self.wait(self.bot.user(USER));
        prop_assert!(!matches!(read, Ok(None)), "an account that is there is not");
        let Ok(Some(account)) = read else { return Ok(false) };
        let fields = fields.ok_or_else(|| TestCaseError::fail("an account out of no object"))?;
        prop_assert_eq!(fields.last("name").and_then(string), Some(USER.to_owned()), "another account");
        let flags = [account.admin, account.deactivated, account.locked].map(Some);
        prop_assert_eq!(flags, ["admin", "deactivated", "locked"].map(|key| flag(fields, key)));
        Ok(true)
    }

    fn accounts(&self, fields: Option<&Fields<'_>>) -> Verdict {
        let admins = self.wait(self.bot.server_admins());
        let Ok(page) = self.wait(self.bot.list_users(0, 10)) else {
            prop_assert!(admins.is_err());
            return Ok(false);
        };
        let users = fields
            .and_then(|fields| list(fields, "users"))
            .ok_or_else(|| TestCaseError::fail("a list out of nothing"))?;
        prop_assert_eq!(page.users.len() + page.unreadable, users.len(), "an account is lost");
        let readable = users.iter().filter_map(|user| {
            let user = Fields::of(user.get())?;
            let flags = ["admin", "deactivated", "locked"].map(|key| flag(&user, key).filter(|_| user.count(key) < 2));
            let [Some(admin), Some(deactivated), Some(locked)] = flags else { return None };
            Some((string(user.last("name")?)?, admin, deactivated, locked))
        });
        let readable: Vec<_> = readable.collect();
        for account in &page.users {
            let account = (account.name.clone(), account.admin, account.deactivated, account.locked);
            prop_assert!(readable.contains(&account), "{account:?} is not what is written");
        }
        if let Ok(admins) = admins
            && admins.complete
        {
            prop_assert!(page.unreadable == 0 && admins.users.iter().any(|admin| admin.name == BOT));
        }
        Ok(!page.users.is_empty())
    }

    fn whoami(&self, fields: Option<&Fields<'_>>) -> Verdict {
        let Ok(theirs) = self.wait(self.bot.whoami()) else { return Ok(false) };
        prop_assert_eq!(fields.and_then(|fields| fields.last("user_id")).and_then(string), Some(theirs));
        Ok(true)
    }

    /// The state of a room, of which the create event is wanted.
    fn create_event(&self, fields: Option<&Fields<'_>>) -> Verdict {
        let Ok(found) = self.wait(self.bot.state_of_any_room(ROOM, "m.room.create")) else { return Ok(false) };
        let state = fields
            .and_then(|fields| list(fields, "state"))
            .ok_or_else(|| TestCaseError::fail("state out of nothing"))?;
        let is_create = |event: &&RawValue| {
            let text = |key: &str| Fields::of(event.get()).and_then(|event| string(event.last(key)?));
            text("type").as_deref() == Some("m.room.create") && text("state_key").as_deref() == Some("")
        };
        let written: Vec<&RawValue> = state.iter().copied().filter(is_create).collect();
        match &found {
            None => prop_assert!(written.is_empty(), "state that is there is not"),
            Some(create) => {
                let is_its = |event: &&RawValue| {
                    Fields::of(event.get())
                        .and_then(|event| event.last("content"))
                        .is_some_and(|its| its.get() == create.content.get())
                };
                prop_assert!(written.iter().any(is_its), "content that no create event has");
            }
        }
        Ok(found.is_some())
    }

    /// A membership of the past: whether somebody had left by choice.
    fn event(&self, fields: Option<&Fields<'_>>) -> Verdict {
        if let Ok((_, content)) = self.wait(self.bot.sent_event(ROOM, "$e")) {
            let written = fields
                .and_then(|fields| fields.last("content"))
                .and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
            prop_assert_eq!(Some(content), written);
        }
        let Ok(Some(event)) = self.wait(self.bot.membership_event(ROOM, "$e")) else { return Ok(false) };
        let fields = fields.ok_or_else(|| TestCaseError::fail("an event out of no object"))?;
        // Whatever stands beside it.
        let word = |of: &str, key: &str| {
            let of = Fields::of(fields.last(of)?.get())?;
            string(of.last(key).filter(|_| of.count(key) == 1)?)
        };
        prop_assert_eq!(event.membership, word("content", "membership").unwrap_or_default());
        prop_assert_eq!(event.sender, fields.last("sender").and_then(string).unwrap_or_default());
        prop_assert_eq!(event.replaces, word("unsigned", "replaces_state"));
        Ok(true)
    }

    /// Only 404 with `M_NOT_FOUND` says that there is none. Whatever else it is, it is an error.
    fn refused(&self, hostile: &Hostile<'_>) -> Verdict {
        let code =
            std::str::from_utf8(hostile.bytes).ok().and_then(Fields::of).and_then(|body| string(body.last("errcode")?));
        let mut was_none = false;
        let digest =
            hostile.bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        for status in [404, [400, 401, 403, 429, 500, 502][digest % 6]] {
            let wait = [
                "",
                "retry-after: 1\r\n",
                "retry-after: -1\r\n",
                "retry-after: 99999999999999999999\r\n",
                "retry-after: \u{fe}\r\n",
            ];
            let head = wait[digest / 6 % wait.len()].to_owned();
            self.synapse.answer_all(Answer { status, head, body: hostile.bytes.to_vec() });
            let may_be_none = status == 404 && code.as_deref() == Some("M_NOT_FOUND");
            let state = self.wait(self.bot.state_content(ROOM, "m.room.power_levels", "")).map(|found| found.is_some());
            let word = self.wait(self.bot.membership(ROOM, USER)).map(|found| found.is_some());
            let account = self.wait(self.bot.user(USER)).map(|found| found.is_some());
            for answer in [state, word, account] {
                match answer {
                    Ok(found) => prop_assert!(!found && may_be_none, "{status} is taken for an answer: found {found}"),
                    Err(error) => {
                        let words = error.to_string();
                        prop_assert!(words.len() < 2_000, "{} bytes of words", words.len());
                        let is_limited = matches!(error, CallError::RateLimited { .. });
                        prop_assert_eq!(is_limited, status == 429, "{}", words);
                    }
                }
                was_none |= may_be_none;
            }
            prop_assert!(self.wait(self.bot.joined_members(ROOM)).is_err(), "a list out of {status}");
        }
        Ok(was_none)
    }
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    let asker = Asker::of(BOT);
    move |hostile| asker.question(hostile)
}

#[test]
fn a_damaged_answer_is_an_error_and_never_says_that_there_is_nobody() {
    super::walk("answers");
}
