//! The whole world comes up on both versions: Postgres, Synapse, a person by JWT, a room by an admin.

use std::time::Duration;

use serde_json::json;
use testbed::{Admin, NewRoom, Person, SynapseVersion, shared, wait_until};

const SUB: &str = "0b9cb6a8-3c7e-4f4e-9a51-3f3b7c1f9d10";

#[tokio::test]
async fn a_person_and_an_admin_meet_in_a_room() {
    for version in SynapseVersion::from_env() {
        let bed = shared(version).await;
        let admin = Admin::register(&bed.synapse).await.unwrap();
        let slot = bed.synapse.slot();
        let bot = admin.enlist(&slot).await.unwrap();
        assert!(admin.is_server_admin(&slot.bot).await.unwrap());
        let room = admin.create_room_with(&bot, NewRoom::default()).await.unwrap();

        let person = Person::login(&bed.synapse, SUB).await.unwrap();
        assert_eq!(person.mxid, bed.synapse.mxid(SUB));
        admin.invite(&room, &person.mxid).await.unwrap();
        assert_eq!(admin.membership_of(&room, &person.mxid).await.unwrap(), "invite");
        assert_eq!(person.accept_invites().await.unwrap(), vec![room.clone()]);
        assert!(person.joined_rooms().await.unwrap().contains(&room));
        person.send_text(&room, "hello").await.unwrap();
        let newest = admin.messages(&room, 1).await.unwrap();
        assert_eq!(newest[0]["content"]["body"], "hello");

        bot.send_state(&room, "m.room.topic", "", json!({ "topic": "sky" })).await.unwrap();
        assert_eq!(admin.state(&room, "m.room.topic", "").await.unwrap().unwrap()["topic"], "sky");
        person.leave(&room).await.unwrap();
        wait_until("the person has left", Duration::from_secs(5), async || {
            admin.membership_of(&room, &person.mxid).await.is_ok_and(|membership| membership == "leave")
        })
        .await
        .unwrap();
    }
}
