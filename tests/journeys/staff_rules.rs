//! The Staff room: what is a command and what is not, who may give one, and that each is done at most once.

use serde_json::{Value, json};
use testbed::{Effect, Matching, Person, SynapseVersion, wait_until};

use crate::staff_support::{A_WHILE, StaffStage, closed, open};
use crate::support::{SOON, Settings, subject, subjects};

crate::on_one_version!(
    what_only_looks_like_a_command_is_none,
    a_sender_who_may_not_command_is_refused_once_and_nothing_is_done,
    who_may_is_decided_by_what_the_roster_says_now,
    a_leader_that_cannot_read_the_room_says_so_each_time,
    what_was_said_long_ago_is_not_run,
    an_event_is_answered_once_however_often_it_comes,
    a_replica_that_stands_by_takes_what_is_said_and_the_leader_answers,
    a_sender_who_says_too_much_is_told_once,
    a_restart_between_a_command_and_its_answer_runs_nothing_twice,
    observing_in_the_staff_room_writes_nothing_at_all,
    a_pause_from_before_the_start_keeps_even_the_bots_own_profile_as_it_is,
    what_acts_is_done_in_the_order_in_which_it_was_said,
);

async fn what_only_looks_like_a_command_is_none(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let lead = &staff.lead;
    let harmless = staff.say(lead, "hello").await;
    let notice = json!({"msgtype": "m.notice", "body": "!provisioner pause"});
    let edit = json!({
        "msgtype": "m.text", "body": "* !provisioner pause",
        "m.new_content": {"msgtype": "m.text", "body": "!provisioner pause"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": harmless},
    });
    let quote = json!({
        "msgtype": "m.text", "body": format!("> <{}> !provisioner pause\n\nplease not", staff.member.mxid),
        "format": "org.matrix.custom.html",
        "formatted_body": "<mx-reply><blockquote>!provisioner pause</blockquote></mx-reply>please not",
        "m.relates_to": {"m.in_reply_to": {"event_id": harmless}},
    });
    let mut said = Vec::new();
    for content in [notice.clone(), edit, quote] {
        said.push(staff.send(lead, "m.room.message", content).await);
    }
    said.push(staff.send(&staff.member, "m.room.message", notice).await);
    said.push(staff.say(lead, "you could say !provisioner pause").await);
    // The bot itself, by the token that its registration gives to others as well.
    let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/echo", staff.stage.staff);
    let echo = json!({"msgtype": "m.text", "body": "!provisioner pause"});
    let echo = staff.stage.bot.call(reqwest::Method::PUT, &path, Some(echo)).await.unwrap();
    said.push(echo["event_id"].as_str().unwrap().to_owned());
    for event_id in &said {
        assert_eq!(staff.ended(event_id).await, "ignored", "{event_id}");
        assert_eq!(staff.answers(event_id).await, Vec::<Value>::new());
    }
    assert_eq!(staff.state(&harmless).await, None, "chat is not even kept");

    let reply = json!({
        "msgtype": "m.text", "body": format!("> <{}> shall I?\n\n!provisioner plan", staff.member.mxid),
        "m.relates_to": {"m.in_reply_to": {"event_id": harmless}},
    });
    let reply = staff.send(lead, "m.room.message", reply).await;
    assert_eq!(staff.answer(&reply).await["body"], "Nothing to do.", "a reply's own words count");
    let in_thread = json!({
        "msgtype": "m.text", "body": "!provisioner plan",
        "m.relates_to": {
            "rel_type": "m.thread", "event_id": harmless, "is_falling_back": true,
            "m.in_reply_to": {"event_id": harmless},
        },
    });
    let in_thread = staff.send(lead, "m.room.message", in_thread).await;
    assert_eq!(staff.answer(&in_thread).await["m.relates_to"]["event_id"], harmless, "the answer stays in the thread");
    assert_eq!(staff.ledger().await.len(), 2, "and nothing was paused");
}

async fn a_sender_who_may_not_command_is_refused_once_and_nothing_is_done(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let first = staff.say(&staff.member, "!provisioner pause").await;
    insta::assert_snapshot!("refused", staff.forms(&staff.answer(&first).await));
    let second = staff.say(&staff.member, "!provisioner pause").await;
    assert_eq!(staff.ended(&second).await, "answered");
    assert_eq!(staff.answers(&second).await, Vec::<Value>::new(), "it was said once");
    let ledger = staff.ledger().await;
    assert_eq!(ledger.len(), 1, "one line an hour: {ledger:#?}");
    assert!(ledger[0]["cause"].as_str().unwrap().contains(&staff.member.mxid), "{ledger:#?}");
    assert_eq!(ledger[0]["detail"], "refused: commands.allow does not match the sender", "{ledger:#?}");
    assert_eq!(staff.stage.metric("provisioner_paused").await, 0.0);
    // A user who may command is refused when they are of another server, or not in the room.
    let outside = subject();
    staff.stage.hasura.add(&outside, "staff", "lead").await.unwrap();
    for (sender, why) in [
        (format!("@{}:elsewhere.org", staff.lead_sub), "Ask somebody in this room who may"),
        (staff.stage.mxid(&outside), "members of this room"),
    ] {
        staff.stage.admin.ban(&staff.stage.staff, &staff.stage.mxid(&outside)).await.unwrap();
        let anything = staff.say(&staff.lead, "hello").await;
        staff.push(&anything, &sender, "!provisioner pause", 0).await;
        let answer = staff.answer(&anything).await;
        assert!(answer["body"].as_str().unwrap().contains(why), "{sender}: {answer:#}");
    }
    assert_eq!(staff.stage.metric("provisioner_paused").await, 0.0);
}

async fn who_may_is_decided_by_what_the_roster_says_now(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    // Nothing tells the service of a changed row here, and it reads by itself once an hour.
    staff.stage.hasura.set_role(&staff.lead_sub, "staff", "member").await.unwrap();
    let answer = staff.ask(&staff.lead, "!provisioner pause").await;
    assert!(answer["body"].as_str().unwrap().contains("commands.allow"), "{answer:#}");
    staff.stage.hasura.set_role(&staff.member_sub, "staff", "lead").await.unwrap();
    let answer = staff.ask(&staff.member, "!provisioner plan").await;
    assert_eq!(answer["body"], "Nothing to do.");
    staff.stage.hasura.execute("ALTER TABLE team_members RENAME TO team_members_of_old").await.unwrap();
    let answer = staff.ask(&staff.member, "!provisioner pause").await;
    insta::assert_snapshot!("cannot_be_checked", staff.forms(&answer));
    staff.stage.hasura.execute("ALTER TABLE team_members_of_old RENAME TO team_members").await.unwrap();
    let answer = staff.ask(&staff.member, "!provisioner plan").await;
    assert_eq!(answer["body"], "Nothing to do.");
    assert_eq!(staff.stage.metric("provisioner_paused").await, 0.0);
}

async fn a_leader_that_cannot_read_the_room_says_so_each_time(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let room = staff.stage.staff.trim_start_matches('!').split(':').next().unwrap();
    let unread = staff.stage.proxy.fault(Matching::any().method("GET").path(room), Effect::Page(502));
    staff.stage.service.sigterm().await.unwrap();
    staff.stage.service.start_again().unwrap();
    staff.stage.until_logged("this replica reconciles").await;
    for _ in 0..2 {
        let answer = staff.ask(&staff.lead, "!provisioner status").await;
        assert!(answer["body"].as_str().unwrap().contains("cannot be checked now"), "{answer:#}");
    }
    unread.lift();
    wait_until("the room is read", SOON, async || {
        let answer = staff.ask(&staff.lead, "!provisioner status").await;
        answer["body"].as_str().unwrap().starts_with("Running")
    })
    .await
    .unwrap();
}

async fn what_was_said_long_ago_is_not_run(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    const HOUR_MS: i64 = 3_600_000;
    // A Synapse that could not reach us for an hour, from before there was a service.
    let before = staff.say(&staff.lead, "hello").await;
    staff.push(&before, &staff.lead.mxid, "!provisioner pause", HOUR_MS).await;
    assert_eq!(staff.ended(&before).await, "ignored");
    let mut database = staff.stage.connect().await;
    sqlx::query("UPDATE provisioner.stamp SET stamped_at = now() - interval '1 day'")
        .execute(&mut database)
        .await
        .unwrap();
    let late = staff.say(&staff.lead, "hello").await;
    staff.push(&late, &staff.lead.mxid, "!provisioner pause", HOUR_MS).await;
    insta::assert_snapshot!("too_old", staff.forms(&staff.answer(&late).await));
    let young = staff.say(&staff.lead, "hello").await;
    staff.push(&young, &staff.lead.mxid, "!provisioner plan", HOUR_MS / 7).await;
    assert_eq!(staff.answer(&young).await["body"], "Nothing to do.");
    assert_eq!(staff.stage.metric("provisioner_paused").await, 0.0);
}

async fn an_event_is_answered_once_however_often_it_comes(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let said = staff.say(&staff.lead, "!provisioner sync").await;
    staff.answer(&said).await;
    // The same event in other transactions, also after a restart.
    staff.push(&said, &staff.lead.mxid, "!provisioner sync", 0).await;
    staff.stage.service.sigterm().await.unwrap();
    staff.stage.start().await;
    staff.push(&said, &staff.lead.mxid, "!provisioner sync", 0).await;
    let other = staff.ask(&staff.lead, "!provisioner plan").await;
    assert_eq!(other["body"], "Nothing to do.");
    assert_eq!(staff.answers(&said).await.len(), 1);
    let ledger = staff.ledger().await;
    let syncs = ledger.iter().filter(|line| line["cause"].as_str().unwrap().starts_with("sync")).count();
    assert_eq!(syncs, 1, "{ledger:#?}");
}

async fn a_replica_that_stands_by_takes_what_is_said_and_the_leader_answers(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let (second, listen) = staff.replica();
    second.start_again().unwrap();
    second.wait_ready().await.unwrap();
    let said = staff.say(&staff.lead, "hello").await;
    // A load balancer may bring the same event to both.
    staff.push_to(&listen, &said, &staff.lead.mxid, "!provisioner plan", 0).await;
    staff.push(&said, &staff.lead.mxid, "!provisioner plan", 0).await;
    assert_eq!(staff.answer(&said).await["body"], "Nothing to do.");
    staff.stage.service.sigkill().await.unwrap();
    let said_meanwhile = staff.say(&staff.lead, "hello").await;
    staff.push_to(&listen, &said_meanwhile, &staff.lead.mxid, "!provisioner plan", 0).await;
    assert_eq!(staff.answer(&said_meanwhile).await["body"], "Nothing to do.", "the replica that takes over answers");
    staff.push_to(&listen, &said, &staff.lead.mxid, "!provisioner plan", 0).await;
    staff.push_to(&listen, &said_meanwhile, &staff.lead.mxid, "!provisioner plan", 0).await;
    assert_eq!((staff.answers(&said).await.len(), staff.answers(&said_meanwhile).await.len()), (1, 1));
    assert_eq!(staff.ledger().await.len(), 2);
}

async fn a_sender_who_says_too_much_is_told_once(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let mut said = Vec::new();
    for _ in 0..24 {
        said.push(staff.say(&staff.lead, "!provisioner help").await);
    }
    let (mut answered, mut told, mut quiet) = (0, 0, 0);
    for event_id in &said {
        assert_eq!(staff.ended(event_id).await, "answered");
        match staff.answers(event_id).await.as_slice() {
            [] => quiet += 1,
            [answer] if answer["content"]["body"].as_str().unwrap().contains("in a minute") => told += 1,
            [_] => answered += 1,
            more => panic!("{more:#?}"),
        }
    }
    assert_eq!((answered, told, quiet), (20, 1, 3));
    assert_eq!(staff.ledger().await.len(), 21, "one line for all that was too much");
    let another = subject();
    staff.stage.hasura.add(&another, "staff", "lead").await.unwrap();
    let another = Person::login(&staff.stage.bed.synapse, &another).await.unwrap();
    staff.stage.hook().await;
    wait_until("they are in", SOON, async || another.joined_rooms().await.unwrap().contains(&staff.stage.staff))
        .await
        .unwrap();
    assert_eq!(staff.ask(&another, "!provisioner plan").await["body"], "Nothing to do.", "others are not held up");
}

async fn a_restart_between_a_command_and_its_answer_runs_nothing_twice(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    staff.stage.quiet().await;
    // The answer leaves, and whether it arrived is never heard.
    let lost = staff.stage.proxy.fault(Matching::any().method("PUT").path("/send/m.room.message/"), Effect::HoldAnswer);
    let reading = staff.say(&staff.lead, "!provisioner plan").await;
    let pausing = staff.say(&staff.lead, "!provisioner pause").await;
    wait_until("both are being answered", SOON, async || lost.hits() >= 2).await.unwrap();
    staff.stage.service.sigkill().await.unwrap();
    lost.lift();
    // And one that was begun, and not ended.
    let begun = staff.say(&staff.lead, "hello").await;
    insert_begun(&staff, &begun, "sync").await;
    let read = staff.say(&staff.lead, "hello").await;
    insert_begun(&staff, &read, "status").await;
    staff.stage.start().await;
    for event_id in [&reading, &pausing, &begun, &read] {
        assert_eq!(staff.ended(event_id).await, "answered");
        assert_eq!(staff.answers(event_id).await.len(), 1, "{event_id}");
    }
    assert_eq!(staff.answer(&reading).await["body"], "Nothing to do.");
    assert!(staff.answer(&pausing).await["body"].as_str().unwrap().starts_with("Paused."));
    insta::assert_snapshot!("interrupted", staff.forms(&staff.answer(&begun).await));
    assert!(
        staff.answer(&read).await["body"].as_str().unwrap().starts_with("Paused since"),
        "what only reads is run again"
    );
    let output = staff.stage.service.run_cli(&["history", "--all", "--json"]).await.unwrap().json().unwrap();
    let pauses = output.as_array().unwrap().iter().filter(|line| line["kind"] == "pause").count();
    assert_eq!(pauses, 1);
    let ledger = staff.ledger().await;
    let of = |event_id: &str| -> Vec<&str> {
        let of = ledger.iter().filter(|line| line["cause"].as_str().unwrap().contains(event_id));
        of.map(|line| line["outcome"].as_str().unwrap()).collect()
    };
    assert_eq!(of(&begun), ["failed"], "{ledger:#?}");
    assert_eq!(of(&read), ["done"], "{ledger:#?}");
}

/// As a service leaves it that is killed while it runs a command.
async fn insert_begun(staff: &StaffStage, event_id: &str, command: &str) {
    let mut database = staff.stage.connect().await;
    let event = json!({
        "type": "m.room.message", "sender": staff.lead.mxid, "event_id": event_id, "unsigned": {"age": 10},
        "content": {"msgtype": "m.text", "body": format!("!provisioner {command}")},
    });
    sqlx::query(
        "WITH taken AS (
             INSERT INTO provisioner.commands (event_id, room_id, event, received_at, state, sender, command, pass)
             VALUES ($1, $2, $3, now(), 'taken', $4, $5, nextval('provisioner.pass')) RETURNING pass
         )
         INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome)
         SELECT pass, 0, 'command', $1, 'enforce', 'started' FROM taken",
    )
    .bind(event_id)
    .bind(&staff.stage.staff)
    .bind(event.to_string())
    .bind(&staff.lead.mxid)
    .bind(command)
    .execute(&mut database)
    .await
    .unwrap();
}

