//! Transactions, as Synapse sends them with what anybody wrote in them: through the router, into an inbox in memory.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use phenom_provisioner::intake::{
    SharedSecret, Wake,
    appservice::{self, AppService, InboxError, InboxEvent, InboxWriter, Interest, SharedInterest},
};
use proptest::prelude::*;
use ruma::{room_id, user_id};
use serde_json::value::RawValue;
use tower::ServiceExt;

use super::hostile::{Hostile, Verdict};
use super::naive::{Fields, is_json, string};

const TOKEN: &str = "hs-token-of-the-doors";
const MANAGED: [&str; 2] = ["!red:hs", "!staff:hs"];

/// Every event that was appended: its id, room and type, and its whole text.
type Appended = Vec<[String; 4]>;

#[derive(Clone, Debug, Default)]
struct MemoryInbox(Arc<Mutex<Appended>>);

impl InboxWriter for MemoryInbox {
    fn is_open(&self) -> bool {
        true
    }

    async fn append(&self, events: &[InboxEvent<'_>]) -> Result<(), InboxError> {
        let texts = |event: &InboxEvent<'_>| {
            [&*event.event_id, &*event.room_id, &*event.event_type, event.raw].map(str::to_owned)
        };
        self.0.lock().unwrap().extend(events.iter().map(texts));
        Ok(())
    }
}

fn router(inbox: &MemoryInbox, wakes: &Arc<AtomicUsize>) -> Router {
    let rooms = [room_id!("!red:hs").to_owned(), room_id!("!staff:hs").to_owned()];
    let interest = Interest::new(user_id!("@bot:hs"), rooms).with_commands(room_id!("!staff:hs"), "!provisioner");
    let wakes = Arc::clone(wakes);
    appservice::router(AppService {
        hs_token: SharedSecret::new(TOKEN),
        interest: SharedInterest::new(interest),
        inbox: inbox.clone(),
        wake: Wake::new(move || {
            wakes.fetch_add(1, Ordering::SeqCst);
        }),
    })
}

/// What is to be kept of an event; nothing where it is not of interest, or unreadable.
fn kept(event: &RawValue) -> Option<[String; 4]> {
    let fields = Fields::of(event.get())?;
    let id = |key: &str| {
        let id = string(fields.last(key)?)?;
        (!id.is_empty() && id.len() <= 255 && !id.contains('\0')).then_some(id)
    };
    let (event_id, room, kind) = (id("event_id")?, id("room_id")?, id("type")?);
    let is_kept = match fields.last("state_key") {
        Some(state_key) => {
            let state_key = string(state_key)?;
            MANAGED.contains(&&*room) || kind == "m.room.member" && state_key == "@bot:hs"
        }
        None => match kind.as_str() {
            "m.room.redaction" => MANAGED.contains(&&*room),
            "m.reaction" => room == "!staff:hs",
            "m.room.message" => room == "!staff:hs" && is_command(&fields),
            _ => false,
        },
    };
    is_kept.then(|| [event_id, room, kind, event.get().to_owned()])
}

/// A message that says something twice is none that a client sends, and no command.
fn is_command(event: &Fields<'_>) -> bool {
    let content = event.last("content").filter(|_| event.count("content") == 1).and_then(|raw| Fields::of(raw.get()));
    let body = content.and_then(|content| string(content.last("body").filter(|_| content.count("body") == 1)?));
    body.is_some_and(|body| body.to_lowercase().contains("!provisioner"))
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (inbox, wakes) = (MemoryInbox::default(), Arc::new(AtomicUsize::new(0)));
    let router = router(&inbox, &wakes);
    move |hostile| {
        let request = Request::builder().method("PUT").uri("/_matrix/app/v1/transactions/1");
        let request = request.header("Authorization", format!("Bearer {TOKEN}"));
        let request = request.body(Body::from(hostile.bytes.to_vec())).unwrap();
        let status = runtime.block_on(router.clone().oneshot(request)).unwrap().status();
        let appended = std::mem::take(&mut *inbox.0.lock().unwrap());
        let woken = wakes.swap(0, Ordering::SeqCst) > 0;
        prop_assert_eq!(woken, !appended.is_empty());

        let text = std::str::from_utf8(hostile.bytes).ok().filter(|text| is_json(text));
        let Some(text) = text else {
            prop_assert_eq!((status, appended), (StatusCode::BAD_REQUEST, vec![]));
            return Ok(false);
        };
        let Some(body) = Fields::of(text) else {
            // No object; or one with a key that is no Unicode, which `serde_json` reads no further.
            prop_assert!(status == StatusCode::BAD_REQUEST || text.contains("\\u"), "{status}");
            return Ok(false);
        };
        let events: Option<Vec<&RawValue>> =
            body.last("events").and_then(|events| serde_json::from_str(events.get()).ok());
        let Some(events) = events else {
            prop_assert_eq!((status, appended), (StatusCode::BAD_REQUEST, vec![]));
            return Ok(false);
        };
        prop_assert_eq!(status, StatusCode::OK);
        // One with a key that is no Unicode is kept where the rest of it says that it matters.
        let odd = |event: &RawValue| Fields::of(event.get()).is_none() && event.get().contains("\\u");
        let odd: Vec<&str> = events.iter().filter(|event| odd(event)).map(|event| event.get()).collect();
        let kept: Appended = events.into_iter().filter_map(kept).collect();
        let appended: Appended = appended.into_iter().filter(|event| !odd.contains(&&*event[3])).collect();
        prop_assert_eq!(&appended, &kept);
        Ok(!kept.is_empty())
    }
}

#[test]
fn a_transaction_is_refused_whole_or_kept_as_far_as_it_can_be_read() {
    super::walk("transactions");
}
