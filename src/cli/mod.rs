//! The command line: the table of commands, and what they share. One file a command.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod apply;
mod backfill;
mod bootstrap;
mod caller;
pub mod config;
mod doctor;
mod explain;
mod follow;
mod healthcheck;
mod history;
mod logs;
mod page;
mod pause;
mod people;
mod plan;
mod print;
pub mod registration;
mod rejoin;
mod run;
mod show;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory, Parser, Subcommand};
use provisioner_policy::{Policy, RoomPolicy, mxid_of_subject};
use tokio_util::sync::CancellationToken;

use self::caller::caller;
use crate::app::Context;
use crate::causes::told;
use crate::config::{CONFIG_TEXT, ConfigErrors, ConfigLocation};
use crate::reconcile::{Reconciler, plan_once};
use crate::store::{SchemaNeed, Store};

/// Keeps accounts, rooms and power on Synapse as your sources say: an application service
#[derive(Debug, Parser)]
#[command(name = "phenom-provisioner", version = crate::version::BOTH.as_str(), max_term_width = 80)]
struct Arguments {
    /// The configuration file; provisioner.toml when left out, unless PHENOM_PROVISIONER_CONFIG_TOML holds its whole text
    #[arg(long, global = true, value_name = "FILE", env = "PHENOM_PROVISIONER_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Run the service
    Run,
    /// Say what is wrong, what is held, and how each room stands
    Status(status::Arguments),
    /// Print what would be done, and why; change nothing. Exits 0 with nothing to do, 2 with changes, 1 on errors
    Plan(plan::Arguments),
    /// Do what is due now, or approve what the guard holds. Exits 0 when done, 3 when the guard holds a part, 1 on failures
    Apply(apply::Arguments),
    /// Say why somebody is, or is not, in each room. Exits 1 when nobody knows them
    Explain(explain::Arguments),
    /// Show what was done and why, newest first
    History(history::Arguments),
    /// Join somebody again who left a room by choice
    Rejoin(rejoin::Arguments),
    /// Move a room's policy to the room that replaced it
    Follow(follow::Arguments),
    /// Stop every write to Synapse at once, across restarts
    Pause,
    /// Go on after `pause`
    Resume,
    /// List the whole user pool once, with progress
    Backfill,
    /// Check everything the service needs, and say how to mend what is wrong. Exits 1 when something fails
    Doctor(doctor::Arguments),
    /// Register the bot, make it server admin and let it into the rooms; safe to repeat
    Bootstrap(bootstrap::Arguments),
    /// Say whether the service beside this process is alive, and could open its database. Exits 1 when not
    Healthcheck,
    /// Print a registration.yaml with fresh random tokens, or write it into a file
    Registration(registration::Arguments),
    /// Check the configuration, or print its JSON schema
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and the registration; needs no network
    Check,
    /// Print the JSON schema of the configuration
    Schema(SchemaArguments),
}

#[derive(Debug, Args)]
struct SchemaArguments {
    /// Print the reference of every key instead, as docs/configuration.md has it
    #[arg(long)]
    markdown: bool,
}

/// The command line as it is parsed: for tests of documents that show commands.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command line and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Clap's own code for wrong usage is 2, which `plan` gives for changes.
            let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    let is_service = matches!(arguments.command, CliCommand::Run);
    if is_service {
        // Before anything can fail: what ends the service is looked for in its log.
        logs::for_service();
    }
    run_command(arguments).unwrap_or_else(|error| {
        tell(&error, is_service);
        ExitCode::FAILURE
    })
}

/// Says what ended a command: of the service in its log, unless somebody reads along on a terminal.
fn tell(error: &anyhow::Error, of_service: bool) {
    let in_log = of_service && logs::are_lines();
    match error.downcast_ref::<ConfigErrors>() {
        Some(errors) if in_log => logs::ended_by(errors),
        Some(errors) => print::config_errors(errors),
        None if in_log => logs::ended_by(told(error.as_ref())),
        None => print::error(told(error.as_ref())),
    }
}

