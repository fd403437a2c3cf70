//! Answers of the command line fit a terminal of 80 columns, whatever there is to say; in a pipe each entry is one line.

use testbed::{SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(no_line_is_wider_than_a_terminal_of_80_columns);

async fn no_line_is_wider_than_a_terminal_of_80_columns(version: SynapseVersion) {
    let guard = "free_removals = 0\nmax_removals = 0\nmax_fraction = 0.0".to_owned();
    let mut stage = Stage::set(version, Settings { guard, ..Settings::default() }).await;
    let people = subjects(25);
    stage.hasura.add_many(&people, "analysts").await.unwrap();
    stage.start().await;
    for sub in &people {
        stage.until(&stage.analysts, sub, "join", SOON).await;
    }
    let stranger = subject();
    stage.member(&stage.staff, &stranger).await;
    stage.until(&stage.staff, &stranger, "leave", SOON).await;
    for sub in &people[..23] {
        stage.hasura.remove(sub, "analysts").await.unwrap();
    }
    stage.hook().await;
    wait_until("it is held", SOON, async || stage.plan().await.1["held_id"].is_string()).await.unwrap();
    stage.service.set_env("COLUMNS", "80");
    let gone = people[0].clone();
    let commands: [&[&str]; 10] = [
        &["plan"],
        &["plan", "--all"],
        &["apply"],
        &["status"],
        &["explain", &gone],
        &["history"],
        &["history", &stranger],
        &["doctor"],
        &["--help"],
        &["rejoin", &gone, "staff"],
    ];
    for command in commands {
        let output = stage.service.run_cli(command).await.unwrap();
        let printed = format!("{}{}", output.stdout, output.stderr);
        assert!(!printed.contains('\u{1b}'), "there is no terminal: {printed:?}");
        let wide: Vec<&str> = printed.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty() && !printed.trim().is_empty(), "{command:?}: {wide:#?}");
    }
    let cut = stage.service.run_cli(&["plan"]).await.unwrap().stdout;
    assert!(cut.contains("3 more: phenom-provisioner plan --all"), "{cut}");
    stage.service.set_env("COLUMNS", "");
    let piped = stage.service.run_cli(&["plan"]).await.unwrap().stdout;
    assert_eq!(piped.matches("  remove  @").count(), 23, "{piped}");
    let of_gone = piped.lines().find(|line| line.contains(&gone)).unwrap();
    assert!(of_gone.contains("was member of analysts until"), "an entry is one line: {of_gone}");
    // As on a terminal, and as somebody wants it there who wants none.
    stage.service.set_env("CLICOLOR_FORCE", "1");
    assert!(stage.service.run_cli(&["plan"]).await.unwrap().stdout.contains("\u{1b}["));
    stage.service.set_env("NO_COLOR", "1");
    assert_eq!(stage.service.run_cli(&["plan"]).await.unwrap().stdout, piped);
}
