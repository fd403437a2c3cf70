//! The queue: from a confirmation to the Red Room, in bursts, with forgeries and poison, and through kills and outages.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Connection;
use testbed::{
    Depth, Effect, Matching, NewUser, Person, Pool, Postgres, Proxy, Queue, QueueOptions, SynapseVersion, Trigger,
    shared_moto, shared_sqs, wait_until,
};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    a_confirmation_is_in_the_red_room_within_two_seconds,
    a_burst_of_duplicates_with_poison_in_it_makes_each_account_once,
    a_forged_message_makes_nobody,
    a_service_stopped_and_killed_in_a_burst_loses_nothing_and_repeats_nothing,
    an_account_whose_making_is_cut_short_has_its_name_all_the_same,
    messages_wait_while_synapse_or_postgres_is_down,
    who_keeps_messages_waiting_is_named_with_what_to_do,
);

/// Longer than a burst takes on a busy machine, where Synapse takes a second a join.
const BURST: Duration = Duration::from_secs(300);

/// A pool, a queue with a dead-letter queue, and a stage that has both in its configuration.
struct World {
    pool: Pool,
    queue: Queue,
    stage: Stage,
}

async fn world(version: SynapseVersion) -> World {
    let (moto, sqs) = (shared_moto().await, shared_sqs().await);
    let pool = Pool::create(&moto).await.unwrap();
    let options = QueueOptions { visibility_timeout: Duration::from_secs(5), dead_letter: Some(5) };
    let queue = sqs.create_queue("confirmed", options).await.unwrap();
    let sections = format!(
        "[cognito]\nregion = \"{}\"\nuser_pool_id = \"{}\"\nendpoint_url = \"{}\"\nlisting_interval = \"1h\"\n\
         [queue]\nurl = \"{}\"\nendpoint_url = \"{}\"\nvisibility_timeout = \"5s\"\n",
        pool.region, pool.id, pool.endpoint, queue.url, queue.endpoint
    );
    let stage = Stage::set(version, Settings { sections, ..Settings::default() }).await;
    World { pool, queue, stage }
}

impl World {
    /// People that the pool knows as confirmed, and the events that say so.
    async fn confirmed(&self, count: usize) -> (Vec<String>, Vec<String>) {
        let people = subjects(count);
        let users: Vec<NewUser> = people.iter().map(|sub| NewUser::with_sub(sub)).collect();
        self.pool.import(&users).await.unwrap();
        let events = people.iter().map(|sub| self.event(sub).to_string()).collect();
        (people, events)
    }

    fn event(&self, sub: &str) -> Value {
        json!({
            "version": "1", "triggerSource": "PostConfirmation_ConfirmSignUp", "region": self.pool.region,
            "userPoolId": self.pool.id, "userName": "somebody", "callerContext": {},
            "request": {"userAttributes": {"sub": sub, "email": "somebody@example.org", "email_verified": "true"}},
            "response": {}
        })
    }

    async fn until_all_joined(&self, people: &[String]) {
        let red = &self.stage.red;
        wait_until("everyone is in the Red Room", BURST, async || {
            let members = self.stage.admin.members(red).await.unwrap_or_default();
            people.iter().all(|sub| members.get(&self.stage.mxid(sub)).is_some_and(|its| its == "join"))
        })
        .await
        .unwrap();
    }

    async fn until_empty(&self) {
        let empty = Depth { visible: 0, in_flight: 0, delayed: 0 };
        wait_until("the queue is empty", BURST, async || self.queue.depth().await.is_ok_and(|depth| depth == empty))
            .await
            .unwrap();
    }

    /// Each of them has one invitation and one join, and no more.
    async fn joined_once(&self, people: &[String]) {
        for sub in people {
            assert_eq!(self.stage.memberships(&self.stage.red, sub).await, ["invite", "join"], "{sub}");
        }
    }

    async fn refused(&self) -> Vec<String> {
        let mut connection = sqlx::PgConnection::connect(&self.stage.database).await.unwrap();
        let reasons = "SELECT reason FROM provisioner.refused_messages ORDER BY refused_at";
        sqlx::query_scalar(reasons).fetch_all(&mut connection).await.unwrap()
    }
}

