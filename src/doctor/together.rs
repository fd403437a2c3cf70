//! One finding for several rooms: what is found of each of them in the same words, with the same mend, is read once.

use super::Finding;

/// The findings with those of several rooms made one, where the first of them stood. A finding about a room begins with the
/// room's key and a colon.
pub fn together(findings: Vec<Finding>) -> Vec<Finding> {
    let mut joined: Vec<(Vec<String>, String, Finding)> = Vec::new();
    for finding in findings {
        let (rooms, rest) = match finding.text.split_once(": ") {
            Some((room, rest)) if is_room(room) => (vec![room.to_owned()], rest.to_owned()),
            _ => (Vec::new(), finding.text.clone()),
        };
        let same = joined.iter_mut().find(|(its_rooms, its_rest, its)| {
            let is_same = (its.check, its.status, &its.mend) == (finding.check, finding.status, &finding.mend);
            is_same && !rooms.is_empty() && !its_rooms.is_empty() && *its_rest == rest
        });
        match same {
            Some((its_rooms, ..)) => its_rooms.extend(rooms),
            None => joined.push((rooms, rest, finding)),
        }
    }
    let one = |(rooms, rest, finding): (Vec<String>, String, Finding)| match rooms.len() {
        0 | 1 => finding,
        _ => Finding { text: format!("{}: {rest}", rooms.join(", ")), ..finding },
    };
    joined.into_iter().map(one).collect()
}

/// A key, and the room's id behind it where the finding names it: `staff` or `staff (!id:server)`.
fn is_room(words: &str) -> bool {
    let (key, id) = words.split_once(' ').unwrap_or((words, "(!)"));
    !key.is_empty() && id.starts_with("(!") && id.ends_with(')') && !id.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_finding_names_all_rooms_that_it_is_about() {
        let found = together(vec![
            Finding::warn("history", "staff: everybody may read it", "write it"),
            Finding::pass("room", "staff: the bot is in !a:a"),
            Finding::warn("history", "analysts: everybody may read it", "write it"),
            Finding::warn("history", "red-room: everybody may read it", "write something else"),
            Finding::fail("room", "staff (!a:a): the bot is not in it", "let it in"),
            Finding::fail("room", "analysts (!b:a): the bot is not in it", "let it in"),
        ]);
        let texts: Vec<&str> = found.iter().map(|one| &*one.text).collect();
        assert_eq!(
            texts,
            [
                "staff, analysts: everybody may read it",
                "staff: the bot is in !a:a",
                "red-room: everybody may read it",
                "staff (!a:a), analysts (!b:a): the bot is not in it",
            ]
        );
    }

    #[test]
    fn what_is_about_no_room_stays_as_it_is() {
        let findings = vec![
            Finding::warn("selectors", "members of staff: nobody", "put somebody there"),
            Finding::warn("selectors", "members of analysts: nobody", "put somebody there"),
            Finding::pass("config", "provisioner.toml is valid"),
            Finding::pass("config", "provisioner.toml is valid"),
        ];
        assert_eq!(together(findings.clone()), findings);
    }
}
