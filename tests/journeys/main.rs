//! Journeys: the real binary against a real Synapse, a real Postgres and a real roster, on two Synapse versions.
//!
//! Each journey has its own rooms, bot, databases and service on a Synapse that some of a version share, unless it stops
//! that Synapse. `TESTBED_SYNAPSE=1.105.1` limits a run to one version.

#![expect(clippy::unwrap_used, reason = "a journey whose stage fails has failed")]

mod accounts_by_hand;
mod admins;
mod answers;
mod backfill;
mod bad_input;
mod bad_input_config;
mod bad_input_nul;
mod bad_input_roster;
mod chaos;
mod commands;
mod counts;
mod create_rooms;
mod cut_over;
mod cut_over_page;
mod cut_over_shell;
mod doctor;
mod doctor_aws;
mod doctor_bot;
mod doctor_hardening;
mod doctor_support;
mod events;
mod faults;
mod federation;
mod federation_hostile;
mod federation_support;
mod fights;
mod follow;
mod from_environment;
mod guard;
mod held;
mod lanes;
mod leadership;
mod leaves;
mod levels;
mod lived_before;
mod load;
mod membership;
mod names;
mod obstacles;
mod one_room;
mod outages;
mod pool_groups;
mod pool_listing;
mod pool_move;
mod pool_offboarding;
mod pool_support;
mod poolers;
mod postgres_support;
mod power;
mod profiles;
mod profiles_pictures;
mod profiles_pool;
mod profiles_support;
mod promises;
mod published;
mod published_fifo;
mod published_support;
mod queue;
mod reasons;
mod redacted;
mod renamed_team;
mod returns;
mod room_fights;
mod schema;
mod settings;
mod settle;
mod silence;
mod staff;
mod staff_alerts;
mod staff_follow;
mod staff_held;
mod staff_noes;
mod staff_once;
mod staff_pool;
mod staff_refused;
mod staff_rules;
mod staff_slow;
mod staff_support;
mod staff_taps;
mod staff_trouble;
mod standby;
mod startup;
mod support;
mod terminal;
mod upstream;
mod widths;

/// A test of one journey on one Synapse version, left out where a reason to is given.
macro_rules! on_version {
    ($journey:ident, $test:ident, $version:ident $(, ignored: $why:literal)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[ignore = $why])?
        async fn $test() {
            if testbed::SynapseVersion::$version.enabled() {
                super::$journey(testbed::SynapseVersion::$version).await;
            }
        }
    };
}
pub(crate) use on_version;

/// Journeys in which Synapse's own behaviour decides: how it joins, bans, pushes, upgrades, lists and refuses. Tests run in the
/// order of their names: a journey's two versions stand beside each other there, so that both Synapses are at work at the same time.
macro_rules! on_both_versions {
    ($($journey:ident),+ $(,)?) => {
        $(mod $journey {
            crate::on_version!($journey, v1_105, V1_105);
            crate::on_version!($journey, v1_163, V1_163);
        })+
    };
}
pub(crate) use on_both_versions;

/// Journeys in which Synapse only carries: about the sources, the queue, Postgres, the guard, the Staff room, what operators type.
/// Each is played on one version, in turn, so that both Synapses are at work; `.ci/every-version` plays the other half.
macro_rules! on_one_version {
    ($($journey:ident),+ $(,)?) => { crate::on_one_version!(@production $($journey)+); };
    (@production $journey:ident $($rest:ident)*) => {
        mod $journey {
            crate::on_version!($journey, v1_105, V1_105);
            crate::on_version!($journey, v1_163, V1_163, ignored: "on this version too: .ci/every-version");
        }
        crate::on_one_version!(@newest $($rest)*);
    };
    (@newest $journey:ident $($rest:ident)*) => {
        mod $journey {
            crate::on_version!($journey, v1_105, V1_105, ignored: "on this version too: .ci/every-version");
            crate::on_version!($journey, v1_163, V1_163);
        }
        crate::on_one_version!(@production $($rest)*);
    };
    (@production) => {};
    (@newest) => {};
}
pub(crate) use on_one_version;
