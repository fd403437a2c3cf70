//! Which names and pictures a slice gives: a few, in full, and of pictures those that are there. The others come later.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::{Action, Change, Class, Mode, Picture, UserIx};
use tracing::warn;

use crate::pictures::NamedPicture;
use crate::reconcile::act::attempt::Tried;
use crate::reconcile::profiles::ProfileGiver;
use crate::reconcile::profiles::give::{Gifts, NotedGift, PictureGift};
use crate::reconcile::profiles::pace::AT_ONCE;
use crate::reconcile::profiles::wanted::{Wanted, whose};
use crate::reconcile::reconciler::Reconciler;

/// People whose names and pictures are looked up at once, and kept at the most.
const LOOKED_UP: usize = 500;
const KEPT: usize = 5000;

/// Accounts of one slice that are made with what the query says; a slice makes fewer.
const MADE: usize = 1000;

/// Pictures of one slice for which it is looked whether they were fetched for somebody before.
const SOURCES: usize = 64;

/// How soon it is looked again where a host is left alone.
const LATER: Duration = Duration::from_secs(5);

/// What of the due changes is done in a slice.
#[derive(Debug)]
pub(crate) struct ChosenProfiles<'a> {
    pub(crate) due: Vec<&'a Action>,
    /// Names and pictures that come later.
    pub(crate) later: usize,
    /// What is given to each user, where anything may be.
    pub(crate) gifts: Option<HashMap<UserIx, Gifts>>,
}

/// What is given with accounts that are made.
#[derive(Debug, Default)]
struct GiftsOfNew {
    gifts: HashMap<UserIx, Gifts>,
    /// Pictures that are to be fetched first.
    later: usize,
}