async fn observing_in_the_staff_room_writes_nothing_at_all(version: SynapseVersion) {
    let staff = closed(version, Settings { mode: "observe", ..Settings::default() }).await;
    let outsider = subject();
    staff.stage.member(&staff.stage.staff, &outsider).await;
    staff.stage.start().await;
    staff.stage.quiet().await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(staff.stage.plan().await.0, 2, "there would be something to do");
    assert_eq!(staff.stage.writes(), 0, "{:#?}", staff.stage.proxy.requests());
}

async fn a_pause_from_before_the_start_keeps_even_the_bots_own_profile_as_it_is(version: SynapseVersion) {
    let staff = closed(version, Settings::default()).await;
    let cli = async |command: &str| staff.stage.service.run_cli(&[command]).await.unwrap();
    assert_eq!(cli("pause").await.status, Some(0));
    staff.stage.start().await;
    staff.stage.quiet().await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(staff.stage.plan().await.0, 2, "there would be something to do");
    assert_eq!(staff.stage.writes(), 0, "{:#?}", staff.stage.proxy.requests());
    assert_eq!(cli("resume").await.status, Some(0));
    let has_picture = async || staff.stage.proxy.count(|request| request.is("PUT", "/avatar_url")) > 0;
    wait_until("the bot has its picture", SOON, has_picture).await.unwrap();
}