async fn a_confirmation_is_in_the_red_room_within_two_seconds(version: SynapseVersion) {
    let world = world(version).await;
    let stage = &world.stage;
    stage.start().await;
    let trigger = Trigger::start(&world.queue, &[("ENVIRONMENT", "test")]).await.unwrap();
    // The bound is the promise. A busy machine may be slow for one, so of several people one has to be there in time.
    let (mut in_time, mut times) = (false, Vec::new());
    for name in ["Maria Example", "Ann Example", "Bo Example", "Li Example", "Jo Example"] {
        let email = format!("{}@example.org", subject());
        let sub = world.pool.sign_up(&email, name).await.unwrap();
        let began = Instant::now();
        world.pool.confirm_and_fire(&trigger, &sub).await.unwrap();
        stage.until(&stage.red, &sub, "join", SOON).await;
        times.push(began.elapsed());
        in_time = stage.is_in_time(began.elapsed(), Duration::from_secs(2), 1).await;
        let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
        assert_eq!(person.mxid, stage.mxid(&sub), "the pool's sub is the MXID's localpart");
        assert!(person.joined_rooms().await.unwrap().contains(&stage.red));
        assert_eq!(stage.admin.user(&person.mxid).await.unwrap().unwrap()["displayname"], name);
        let output = stage.service.run_cli(&["history", &sub, "--json"]).await.unwrap();
        assert!(output.stdout.contains("confirmed by message "), "{output:?}");
        if in_time {
            break;
        }
    }
    assert!(in_time, "{times:?}");
    world.until_empty().await;
    assert!(!stage.service.log().contains("example.org"), "no e-mail address in the log");
    stage.nothing_left().await;
}

