//! stub
pub mod command {
    use std::process::ExitCode;
    #[derive(clap::Args, Debug)]
    pub struct StepArgs {}
    #[derive(clap::Args, Debug)]
    pub struct SuperviseArgs {}
    pub fn run_step(_: &StepArgs) -> ExitCode {
        ExitCode::FAILURE
    }
    pub fn run_supervise(_: &SuperviseArgs) -> ExitCode {
        ExitCode::FAILURE
    }
}
