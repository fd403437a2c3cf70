//! The service as its image runs it: in a root with the binary, the libraries that it links and certificates, where nothing can
//! be written, as nobody, and told everything by variables. No file is mounted.
//!
//! The root is made by `unshare` and `chroot`. Run by somebody else than root it is entered through a user namespace, in which
//! the service is root of its own and nobody outside: that it needs no user of its own is then shown by CI as root alone.

use std::path::Path;
use std::time::{Duration, Instant};

use testbed::{Service, Signal, SynapseVersion};

use crate::postgres_support::stage_with_password;
use crate::support::{HOOK_SECRET, Stage};

crate::on_one_version!(variables_alone_are_enough_in_a_root_that_nothing_can_be_written_to);

/// Nothing of it survives being spliced into a URL.
const PASSWORD: &str = "p@ss:w/o%72d?#& é";

/// The configuration of the stage without a secret and without a file, and the variables that hold them.
fn variables(stage: &Stage, place: &str) -> Vec<(String, String)> {
    let registration = format!("registration = \"{}\"\n", stage.slot.registration.display());
    let hook_secret = format!("hook_secret = \"{HOOK_SECRET}\"\n");
    let url = format!("url = \"{}\"\n[roster]", stage.database);
    let mut config = stage.config();
    for (from, to) in [
        (registration, String::new()),
        (hook_secret, String::new()),
        (url, format!("url = \"postgres://provisioner@{place}\"\n[roster]")),
    ] {
        assert!(config.contains(&from), "{from} is not in\n{config}");
        config = config.replace(&from, &to);
    }
    let port = stage.admin_listen.rsplit(':').next().unwrap();
    [
        ("_CONFIG_TOML", config),
        ("__APPSERVICE__REGISTRATION_TEXT", std::fs::read_to_string(&stage.slot.registration).unwrap()),
        ("__DATABASE__PASSWORD", PASSWORD.to_owned()),
        ("__ADMIN__HOOK_SECRET", HOOK_SECRET.to_owned()),
        // As the task definition has it: everywhere.
        ("__ADMIN__LISTEN", format!("0.0.0.0:{port}")),
    ]
    .map(|(name, value)| (format!("PHENOM_PROVISIONER{name}"), value))
    .into()
}

/// What `healthcheck` says in the same root, and its exit code.
async fn healthcheck(stage: &Stage) -> (Option<i32>, String) {
    let asked = Instant::now();
    let output = stage.service.run_cli(&["healthcheck"]).await.unwrap();
    // It promises three seconds; the machine may be busy.
    assert!(asked.elapsed() < Duration::from_secs(9), "{:?}", asked.elapsed());
    let said = output.stdout + output.stderr.as_str();
    assert_eq!(said.lines().count(), 1, "{said}");
    (output.status, said)
}

async fn variables_alone_are_enough_in_a_root_that_nothing_can_be_written_to(version: SynapseVersion) {
    let (mut stage, _postgres, place) = stage_with_password(version, PASSWORD).await;
    let binary = Path::new(env!("CARGO_BIN_EXE_phenom-provisioner"));
    let service = Service::install_image(binary, variables(&stage, &place), stage.admin_listen.clone()).unwrap();
    // The one before it leaves the door.
    stage.service = service;
    stage.service.keep_the_door(&stage.slot.listen()).unwrap();

    let (status, said) = healthcheck(&stage).await;
    assert!(status == Some(1) && said.contains("does not run here"), "{said}");

    // The main job: rows lead to joins, also later.
    stage.start_with_staff(1).await;
    let (status, said) = healthcheck(&stage).await;
    assert!(status == Some(0) && said.contains("alive: http://127.0.0.1:"), "{said}");
    let later = crate::support::subject();
    stage.hasura.add(&later, "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &later, "join", crate::support::SOON).await;
    stage.nothing_left().await;

    // Commands find their way by the same variables.
    let doctor = stage.service.run_cli(&["doctor", "--json"]).await.unwrap();
    let findings = doctor.json().unwrap();
    let of = |check: &str| {
        let findings = findings["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["check"] == check).cloned().unwrap()
    };
    for check in ["config", "registration", "secrets", "database", "roster"] {
        assert_eq!(of(check)["status"], "pass", "{findings:#}");
    }
    assert!(of("secrets")["text"].as_str().unwrap().contains("no secret is in a file"), "{findings:#}");
    let shown = doctor.stdout + doctor.stderr.as_str() + stage.service.log().as_str();
    assert!(!shown.contains(PASSWORD) && !shown.contains(HOOK_SECRET) && !shown.contains(&stage.slot.as_token));

    // Frozen: connections are still taken, by the kernel.
    stage.service.signal(Signal::SIGSTOP).unwrap();
    let (status, said) = healthcheck(&stage).await;
    assert!(status == Some(1) && said.contains("no answer"), "{said}");
    stage.service.signal(Signal::SIGCONT).unwrap();
    assert_eq!(healthcheck(&stage).await.0, Some(0));

    assert_eq!(stage.service.sigterm().await.unwrap().code(), Some(0));
    let (status, said) = healthcheck(&stage).await;
    assert!(status == Some(1) && said.contains("not alive"), "{said}");
}