async fn a_burst_of_duplicates_with_poison_in_it_makes_each_account_once(version: SynapseVersion) {
    let world = world(version).await;
    let (people, events) = world.confirmed(100).await;
    let mut messages: Vec<String> = events.iter().chain(&events).cloned().collect();
    // Shuffled by a fixed stride, which is coprime to their number, with the poison in the middle.
    messages = (0..messages.len()).map(|number| messages[number * 77 % 200].clone()).collect();
    messages.insert(100, r#"{"email": "poison@example.org", "not": "a confirmation"}"#.to_owned());
    world.stage.start_ready().await;
    world.queue.send(&messages).await.unwrap();
    world.until_all_joined(&people).await;
    world.until_empty().await;
    world.joined_once(&people).await;
    // The poison, and nothing else, is where poison goes; it is recorded once, without what it said.
    wait_until("the poison is in the dead-letter queue", SOON, async || {
        world.queue.dead_letter_depth().await.is_ok_and(|depth| depth.visible == 1)
    })
    .await
    .unwrap();
    let refused = world.refused().await;
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(!refused[0].contains("example.org"), "{refused:?}");
    let failed =
        world.stage.metric("provisioner_actions_total{kind=\"join\",mode=\"enforce\",outcome=\"failed\"}").await;
    assert!(failed.abs() < f64::EPSILON, "{failed}");
    world.stage.nothing_left().await;
}

async fn a_forged_message_makes_nobody(version: SynapseVersion) {
    let world = world(version).await;
    let stage = &world.stage;
    stage.start_ready().await;
    let (real, _) = world.confirmed(3).await;
    let forged = subject();
    let mut elsewhere = world.event(&real[0]);
    elsewhere["userPoolId"] = json!("us-east-1_another1");
    let mut staging = world.event(&real[1]);
    staging["environment"] = json!("staging");
    let mut verification = world.event(&real[2]);
    verification["triggerSource"] = json!("PreSignUp_SignUp");
    let messages = [world.event(&forged), elsewhere, staging, verification].map(|event| event.to_string());
    world.queue.send(&messages).await.unwrap();
    wait_until("all four are in the dead-letter queue", BURST, async || {
        world.queue.dead_letter_depth().await.is_ok_and(|depth| depth.visible == 4)
    })
    .await
    .unwrap();
    assert_eq!(world.refused().await.len(), 4);
    for sub in real.iter().chain([&forged]) {
        assert_eq!(stage.admin.user(&stage.mxid(sub)).await.unwrap(), None);
        assert_eq!(stage.membership(&stage.red, sub).await, "none");
    }
    stage.nothing_left().await;
}

async fn a_service_stopped_and_killed_in_a_burst_loses_nothing_and_repeats_nothing(version: SynapseVersion) {
    let world = world(version).await;
    let stage = &world.stage;
    let (people, events) = world.confirmed(60).await;
    world.queue.send(&events).await.unwrap();
    stage.start_ready().await;
    let joined_at_least = async |count: usize| {
        wait_until("some have joined", BURST, async || stage.joins() >= count).await.unwrap();
    };
    joined_at_least(5).await;
    assert!(stage.service.sigterm().await.unwrap().success());
    stage.start_ready().await;
    joined_at_least(20).await;
    stage.service.sigkill().await.unwrap();
    stage.start_ready().await;
    world.until_all_joined(&people).await;
    world.until_empty().await;
    world.joined_once(&people).await;
    assert_eq!(world.queue.dead_letter_depth().await.unwrap().visible, 0);
    stage.nothing_left().await;
}

/// It fails, its answer is lost, and the service is killed once Synapse has made it: without `[profiles]`, and with it on observe.
async fn an_account_whose_making_is_cut_short_has_its_name_all_the_same(version: SynapseVersion) {
    let mut world = world(version).await;
    for section in ["", "[profiles]\n"] {
        world.stage.edit(|config| config.replace("[cognito]", &format!("{section}[cognito]")));
        let stage = &world.stage;
        stage.start_ready().await;
        let failure = json!({"errcode": "M_UNKNOWN", "error": "not today"});
        for effect in [Effect::Answer(500, failure), Effect::LoseAnswer, Effect::HoldAnswer] {
            let (what, is_killed) = (format!("{effect:?} with {section:?}"), matches!(effect, Effect::HoldAnswer));
            let sub = subject();
            let user = NewUser { name: Some("Ann Example".to_owned()), ..NewUser::with_sub(&sub) };
            world.pool.import(&[user]).await.unwrap();
            let path = format!("/_synapse/admin/v2/users/{}", stage.mxid(&sub));
            let trouble = stage.proxy.fault(Matching::any().method("PUT").path(&path).times(1), effect);
            world.queue.send(&[world.event(&sub).to_string()]).await.unwrap();
            wait_until("the account is being made", SOON, async || trouble.hits() == 1).await.unwrap();
            let account = async || stage.admin.user(&stage.mxid(&sub)).await.unwrap();
            if is_killed {
                wait_until("Synapse has made it", SOON, async || account().await.is_some()).await.unwrap();
                stage.service.sigkill().await.unwrap();
                trouble.lift();
                stage.start_ready().await;
            }
            stage.until(&stage.red, &sub, "join", SOON).await;
            assert_eq!(account().await.unwrap()["displayname"], "Ann Example", "{what}");
            world.joined_once(&[sub]).await;
        }
        world.until_empty().await;
        stage.nothing_left().await;
        stage.service.sigterm().await.unwrap();
    }
}

async fn messages_wait_while_synapse_or_postgres_is_down(version: SynapseVersion) {
    let mut world = world(version).await;
    // Synapse keeps its own Postgres: what goes away is all that the service has.
    let postgres = Postgres::start().await.unwrap();
    world.stage.database = postgres.create_database("provisioner").await.unwrap();
    world.stage.change(|_| ());
    let stage = &world.stage;
    stage.start_ready().await;

    // What was confirmed is durable while Synapse is away, and happens when it is back.
    stage.proxy.set_down(true);
    let (first, events) = world.confirmed(10).await;
    world.queue.send(&events).await.unwrap();
    world.until_empty().await;
    stage.proxy.set_down(false);
    world.until_all_joined(&first).await;

    // Nothing can be made durable without Postgres: the messages stay where they are.
    postgres.stop().await.unwrap();
    let (second, events) = world.confirmed(10).await;
    world.queue.send(&events).await.unwrap();
    stage.until_not_ready(&["database"]).await;
    let depth = world.queue.depth().await.unwrap();
    assert_eq!(depth.visible + depth.in_flight + depth.delayed, 10);
    postgres.restart().await.unwrap();
    world.until_all_joined(&second).await;
    world.until_empty().await;
    world.joined_once(&second).await;
    assert_eq!(world.queue.dead_letter_depth().await.unwrap().visible, 0);
    stage.nothing_left().await;
}

/// Logged once for each reason, with it.
const KEPT: &str = "messages are kept until the trouble is over";

/// The pool is silent, and then the database takes nothing.
async fn who_keeps_messages_waiting_is_named_with_what_to_do(version: SynapseVersion) {
    let mut world = world(version).await;
    let proxy = Proxy::start(&world.pool.endpoint).await.unwrap();
    let (direct, proxied) = (format!("\"{}\"", world.pool.endpoint), format!("\"{}\"", proxy.url()));
    world.stage.edit(|config| config.replace(&direct, &proxied));
    let stage = &world.stage;
    let until_named = async |who: &str, mend: &str| {
        wait_until(&format!("{who} is named"), SOON, async || {
            stage.service.log().lines().any(|line| [KEPT, who, mend].iter().all(|part| line.contains(part)))
        })
        .await
        .unwrap();
    };
    let silent = proxy.fault(Matching::any().action("ListUsers"), Effect::Hold);
    stage.start_ready().await;
    let (first, events) = world.confirmed(1).await;
    world.queue.send(&events).await.unwrap();
    until_named("the user pool cannot be reached", "nobody is removed because of it").await;
    silent.lift();
    world.until_all_joined(&first).await;
    world.until_empty().await;

    let mut connection = stage.connect().await;
    let full = "ALTER TABLE provisioner.accounts ADD CONSTRAINT no_space CHECK (false) NOT VALID";
    sqlx::query(full).execute(&mut connection).await.unwrap();
    let (second, events) = world.confirmed(1).await;
    world.queue.send(&events).await.unwrap();
    until_named("the database of database.url does not take an account", "start it, or mend database.url").await;
    sqlx::query("ALTER TABLE provisioner.accounts DROP CONSTRAINT no_space").execute(&mut connection).await.unwrap();
    world.until_all_joined(&second).await;
    world.until_empty().await;
    stage.nothing_left().await;
}