impl Reconciler {
    /// Takes those names and pictures out of what is due that are not given in this slice.
    pub(crate) async fn choose_profiles<'a>(
        &mut self,
        due: Vec<&'a Action>,
        now: Instant,
    ) -> Result<ChosenProfiles<'a>> {
        let Some(mut giver) = self.profiles.take() else { return Ok(ChosenProfiles { due, later: 0, gifts: None }) };
        let chosen = self.choose_with(&mut giver, due, now).await;
        self.profiles = Some(giver);
        chosen
    }

    async fn choose_with<'a>(
        &mut self,
        giver: &mut ProfileGiver,
        due: Vec<&'a Action>,
        now: Instant,
    ) -> Result<ChosenProfiles<'a>> {
        let (profiles, mut due): (Vec<&Action>, Vec<&Action>) =
            due.into_iter().partition(|action| action.change.class() == Class::Profiles);
        let GiftsOfNew { mut gifts, later } = self.gifts_of_new(giver, &due, now).await?;
        let (total, mut chosen) = (profiles.len(), 0);
        giver.pace.kept_back = total > 0 && !giver.pace.may(now);
        if total > 0 && !giver.pace.kept_back {
            self.look_up(giver, &profiles, now).await?;
            let known = self.fetched_before(giver, &profiles).await?;
            for action in profiles {
                if chosen == AT_ONCE {
                    break;
                }
                if self.choose(giver, &action.change, &known, &mut gifts, now) {
                    due.push(action);
                    chosen += 1;
                }
            }
            if chosen > 0 {
                giver.pace.began(now);
            }
        }
        giver.pace.is_waiting = chosen < total;
        Ok(ChosenProfiles { due, later: later + total - chosen, gifts: Some(gifts) })
    }

    /// Whether a name or picture is given now; what it is goes to the gifts.
    fn choose(
        &self,
        giver: &mut ProfileGiver,
        change: &Change,
        known: &HashMap<String, (String, Vec<u8>)>,
        gifts: &mut HashMap<UserIx, Gifts>,
        now: Instant,
    ) -> bool {
        let Some((user, wanted)) = change.user().and_then(|user| Some((user, giver.wanted.get(&user)?.clone()))) else {
            return false;
        };
        match *change {
            Change::SetDisplayName { after, .. } if self.world.name_to_give(user, wanted.name()) == after => {
                gifts.entry(user).or_default().name = wanted.name().map(str::to_owned);
                true
            }
            Change::SetAvatar { after, .. } if wanted.in_short(&self.world, user).picture == after => {
                let Some(picture) = picture_gift(giver, &wanted, known, now) else { return false };
                gifts.entry(user).or_default().picture = Some(picture);
                true
            }
            // The source says another by now, or said it then: it is looked up again.
            _ => {
                giver.wanted.remove(&user);
                false
            }
        }
    }

    /// What accounts that are made are given with it. Where the query cannot be asked they are made without, and have the pool's name;
    /// nor does an account wait for a picture that is to be fetched.
    async fn gifts_of_new(&mut self, giver: &mut ProfileGiver, due: &[&Action], now: Instant) -> Result<GiftsOfNew> {
        let made = due.iter().filter_map(|action| match action.change {
            Change::CreateAccount { user } => Some(user),
            _ => None,
        });
        let made: Vec<UserIx> = made.take(MADE).collect();
        let is_enforced = Class::Profiles.mode(&self.world.policy.modes) == Mode::Enforce;
        if made.is_empty() || !is_enforced || giver.trouble.is_some() {
            return Ok(GiftsOfNew::default());
        }
        let rows = self.rows_of(giver, &made).await.unwrap_or_default();
        let sources: Vec<String> = rows.values().filter_map(|wanted| Some(wanted.remote()?.source())).collect();
        let known = self.known_sources(&sources).await?;
        let mut new = GiftsOfNew::default();
        for (user, wanted) in rows {
            let picture = match &wanted.picture {
                Some(NamedPicture::Ours(mxc)) => Some(PictureGift::Media { mxc: mxc.clone(), fetched: None }),
                Some(NamedPicture::Remote(remote)) => media(&known, remote.source()),
                Some(NamedPicture::Foreign | NamedPicture::Refused) | None => None,
            };
            if let Some(remote) = wanted.remote().filter(|_| picture.is_none()) {
                giver.fetches.begin(remote, now);
                new.later += 1;
            }
            new.gifts.insert(user, Gifts { name: wanted.name().map(str::to_owned), picture });
        }
        Ok(new)
    }

    /// Looks up in full what people should have, where too few of those who are due are known.
    async fn look_up(&mut self, giver: &mut ProfileGiver, profiles: &[&Action], now: Instant) -> Result<()> {
        let users = || profiles.iter().filter_map(|action| action.change.user());
        let is_ready = |user: &UserIx| {
            let wanted = giver.wanted.get(user);
            wanted.is_some_and(|wanted| {
                wanted.remote().is_none_or(|remote| !giver.fetches.is_resting(remote.host(), now))
            })
        };
        // Somebody may have both a name and a picture due.
        let mut seen = HashSet::new();
        let missing = users().filter(|user| !giver.wanted.contains_key(user) && seen.insert(*user));
        let missing: Vec<UserIx> = missing.take(LOOKED_UP).collect();
        if missing.is_empty() || users().filter(is_ready).take(AT_ONCE).count() == AT_ONCE {
            return Ok(());
        }
        if giver.wanted.len() + missing.len() > KEPT {
            giver.wanted.clear();
        }
        let Some(mut rows) = self.rows_of(giver, &missing).await else {
            giver.pace.began(now);
            return Ok(());
        };
        let mxids: Vec<String> = missing.iter().map(|user| self.world.users.mxid(*user)).collect();
        for origin in self.store.origins(&mxids).await.context("look up the pool's names")? {
            if let Some(user) = self.world.users.get(&origin.user_id) {
                rows.entry(user).or_default().in_pool = origin.display_name;
            }
        }
        giver.wanted.extend(missing.into_iter().map(|user| (user, rows.remove(&user).unwrap_or_default())));
        Ok(())
    }

    /// What the query says of these people now, also for the next plan. Nothing where it cannot be asked.
    async fn rows_of(&mut self, giver: &mut ProfileGiver, users: &[UserIx]) -> Option<HashMap<UserIx, Wanted>> {
        let Some(source) = &giver.source else { return Some(HashMap::new()) };
        let subjects: Vec<String> = users.iter().map(|user| self.world.users.key(*user).to_owned()).collect();
        let rows = match source.find(&subjects).await {
            Ok(rows) => rows,
            Err(error) => {
                let reason = error.chain();
                warn!("{reason}");
                self.world.fail_profiles(reason.clone());
                giver.trouble = Some(reason);
                return None;
            }
        };
        let mut found: HashMap<UserIx, Wanted> = HashMap::new();
        for row in rows {
            let Ok(Some(user)) = whose(&row, &self.world) else { continue };
            let wanted = Wanted::of(&row, user, &self.world, &giver.names);
            // Who is there twice and differs is there not at all.
            found.entry(user).and_modify(|one| *one = one.agreed(&wanted)).or_insert(wanted);
        }
        for user in users {
            let wanted = found.get(user).cloned().unwrap_or_default();
            self.world.set_profile(*user, wanted.in_short(&self.world, *user));
        }
        Some(found)
    }

    async fn fetched_before(
        &self,
        giver: &ProfileGiver,
        profiles: &[&Action],
    ) -> Result<HashMap<String, (String, Vec<u8>)>> {
        let remote = profiles.iter().filter_map(|action| match action.change {
            Change::SetAvatar { user, after: Picture::Remote(_), .. } => {
                Some(giver.wanted.get(&user)?.remote()?.source())
            }
            _ => None,
        });
        self.known_sources(&remote.take(SOURCES).collect::<Vec<_>>()).await
    }

    async fn known_sources(&self, sources: &[String]) -> Result<HashMap<String, (String, Vec<u8>)>> {
        if sources.is_empty() {
            return Ok(HashMap::new());
        }
        let known = self.store.fetched_from(sources).await.context("look which pictures were fetched before")?;
        Ok(known.into_iter().map(|(source, mxc, sha256)| (source, (mxc, sha256))).collect())
    }

    /// Whether names and pictures that were left for later may be given soon: a picture is being fetched, or they wait for the pause
    /// after the last ones.
    pub(crate) fn gives_soon(&self) -> bool {
        self.profiles.as_ref().is_some_and(|giver| giver.fetches.any() || giver.pace.kept_back)
    }

    /// Waits until some of the names and pictures that were left for later may be given.
    pub(crate) async fn profiles_due(&mut self) {
        let Some(giver) = &mut self.profiles else { return };
        let until = giver.pace.next(Instant::now()).unwrap_or_else(|| Instant::now() + LATER);
        tokio::select! {
            () = giver.fetches.one_ends() => {}
            () = tokio::time::sleep_until(until.into()) => {}
        }
    }

    /// Forgets the pictures that were given, or could not be; those that were not come to are kept.
    pub(crate) fn forget_fetched(&mut self, fetched: &HashMap<usize, String>, tried: &[(usize, Tried)]) {
        let Some(giver) = &mut self.profiles else { return };
        let ended = tried.iter().filter(|(_, tried)| !matches!(tried, Tried::Left));
        ended.filter_map(|(index, _)| fetched.get(index)).for_each(|source| giver.fetches.forget(source));
    }

    /// Takes over what was noted before it was given: whatever came of it, it may be there.
    pub(crate) fn note_tried(&mut self, tried: Vec<NotedGift>) {
        for (user, field, what) in tried {
            self.world.note_giving(user, field, what);
        }
    }
}

