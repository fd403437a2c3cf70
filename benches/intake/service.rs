//! The service's own router, with an inbox that stands for the database or is it.

use axum::Router;
use phenom_provisioner::intake::SharedSecret;
use phenom_provisioner::intake::Wake;
use phenom_provisioner::intake::appservice::{
    self, AppService, InboxError, InboxEvent, InboxWriter, Interest, SharedInterest,
};
use ruma::{RoomId, UserId};

use crate::bodies::ROOM;

/// The token of the registration.
pub(crate) const TOKEN: &str = "wfghWEGh3wgWHEf3478sHFWEaGGfgWEGHw45GHGw3wgWHEfwf45";

/// An inbox that takes everything at once.
#[derive(Debug)]
pub(crate) struct TakesAll;

impl InboxWriter for TakesAll {
    fn is_open(&self) -> bool {
        true
    }

    async fn append(&self, events: &[InboxEvent<'_>]) -> Result<(), InboxError> {
        std::hint::black_box(events);
        Ok(())
    }
}

/// The listener's router as `run` builds it: four managed rooms, one of them taking commands.
pub(crate) fn router(inbox: impl InboxWriter) -> Router {
    let room = |id: &str| RoomId::parse(id).expect("a room ID");
    let rooms = [ROOM, "!WXBotwMKlVifIuEeBL:thephenom.app", "!c:thephenom.app", "!d:thephenom.app"].map(room);
    let bot = UserId::parse("@phenom-provisioner:thephenom.app").expect("an MXID");
    let interest = Interest::new(&bot, rooms).with_commands(&room("!WXBotwMKlVifIuEeBL:thephenom.app"), "!provisioner");
    appservice::router(AppService {
        hs_token: SharedSecret::new(TOKEN),
        interest: SharedInterest::new(interest),
        inbox,
        wake: Wake::new(|| ()),
    })
}
