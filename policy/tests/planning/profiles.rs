//! Names and pictures: what is given once, what stays as its owner chose it, and what a plan counts.

use proptest::prelude::*;
use proptest::sample::select;
use provisioner_policy::*;

const SERVER: &str = "phenom.test";
const ADA: &str = "@ada:phenom.test";
const MEDIA: &str = "mxc://phenom.test/one";

fn policy(keep: bool) -> Policy {
    Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        exempt: vec!["@exempt:phenom.test".into()],
        modes: Modes { accounts: Mode::Enforce, profiles: Mode::Enforce, ..Modes::default() },
        profiles: Some(ProfilesPolicy { keep }),
        ..Policy::default()
    }
}

fn world(keep: bool) -> World {
    let mut world = World::new(policy(keep));
    for localpart in ["ada", "bot", "exempt"] {
        let mxid = format!("@{localpart}:{SERVER}");
        world.set_account(&mxid, Account::Active, None, false);
        world.set_on_server(&mxid, OnServer { present: true, ..OnServer::default() });
        world.see_profile(&mxid, Some(localpart), None);
    }
    world.set_accounts_listed(true);
    world
}

fn says(world: &mut World, mxid: &str, name: &str, picture: Picture) {
    let user = world.intern(mxid);
    let name = world.name_to_give(user, Some(name));
    world.set_profiles([(user, SourceProfile { name, picture })], 0);
}

fn ours() -> Picture {
    Picture::Ours(Fingerprint::of(MEDIA))
}

fn kinds(world: &World) -> Vec<Kind> {
    plan(world, &Recent::default()).due().map(|action| action.change.kind()).collect()
}

/// Carries out what is planned, as Synapse would, until nothing is.
fn settle(world: &mut World) {
    for _ in 0..3 {
        plan(world, &Recent::default()).due().for_each(|action| world.take_effect(&action.change));
    }
    assert!(plan(world, &Recent::default()).is_empty(), "{:?}", plan(world, &Recent::default()).actions);
}

#[test]
fn an_account_that_nobody_touched_is_given_name_and_picture_once() {
    let mut world = world(false);
    says(&mut world, ADA, "Ada", ours());
    assert_eq!(kinds(&world), [Kind::SetDisplayName, Kind::SetAvatar]);
    settle(&mut world);
    // As the listing has it from now on.
    world.see_profile(ADA, Some("Ada"), Some(MEDIA));
    assert!(kinds(&world).is_empty());
    says(&mut world, ADA, "Ada Lovelace", ours());
    assert_eq!(kinds(&world), [Kind::SetDisplayName], "what was given follows the source");
}

#[test]
fn what_somebody_chose_stays_and_keep_replaces_it() {
    for keep in [false, true] {
        let mut world = world(keep);
        world.see_profile(ADA, Some("Countess"), Some("mxc://phenom.test/hers"));
        says(&mut world, ADA, "Ada", ours());
        let wanted = if keep { vec![Kind::SetDisplayName, Kind::SetAvatar] } else { vec![] };
        assert_eq!(kinds(&world), wanted, "keep = {keep}");
        settle(&mut world);
        // Given, and then changed by its owner.
        world.see_profile(ADA, Some("Countess"), Some(MEDIA));
        assert_eq!(kinds(&world), if keep { vec![Kind::SetDisplayName] } else { vec![] }, "keep = {keep}");
    }
}

#[test]
fn what_was_given_and_taken_away_by_its_owner_stays_away_until_the_source_says_another() {
    for keep in [false, true] {
        let mut world = world(keep);
        says(&mut world, ADA, "Ada", ours());
        settle(&mut world);
        world.see_profile(ADA, None, None);
        let again = if keep { vec![Kind::SetDisplayName, Kind::SetAvatar] } else { vec![] };
        assert_eq!(kinds(&world), again, "keep = {keep}");
    }
    let mut world = world(false);
    says(&mut world, ADA, "Ada", ours());
    settle(&mut world);
    world.see_profile(ADA, None, Some(MEDIA));
    says(&mut world, ADA, "Ada Lovelace", ours());
    assert_eq!(kinds(&world), [Kind::SetDisplayName]);
}

#[test]
fn what_may_have_been_given_before_a_kill_is_ours_and_what_was_before_is_still() {
    let mut world = world(false);
    says(&mut world, ADA, "Ada", Picture::Nothing);
    settle(&mut world);
    let ada = world.intern(ADA);
    world.note_giving(ada, ProfileField::DisplayName, Fingerprint::of("Ada L."));
    says(&mut world, ADA, "Ada Lovelace", Picture::Nothing);
    for there in ["Ada", "Ada L."] {
        world.see_profile(ADA, Some(there), None);
        assert_eq!(kinds(&world), [Kind::SetDisplayName], "{there}");
    }
    world.see_profile(ADA, Some("Countess"), None);
    assert!(kinds(&world).is_empty());
}

#[test]
fn a_picture_is_fetched_once_an_address_and_again_where_the_address_is_another() {
    let mut world = world(false);
    let at = |address: &str| Picture::Remote(Fingerprint::of(address));
    says(&mut world, ADA, "", at("https://media/a"));
    assert_eq!(kinds(&world), [Kind::SetAvatar]);
    let ada = world.intern(ADA);
    world.note_given(ada, ProfileField::Avatar, Fingerprint::of(MEDIA), Fingerprint::of("https://media/a"));
    world.see_profile(ADA, None, Some(MEDIA));
    assert!(kinds(&world).is_empty());
    says(&mut world, ADA, "", at("https://media/b"));
    assert_eq!(kinds(&world), [Kind::SetAvatar]);
}