async fn what_acts_is_done_in_the_order_in_which_it_was_said(version: SynapseVersion) {
    let staff = open(version, Settings { notify: true, ..Settings::default() }).await;
    let leads = subjects(10);
    for lead in &leads {
        staff.stage.hasura.add(lead, "staff", "lead").await.unwrap();
    }
    for lead in &leads {
        staff.stage.until(&staff.stage.staff, lead, "join", SOON).await;
    }
    // Several wait at once, as after a restart or an outage of the database; some of them only read. Each sender may say twenty
    // things in a minute.
    for round in 0..20 {
        let sender = staff.stage.mxid(&leads[round % leads.len()]);
        let words = ["status", "resume", "plan", "pause", "resume", "help", "pause"];
        let ids: Vec<String> = words.iter().map(|_| format!("${}", subject())).collect();
        let said = ids.iter().zip(words);
        let events = said.map(|(id, words)| staff.message(id, &sender, &format!("!provisioner {words}"), 0)).collect();
        staff.transact(&staff.stage.slot.listen(), events).await;
        for event_id in &ids {
            assert_eq!(staff.ended(event_id).await, "answered");
        }
        let mut acted: Vec<String> = staff.ledger().await.iter().filter_map(|line| done(line, &ids)).collect();
        acted.reverse();
        assert_eq!(acted, ["resume", "pause", "resume", "pause"], "round {round}");
    }
    assert_eq!(staff.stage.metric("provisioner_paused").await, 1.0);
}

/// The name of what was done for one of these events, where it acts.
fn done(line: &Value, events: &[String]) -> Option<String> {
    let cause = line["cause"].as_str()?;
    let name = cause.split(' ').next().filter(|name| ["pause", "resume"].contains(name))?;
    let is_meant = line["outcome"] == "done" && events.iter().any(|event| cause.contains(event.as_str()));
    is_meant.then(|| name.to_owned())
}
