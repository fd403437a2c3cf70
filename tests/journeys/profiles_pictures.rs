//! Pictures that are fetched, with a real Synapse to take them. The hosts are on loopback, where the service asks nobody: here its parts
//! are put together with another look-up.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use phenom_provisioner::config::{Config, RoomIds};
use phenom_provisioner::homeserver::{Homeserver, Timeouts};
use phenom_provisioner::pictures::{PictureFetcher, PictureNames, Surroundings};
use phenom_provisioner::reconcile::{PassReport, ProfileGiver, Reconciler, apply_once};
use phenom_provisioner::sources::{ProfileSource, Roster};
use phenom_provisioner::store::{Login, Store};
use provisioner_policy::AccountsFrom;
use testbed::{PictureAnswer, PictureHost, SynapseVersion};
use tokio_util::sync::CancellationToken;

use crate::profiles_support::{QUERY, enforce, pair, profile, profiles, say, until_seen};
use crate::support::{Stage, subject, subjects};

crate::on_both_versions!(a_picture_is_fetched_once_and_uploaded_once_and_moves_along);
crate::on_one_version!(a_host_that_hangs_delays_nobody);

const HOST: &str = "media.example.org";
const HANGING: &str = "hangs.example.org";

async fn host() -> PictureHost {
    PictureHost::start(&[HOST, HANGING], |path| match path.split('?').next().unwrap_or_default() {
        "/hangs.png" => PictureAnswer::Silence,
        // There when another was just given, so that it waits for the pause after that.
        "/other.png" => PictureAnswer::Late(Duration::from_secs(1), b"\x89PNG\r\n\x1a\nanother picture".to_vec()),
        _ => PictureAnswer::Body(b"\x89PNG\r\n\x1a\nthe same picture".to_vec()),
    })
    .await
    .unwrap()
}

/// One pass of the stage's configuration, by the parts of the service, with these hosts of pictures.
async fn apply(stage: &Stage, host: &PictureHost) -> PassReport {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("provisioner.toml");
    std::fs::write(&file, crate::profiles_support::enforced(stage.config())).unwrap();
    let config = Config::load(&file.into(), std::iter::empty(), RoomIds::Required).unwrap();
    let address = host.address;
    let surroundings = Surroundings {
        look_up: Arc::new(move |_| Box::pin(async move { Ok(vec![address]) })),
        may_ask: |address| address == IpAddr::V4(Ipv4Addr::LOCALHOST),
        authorities: vec![reqwest::Certificate::from_pem(host.certificate.as_bytes()).unwrap()],
    };
    let login = || Login { url: stage.hasura.url().to_owned(), ..Login::default() };
    let roster = config.roster.as_ref().unwrap();
    let source = ProfileSource::new(login(), QUERY, roster.max_rows).unwrap();
    let names = PictureNames::new(config.homeserver.server_name.as_ref(), [HOST, HANGING].map(str::to_owned));
    let bot = &stage.slot.bot;
    let homeserver = Homeserver::connect(stage.proxy.url(), bot, &stage.slot.as_token, Timeouts::default()).await;
    let mut reconciler = Reconciler::new(
        config.policy(bot),
        AccountsFrom::Named,
        Store::open(&stage.database).await.unwrap(),
        homeserver.unwrap(),
        Some(Roster::new(login(), &roster.query, roster.max_rows).unwrap()),
    );
    let fetcher = PictureFetcher::new(surroundings).unwrap();
    reconciler.give_profiles_by(ProfileGiver::new(Some(source), names, Some(fetcher)));
    apply_once(&mut reconciler, &CancellationToken::new(), None, |_, _| {}).await.unwrap()
}

fn uploads(stage: &Stage) -> usize {
    stage.proxy.count(|request| request.is("POST", "/_matrix/media/v3/upload"))
}

