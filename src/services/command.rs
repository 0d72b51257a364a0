//! `metawsm supervise-docs` and `metawsm serve-docs` on the command line. Both are called by the controller, not by people.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{server, stand};

/// Arguments of both.
#[derive(Args, Debug)]
pub struct ServiceArgs {
    /// The folder of the service
    #[arg(long)]
    dir: PathBuf,
}

/// Arguments of the server itself.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// The folder of the service
    #[arg(long)]
    dir: PathBuf,
    /// The port, where the program cannot choose one by itself
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Keeps one server running until it is asked to end.
pub fn run_supervisor(args: &ServiceArgs) -> ExitCode {
    match stand::stand_over(&args.dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to stand over {}: {error}", args.dir.display());
            ExitCode::from(2)
        }
    }
}

/// Becomes the server.
///
/// # Errors
/// Why it could not.
pub fn run_server(args: &ServerArgs) -> anyhow::Result<ExitCode> {
    server::become_server(&args.dir, args.port)
}
