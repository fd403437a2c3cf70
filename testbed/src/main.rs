//! The testbed's command line: one file a command.

mod binary;
mod commands;
mod demo;
mod pictures;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::Arguments::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}