fn run_command(Arguments { config: file, command }: Arguments) -> Result<ExitCode> {
    if let CliCommand::Config(ConfigCommand::Schema(SchemaArguments { markdown })) = command {
        // It is the same whatever the configuration is.
        return Ok(config::schema(markdown));
    }
    let location = ConfigLocation::choose(file, std::env::var_os(CONFIG_TEXT).is_some())?;
    match command {
        CliCommand::Run => start(run::run(&location)),
        CliCommand::Status(arguments) => start(status::run(&location, arguments)),
        CliCommand::Plan(arguments) => start(plan::run(&location, arguments)),
        CliCommand::Apply(arguments) => start(apply::run(&location, arguments)),
        CliCommand::Explain(arguments) => start(explain::run(&location, arguments)),
        CliCommand::History(arguments) => start(history::run(&location, arguments)),
        CliCommand::Rejoin(arguments) => start(rejoin::run(&location, arguments)),
        CliCommand::Follow(arguments) => start(follow::run(&location, arguments)),
        CliCommand::Pause => start(pause::pause(&location)),
        CliCommand::Resume => start(pause::resume(&location)),
        CliCommand::Backfill => start(backfill::run(&location)),
        CliCommand::Doctor(arguments) => start(doctor::run(&location, arguments)),
        CliCommand::Bootstrap(arguments) => start(bootstrap::run(&location, arguments)),
        CliCommand::Healthcheck => start(healthcheck::run(&location)),
        CliCommand::Registration(arguments) => registration::run(&location, arguments),
        CliCommand::Config(ConfigCommand::Check) => Ok(config::check(&location)),
        CliCommand::Config(ConfigCommand::Schema(SchemaArguments { markdown })) => Ok(config::schema(markdown)),
    }
}

fn start(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let ended = runtime.block_on(command);
    // A name that is being looked up would be waited for, however long its servers are silent.
    runtime.shutdown_background();
    ended
}

/// Starts a command that ends by itself: its logs, the configuration, and our database.
async fn open(location: &ConfigLocation) -> Result<(Context, Store)> {
    open_with(location, SchemaNeed::Newest).await
}

/// The same for a command that only reads: a schema of another version is left as it is.
async fn open_to_read(location: &ConfigLocation) -> Result<(Context, Store)> {
    open_with(location, SchemaNeed::AsItIs).await
}

async fn open_with(location: &ConfigLocation, schema: SchemaNeed) -> Result<(Context, Store)> {
    logs::for_command();
    let context = Context::load(location)?;
    let store = context.open_store_with(schema).await?;
    Ok((context, store))
}

/// The MXID of a user named by MXID, subject or e-mail address.
async fn mxid(user: &str, context: &Context, store: &Store) -> Result<String> {
    let server_name = &context.policy.server_name;
    match user.strip_prefix('@') {
        // Nearly an MXID: of our own server, where none is named.
        Some(localpart) if !localpart.contains(':') => Ok(format!("{user}:{server_name}")),
        Some(_) => Ok(user.to_owned()),
        None if user.contains('@') => {
            let named = context.accounts(store).await.named_by_email(user).await?;
            named.warning().into_iter().for_each(print::note);
            Ok(named.mxid)
        }
        None => mxid_of_subject(user, server_name, "")
            .with_context(|| format!("{user:?} is no user; give a Matrix id, a subject or an e-mail address")),
    }
}

/// A reconciler that has read everything, and whether it has: what could not be read is printed.
async fn read_all(context: &Context, store: &Store) -> Result<(Reconciler, bool)> {
    let mut reconciler = context.reconciler(store).await?;
    let (_, errors) = plan_once(&mut reconciler).await?;
    errors.iter().for_each(print::error);
    Ok((reconciler, errors.is_empty()))
}

/// Stops a command that works in steps, on Ctrl-C.
async fn stop_at_ctrl_c(stop: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.cancel();
    }
}

/// The configured room with this key.
fn room<'a>(policy: &'a Policy, key: &str) -> Result<&'a RoomPolicy> {
    policy.rooms.iter().find(|room| room.key == key).with_context(|| {
        let keys: Vec<&str> = policy.rooms.iter().map(|room| room.key.as_str()).collect();
        format!("there is no room {key:?} in the configuration; it has {}", keys.join(", "))
    })
}