#[test]
fn nothing_is_given_to_whom_no_source_calls_for_nor_to_closed_or_exempt_accounts() {
    let mut world = world(false);
    let names = ["ada", "bot", "exempt", "stranger"];
    for localpart in names {
        let mxid = format!("@{localpart}:{SERVER}");
        world.set_on_server(&mxid, OnServer { present: true, ..OnServer::default() });
        world.set_pool_name(&mxid, Some("Somebody"));
    }
    let named = |world: &World| -> Vec<String> {
        plan(world, &Recent::default())
            .actions
            .iter()
            .filter_map(|one| one.change.user())
            .map(|user| world.users.mxid(user))
            .collect()
    };
    assert_eq!(named(&world), [ADA]);
    for there in [
        OnServer { present: true, locked: true, ..OnServer::default() },
        OnServer { present: true, deactivated: true, ..OnServer::default() },
    ] {
        world.set_on_server(ADA, there);
        assert!(named(&world).is_empty(), "{there:?}");
    }
    let mut unbothered = World::new(Policy { profiles: None, ..policy(false) });
    unbothered.set_account(ADA, Account::Active, None, false);
    unbothered.set_on_server(ADA, OnServer { present: true, ..OnServer::default() });
    unbothered.set_accounts_listed(true);
    unbothered.set_pool_name(ADA, Some("Ada"));
    assert!(plan(&unbothered, &Recent::default()).is_empty());
    assert_eq!(unbothered.profile_counts(), None);
}

#[test]
fn the_name_that_synapse_gives_by_itself_is_never_given() {
    let mut world = world(false);
    world.set_pool_name(ADA, Some("ada"));
    assert!(kinds(&world).is_empty());
}

#[test]
fn a_query_that_contradicts_itself_says_nothing_and_one_that_fails_leaves_what_it_said() {
    let mut world = world(false);
    let ada = world.intern(ADA);
    let row = |name: &str| (ada, SourceProfile { name: Fingerprint::of(name), picture: Picture::Nothing });
    world.set_profiles([row("Ada"), row("Ben")], 1);
    assert!(kinds(&world).is_empty());
    let notices = world.notices();
    assert!(notices.iter().any(|one| one.starts_with("2 rows of profiles.query")), "{notices:?}");
    world.set_profiles([row("Ada"), row("Ada")], 0);
    world.fail_profiles("gone");
    assert_eq!(kinds(&world), [Kind::SetDisplayName]);
    assert!(world.notices().iter().any(|one| one.contains("stay as they are: gone")), "{:?}", world.notices());
    world.set_profiles([], 0);
    assert!(kinds(&world).is_empty(), "who is not named any more keeps what they have");
}

#[test]
fn the_plan_counts_how_names_and_pictures_stand_and_keeps_nobodys_name() {
    let mut world = world(false);
    let pictures = [
        ("a", Picture::Nothing),
        ("b", ours()),
        ("c", Picture::Remote(Fingerprint::of("x"))),
        ("d", Picture::Foreign),
        ("e", Picture::Refused),
        ("f", ours()),
        ("g", ours()),
    ];
    let mut rows = Vec::new();
    for (localpart, picture) in pictures {
        let mxid = format!("@{localpart}:{SERVER}");
        world.set_account(&mxid, Account::Active, None, false);
        world.set_on_server(&mxid, OnServer { present: true, ..OnServer::default() });
        rows.push((world.intern(&mxid), SourceProfile { name: Fingerprint::of("Countess"), picture }));
    }
    world.see_profile("@f:phenom.test", Some("Countess"), Some(MEDIA));
    world.see_profile("@g:phenom.test", Some("Ben"), Some("mxc://phenom.test/own"));
    world.set_profiles(rows, 0);
    let counts = world.profile_counts().expect("the policy is about them");
    assert_eq!(counts.names, NameCounts { right: 1, to_give: 5, chosen: 1, missing: 1 });
    let wanted = PictureCounts { right: 1, to_give: 1, https: 1, chosen: 1, missing: 2, foreign: 1, refused: 1 };
    assert_eq!(counts.pictures, wanted);
    assert!(counts.text().contains("pictures: 1 right, 1 to give, 1 https to fetch"), "{}", counts.text());
    let view = serde_json::to_string(&plan(&world, &Recent::default()).view(&world)).expect("it is JSON");
    assert!(view.contains("set_avatar") && !view.contains("Countess"), "{view}");
}

#[test]
fn an_account_that_is_made_is_given_what_was_not_given_with_it() {
    let mut world = world(false);
    let new = "@new:phenom.test";
    world.set_account(new, Account::Active, None, false);
    says(&mut world, new, "New", ours());
    assert_eq!(kinds(&world), [Kind::CreateAccount]);
    settle(&mut world);
}

proptest! {
    /// Whatever happened before: without `keep` nothing is planned over what this service did not give.
    #[test]
    fn nothing_is_given_over_anybodys_choice(
        said in "[abc]?",
        seen in select(vec!["", "ada", "a", "b", "c"]),
        given in "[abc]?",
        tried in "[abc]?",
    ) {
        let mut world = world(false);
        let ada = world.intern(ADA);
        let value = GivenPicture { value: Fingerprint::of(&given), source: Fingerprint::NOTHING };
        world.set_given(ada, ProfileField::DisplayName, value, Fingerprint::of(&tried));
        world.see_profile(ADA, Some(seen), None);
        says(&mut world, ADA, &said, Picture::Nothing);
        let is_ours = [given.as_str(), tried.as_str()].contains(&seen);
        if !kinds(&world).is_empty() {
            prop_assert!(seen.is_empty() || seen == "ada" || is_ours, "{seen} is their own");
            prop_assert!(!said.is_empty() && said != seen);
        }
        settle(&mut world);
    }
}
