//! The program's entrance: reads the arguments and calls what they name.

use std::process::ExitCode;

use clap::Parser;
use metawsm::steps::command::{StepArgs, SuperviseArgs, run_step, run_supervise};

/// metawsm for Kubernetes
#[derive(Parser)]
#[command(name = "metawsm")]
enum Arguments {
    /// Run one step of a run's work (called by the executor)
    #[command(hide = true)]
    Step(StepArgs),
    /// Stand over one step (called by the executor)
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

fn main() -> ExitCode {
    match Arguments::parse() {
        Arguments::Step(args) => run_step(&args),
        Arguments::Supervise(args) => run_supervise(&args),
    }
}