/// Which of the due changes give a picture that was fetched just now, by their place, and from where.
pub(crate) fn fetched_sources(due: &[&Action], gifts: Option<&HashMap<UserIx, Gifts>>) -> HashMap<usize, String> {
    let source = |(index, action): (usize, &&Action)| match action.change {
        Change::SetAvatar { user, .. } => match &gifts?.get(&user)?.picture {
            Some(PictureGift::Fetched { source, .. }) => Some((index, source.clone())),
            _ => None,
        },
        _ => None,
    };
    due.iter().enumerate().filter_map(source).collect()
}

/// A picture that can be given now; one that is to be fetched first is begun.
fn picture_gift(
    giver: &mut ProfileGiver,
    wanted: &Wanted,
    known: &HashMap<String, (String, Vec<u8>)>,
    now: Instant,
) -> Option<PictureGift> {
    match wanted.picture.as_ref()? {
        NamedPicture::Ours(mxc) => Some(PictureGift::Media { mxc: mxc.clone(), fetched: None }),
        NamedPicture::Remote(remote) => {
            let source = remote.source();
            let gift = media(known, source.clone());
            gift.or_else(|| match giver.fetches.ended(&source) {
                Some(fetched) => Some(PictureGift::Fetched { source, fetched }),
                None => {
                    giver.fetches.begin(remote, now);
                    None
                }
            })
        }
        NamedPicture::Foreign | NamedPicture::Refused => None,
    }
}

fn media(known: &HashMap<String, (String, Vec<u8>)>, source: String) -> Option<PictureGift> {
    let (mxc, sha256) = known.get(&source)?.clone();
    Some(PictureGift::Media { mxc, fetched: Some((source, sha256)) })
}
