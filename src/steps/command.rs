//! `metawsm step` and `metawsm supervise` on the command line. Both are called by the executor, not by people.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::execute::{StepFiles, execute};
use super::supervise;
use crate::adapters::processes;
use crate::adapters::system_clock::SystemClock;
use crate::ports::executor::StepName;

/// Arguments of `metawsm step`.
#[derive(Args, Debug)]
pub struct StepArgs {
    /// Which step: prepare, seed, inspect or cleanup
    #[arg(value_parser = step_name)]
    step: StepName,
    /// The plan, as JSON
    #[arg(long)]
    plan: PathBuf,
    /// Where the outcome is written, as JSON
    #[arg(long)]
    outcome: PathBuf,
    /// What opens the repositories, as JSON; removed as soon as it is read
    #[arg(long)]
    secrets: Option<PathBuf>,
    /// Where a few words about how far it is are written
    #[arg(long)]
    progress: Option<PathBuf>,
}

/// Arguments of `metawsm supervise`.
#[derive(Args, Debug)]
pub struct SuperviseArgs {
    /// The folder of the step's execution
    #[arg(long)]
    dir: PathBuf,
}

fn step_name(word: &str) -> Result<StepName, String> {
    let step = serde_json::from_value(serde_json::Value::from(word));
    step.map_err(|_| format!("no step is called \"{word}\""))
}

/// Runs one step: 0 succeeded, 1 failed (the outcome says why), 2 there is no outcome.
pub fn run_step(args: &StepArgs) -> ExitCode {
    if let Err(error) = processes::die_with_supervisor() {
        eprintln!("failed to begin the step: {error}");
        return ExitCode::from(2);
    }
    let files = StepFiles {
        plan: &args.plan,
        outcome: &args.outcome,
        secrets: args.secrets.as_deref(),
        progress: args.progress.as_deref(),
    };
    match execute(args.step, &files, &SystemClock) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failed to write the outcome: {error}");
            ExitCode::from(2)
        }
    }
}

/// Stands over one step; the outcome is in its folder.
pub fn run_supervise(args: &SuperviseArgs) -> ExitCode {
    match supervise::supervise(&args.dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to supervise {}: {error}", args.dir.display());
            ExitCode::from(2)
        }
    }
}
