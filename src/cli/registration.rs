//! `registration`: a registration.yaml for this configuration, with fresh tokens.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use rand::Rng;

use super::print;
use crate::config::{self, Config, ConfigErrors, ConfigLocation, Registration, RoomIds, Secret};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Write it into this file, for its owner alone; refused where the file is there already
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What may be chosen of a registration.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// Where Synapse reaches this service; derived from appservice.listen when left out
    #[arg(long)]
    pub url: Option<String>,
    /// The bot's name
    #[arg(long)]
    pub sender_localpart: Option<String>,
}

/// Prints a registration for the configuration, or writes it into a file.
pub(super) fn run(location: &ConfigLocation, Arguments { options, output }: Arguments) -> Result<ExitCode> {
    let registration = make(location, &options)?;
    match output {
        Some(file) => {
            write(&file, &registration)?;
            print::line(format_args!("{} holds two secrets, and is for its owner alone", file.display()));
            print::line("next: give it to Synapse (app_service_config_files), and restart Synapse");
            print::line(
                "then: let appservice.registration name it here, or PHENOM_PROVISIONER__APPSERVICE__REGISTRATION_TEXT hold its \
                 text; `phenom-provisioner config check` says whether it is right",
            );
        }
        None => print::text(&registration),
    }
    Ok(ExitCode::SUCCESS)
}

/// A file that is there already may be the one that Synapse has: its tokens are not to be lost.
fn write(file: &Path, registration: &str) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let file = file.display();
    if made.as_ref().is_err_and(|error| error.kind() == ErrorKind::AlreadyExists) {
        bail!("{file} is there already and is not replaced; move it away, or name another file");
    }
    let written = made.and_then(|mut made| made.write_all(registration.as_bytes()));
    written.with_context(|| format!("{file} cannot be written; name a file in a folder that is there"))
}

/// Options of the command line are checked by the same rules as a file.
fn make(location: &ConfigLocation, options: &Options) -> Result<String, ConfigErrors> {
    let config = Config::load(location, config::variables(), RoomIds::Optional)?;
    let registration = render(&config, options, &fresh_token(), &fresh_token());
    Registration::parse(&registration, Path::new("the new registration"), &config.homeserver.server_name)?;
    Ok(registration)
}

/// The registration as YAML. The users namespace is exactly the bot: anything wider would push private messages here.
pub fn render(config: &Config, options: &Options, as_token: &Secret, hs_token: &Secret) -> String {
    let sender = options.sender_localpart.as_deref().unwrap_or("phenom-provisioner-bot");
    let url = options.url.clone().unwrap_or_else(|| derived_url(config));
    let server_name = config.homeserver.server_name.as_str();
    let regex = format!("@{}:{}$", escaped(sender), escaped(server_name));
    let (as_token, hs_token) = (as_token.expose(), hs_token.expose());
    format!(
        "# Give this same file to Synapse (app_service_config_files) and to phenom-provisioner (appservice.registration).\n\
         # It holds two secrets.\n\
         id: phenom-provisioner\n\
         # Where Synapse reaches appservice.listen.\n\
         url: {url}\n\
         as_token: {as_token}\n\
         hs_token: {hs_token}\n\
         sender_localpart: {sender}\n\
         rate_limited: false\n\
         namespaces:\n  \
           # Only the bot. Anything wider pushes private messages to this service.\n  \
           users:\n    \
             - exclusive: true\n      \
               regex: '{regex}'\n  \
           rooms: []\n  \
           aliases: []\n"
    )
}

/// Where the service listens on every address, this machine is assumed.
fn derived_url(config: &Config) -> String {
    format!("http://{}", config::reachable(config.appservice.listen))
}

/// The text as a regular expression that matches just it, for Python as well as Rust.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| ".+*?()|[]{}^$\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

/// 256 random bits.
fn fresh_token() -> Secret {
    let mut bytes = [0_u8; 32];
    rand::rng().fill(&mut bytes);
    Secret::new(hex::encode(bytes))
}
