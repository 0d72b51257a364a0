//! Parses arguments and hands over. May not decide anything.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    metawsm::command_line::Arguments::parse().run().unwrap_or_else(|error| {
        eprintln!("metawsm: {error:#}");
        ExitCode::FAILURE
    })
}
