//! Transactions as Synapse sends them: one line of JSON, events of one to two kilobytes, some of it not ASCII.

use std::fmt::Write;

/// The room whose events these are; the service manages it.
pub(crate) const ROOM: &str = "!jFXGFANpXTXXgNkdNi:thephenom.app";

/// Every event id holds this many digits, so that [`renumber`] can make an event new.
const DIGITS: usize = 12;
const ID: &str = "\"event_id\":\"$pyhQ2mUFZ8nKmFqXz0rWc7Tg1b-";

/// A transaction of `count` messages, each with its HTML, a reply and a mention.
pub(crate) fn chat(count: usize) -> Vec<u8> {
    transaction((0..count).map(|number| {
        let words = "Good morning 🪶 — the \\\"morning paper\\\" is up; see § 3 and tell me what you think of it.\\n".repeat(5);
        let html = "<p>Good morning 🪶 — the <em>\\\"morning paper\\\"</em> is up; see <a href=\\\"https://thephenom.app/p/3\\\">§ 3</a>.</p>\\n"
            .repeat(5);
        event(
            number,
            "m.room.message",
            &format!(
                "{{\"body\":\"{words}\",\"format\":\"org.matrix.custom.html\",\"formatted_body\":\"{html}\",\
                 \"m.mentions\":{{\"user_ids\":[\"@1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed:thephenom.app\"]}},\
                 \"m.relates_to\":{{\"m.in_reply_to\":{{\"event_id\":\"$Xa1mUFZ8nKmFqXz0rWc7Tg1bpyhQ2\"}}}},\"msgtype\":\"m.text\"}}"
            ),
            "",
            &format!("{{\"age\":{},\"transaction_id\":\"m1700000000{number:03}.1\",\"membership\":\"join\"}}", 40 + number),
        )
    }))
}

/// A transaction of `count` joins, each with what it replaces.
pub(crate) fn members(count: usize) -> Vec<u8> {
    transaction((0..count).map(|number| {
        let user = format!("@{number:08x}-bbfd-4b2d-9b5d-ab8dfbbd4bed:thephenom.app");
        let avatar = "mxc://thephenom.app/SEsfnsuifSDFSSEF";
        event(
            number,
            "m.room.member",
            &format!(
                "{{\"avatar_url\":\"{avatar}\",\"displayname\":\"Ann-Sofie Ångström {number}\",\"membership\":\"join\",\
                 \"org.example.invited\":{{\"by\":[\"@phenom:thephenom.app\"],\"at\":1700000000000}}}}"
            ),
            &format!("\"state_key\":\"{user}\","),
            &format!(
                "{{\"age\":{},\"replaces_state\":\"$Xa1mUFZ8nKmFqXz0rWc7Tg1bpyhQ2\",\
                 \"prev_content\":{{\"displayname\":\"Ann-Sofie Ångström {number}\",\"membership\":\"invite\"}},\
                 \"prev_sender\":\"@phenom:thephenom.app\"}}",
                40 + number
            ),
        )
    }))
}

fn event(number: usize, event_type: &str, content: &str, state_key: &str, unsigned: &str) -> String {
    let user = format!("@{number:08x}-bbfd-4b2d-9b5d-ab8dfbbd4bed:thephenom.app");
    format!(
        "{{\"type\":\"{event_type}\",\"room_id\":\"{ROOM}\",\"sender\":\"{user}\",\"content\":{content},{state_key}\
         \"origin_server_ts\":1700000000{number:03},\"unsigned\":{unsigned},{ID}{number:0DIGITS$}\",\
         \"user_id\":\"{user}\",\"age\":{}}}",
        40 + number
    )
}

fn transaction(events: impl Iterator<Item = String>) -> Vec<u8> {
    let events: Vec<String> = events.collect();
    let mut body = String::new();
    let _ = write!(
        body,
        "{{\"events\":[{}],\"de.sorunome.msc2409.ephemeral\":[],\"org.matrix.msc3202.device_lists\":{{\"changed\":[],\"left\":[]}}}}",
        events.join(",")
    );
    body.into_bytes()
}

/// The same events under ids never used before: `next` counts on.
pub(crate) fn renumber(body: &[u8], next: &mut u64) -> Vec<u8> {
    let mut renewed = body.to_vec();
    let places: Vec<usize> = body
        .windows(ID.len())
        .enumerate()
        .filter(|(_, at)| *at == ID.as_bytes())
        .map(|(at, _)| at + ID.len())
        .collect();
    for place in places {
        *next += 1;
        renewed[place..place + DIGITS].copy_from_slice(format!("{next:0DIGITS$}").as_bytes());
    }
    renewed
}