async fn a_picture_is_fetched_once_and_uploaded_once_and_moves_along(version: SynapseVersion) {
    let mut stage = Stage::set(version, profiles("")).await;
    enforce(&mut stage).await;
    let host = host().await;
    let people = subjects(3);
    let address = |name: &str, signed: &str| format!("https://{HOST}/{name}.png?X-Amz-Signature={signed}");
    // Two addresses, one content.
    for (sub, name) in people.iter().zip(["a", "b", "b"]) {
        say(&stage, sub, "Ada", &address(name, "one")).await;
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let report = apply(&stage, &host).await;
    assert_eq!((report.failed.len(), report.later), (0, 0), "{report:?}");
    let (_, picture) = profile(&stage, &people[0]).await;
    assert!(picture.starts_with("mxc://"), "{picture}");
    for sub in &people {
        assert_eq!(profile(&stage, sub).await, pair("Ada", &picture));
        until_seen(&stage, &stage.staff, sub, &pair("Ada", &picture)).await;
    }
    assert_eq!((uploads(&stage), host.requests().len()), (1, 2), "{:?}", host.requests());
    // Signed anew it is the same picture.
    for (sub, name) in people.iter().zip(["a", "b", "b"]) {
        say(&stage, sub, "Ada", &address(name, "two")).await;
    }
    let again = apply(&stage, &host).await;
    assert_eq!((again.done, again.failed.len(), host.requests().len()), (0, 0, 2), "{again:?}");
    // After a pool move the new account has it from the beginning.
    let new = subject();
    let moved = format!(
        "UPDATE users SET id = '{new}' WHERE id = '{0}'; UPDATE profiles SET id = '{new}' WHERE id = '{0}'",
        people[0]
    );
    stage.hasura.execute(&moved).await.unwrap();
    let report = apply(&stage, &host).await;
    assert_eq!(report.failed.len(), 0, "{report:?}");
    assert_eq!(profile(&stage, &new).await, pair("Ada", &picture));
    assert_eq!(stage.memberships(&stage.staff, &new).await, ["invite", "join"], "without one event more");
    // Another address is fetched, and only another content uploaded.
    say(&stage, &people[1], "Ada", &address("c", "one")).await;
    say(&stage, &people[2], "Ada", &address("other", "one")).await;
    let report = apply(&stage, &host).await;
    assert_eq!((report.failed.len(), report.later), (0, 0), "{report:?}");
    assert_eq!(profile(&stage, &people[1]).await, pair("Ada", &picture));
    let (_, other) = profile(&stage, &people[2]).await;
    assert_ne!(other, picture);
    assert_eq!((uploads(&stage), host.requests().len()), (2, 4), "{:?}", host.requests());
    // Synapse carries a profile into the rooms afterwards, in its own time.
    until_seen(&stage, &stage.staff, &people[2], &pair("Ada", &other)).await;
    let report = apply(&stage, &host).await;
    assert_eq!((report.done, report.failed.len(), report.waiting, report.later), (0, 0, 0, 0), "{report:?}");
}

async fn a_host_that_hangs_delays_nobody(version: SynapseVersion) {
    let mut stage = Stage::set(version, profiles("")).await;
    enforce(&mut stage).await;
    let host = host().await;
    let people = subjects(12);
    for (number, sub) in people.iter().enumerate() {
        let picture = match number {
            0 => format!("https://{HOST}/a.png"),
            number => format!("https://{HANGING}/hangs.png?id={number}"),
        };
        say(&stage, sub, "Ada", &picture).await;
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let report = apply(&stage, &host).await;
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
        assert_eq!(profile(&stage, sub).await.0, "Ada");
    }
    assert!(profile(&stage, &people[0]).await.1.starts_with("mxc://"), "{report:?}");
    assert!(!report.failed.is_empty(), "{report:?}");
    assert!(report.failed.iter().all(|one| one.kind == "set_avatar" && one.error.contains(HANGING)), "{report:?}");
}
