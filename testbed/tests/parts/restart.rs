//! A Synapse of one's own can be stopped, killed and started again, with its data.

use testbed::{Admin, NewRoom, SynapseVersion, own};

#[tokio::test]
async fn a_room_outlives_stop_and_kill() {
    for version in SynapseVersion::from_env() {
        let bed = own(version).await.unwrap();
        let admin = Admin::register(&bed.synapse).await.unwrap();
        let room = admin.create_room(NewRoom::default()).await.unwrap();
        bed.synapse.stop_sigterm().await.unwrap();
        assert!(admin.members(&room).await.is_err());
        bed.synapse.start_again().await.unwrap();
        assert_eq!(admin.membership_of(&room, &admin.mxid).await.unwrap(), "join");
        bed.synapse.kill().await.unwrap();
        bed.synapse.start_again().await.unwrap();
        assert_eq!(admin.membership_of(&room, &admin.mxid).await.unwrap(), "join");
    }
}
