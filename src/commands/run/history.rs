//! `history [user]`: the newest lines of the ledger, without the ids of events, which nobody reads on a phone: the command line
//! and its JSON have them.

use super::{CommandResult, commands_that_read, explain};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::operations;
use crate::store::{HistoryFilter, HistoryLine};

/// Lines of an answer.
const LINES: usize = 15;

/// The kind of a line that tells of a command.
const COMMAND: &str = "command";

impl Desk {
    /// Of one MXID, or of all where it is empty.
    pub(crate) async fn history(&self, mxid: &str) -> CommandResult {
        let user_id = (!mxid.is_empty()).then(|| mxid.to_owned());
        let limit = LINES as i64 + 1;
        let filter = HistoryFilter { user_id, room_key: None, without: commands_that_read(), limit };
        let lines = operations::history(&self.store, &filter).await?;
        if lines.is_empty() {
            // A name that is nobody's id has no line either, and "no such line" would say that nothing was done to them.
            if !mxid.is_empty() && self.explanation(mxid).await?.is_none() {
                return Err(explain::nobody(mxid));
            }
            return Ok(Reply::line([text("The ledger has no such line.")]));
        }
        let entry = |line: &HistoryLine| {
            let cause = without_events(&line.cause);
            // The cause of a command is the command: "rejoin by @ada:a.org in the Staff room".
            let command = cause.split_once(' ').filter(|_| line.kind == COMMAND);
            let what = command.map_or(&*line.kind, |(name, _)| name);
            let mut entry = vec![text(line.at.format("%Y-%m-%d %H:%M:%S: ").to_string()), strong(what)];
            entry.extend(line.room_key.iter().flat_map(|room| [text(" in "), code(room)]));
            entry.extend(line.user_id.iter().flat_map(|user| [text(" of "), code(user)]));
            entry.push(text(format!(": {}", line.outcome.replace('_', " "))));
            let (lead, why) = command.map_or((", because ", &*cause), |(_, by)| (", ", by));
            if !why.is_empty() {
                entry.push(text(lead));
                entry.extend(self.words(why));
            }
            let detail = line.detail.as_deref().map(without_events).filter(|detail| !detail.is_empty());
            if let Some(detail) = detail {
                entry.extend([vec![text(" (")], self.words(&detail), vec![text(")")]].concat());
            }
            entry
        };
        let reply = Reply::line([text("Newest first, by UTC:")]).and_list(lines.iter().take(LINES).map(entry));
        if lines.len() <= LINES {
            return Ok(reply);
        }
        let all = format!("phenom-provisioner history {}", if mxid.is_empty() { "--limit 1000" } else { mxid });
        Ok(reply.and([text("There is more: "), code(all)]))
    }
}

/// A text of the ledger without the ids of events: "(…)" around one, "event …" as a whole, and else the id alone.
fn without_events(text: &str) -> String {
    let is_event = |word: &str| {
        let word = word.trim_matches(|character: char| "(),.;:".contains(character));
        word.len() > 1 && word.starts_with('$')
    };
    let words: Vec<&str> = text.split(' ').collect();
    let kept = words.iter().enumerate().filter_map(|(at, word)| {
        let names_next = *word == "event" && words.get(at + 1).is_some_and(|next| is_event(next));
        match is_event(word) {
            _ if names_next => None,
            false => Some((*word).to_owned()),
            // What follows the id in its sentence stays.
            true => {
                let id = word.trim_end_matches(|character: char| "),.;:".contains(character));
                Some(word[id.len()..].replace(')', ""))
            }
        }
    });
    let mut text = String::new();
    for word in kept {
        let begins_with_a_mark = word.starts_with([',', '.', ';', ':']);
        if !text.is_empty() && !word.is_empty() && !begins_with_a_mark {
            text.push(' ');
        }
        text.push_str(&word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_events_are_left_out_and_nothing_else() {
        let shown = |text: &str| without_events(text);
        assert_eq!(shown("apply by @ada:a.org in the Staff room ($aB-_3xY)"), "apply by @ada:a.org in the Staff room");
        assert_eq!(
            shown("@ada:a.org set the name otherwise ($aB3); selector"),
            "@ada:a.org set the name otherwise; selector"
        );
        assert_eq!(shown("event $aB3 overwrote it"), "overwrote it");
        assert_eq!(shown("event $aB3"), "");
        let old = "left by choice ($143:a.org), and more";
        assert_eq!(shown(old), "left by choice, and more");
        for text in [
            "costs 5 $ a month",
            "was member of staff (joined by the service on 2026-03-14 09:00 UTC)",
            "",
            "an event of theirs",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
