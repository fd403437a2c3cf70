//! Who reads no further than they want (`… | head`) changes neither what a command does nor its exit code.

use std::process::{Command, Stdio};

use phenom_provisioner::config::CONFIG_TEXT;

use crate::support::MINIMAL;

/// The exit code and what stands on standard error, with nobody at the other end of standard output.
fn unread(arguments: &[&str], text: &str) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_phenom-provisioner"));
    command.args(arguments).env_clear().env(CONFIG_TEXT, text).stdout(writer).stderr(Stdio::piped());
    let output = command.output().expect("the program can be started");
    (output.status.code(), String::from_utf8(output.stderr).expect("it prints UTF-8"))
}

#[test]
fn exit_codes_are_those_of_the_command_though_nobody_reads() {
    assert_eq!(unread(&["config", "schema"], ""), (Some(0), String::new()));
    let registration = "appservice = { registration = \"/nowhere\", registration_text = \"x\" }";
    let (code, said) = unread(&["config", "check"], &format!("{registration}\n{MINIMAL}"));
    assert!(code == Some(1) && !said.contains("panicked"), "{code:?} {said}");
}
