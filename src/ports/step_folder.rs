//! The files by which a step's process and the executor know of each other: names in the folder of one execution.
//! Names only; who writes which is said beside each.

/// Written by the executor before anything else: the step's key.
pub const KEY: &str = "key.json";
/// Written by the executor: the plan.
pub const PLAN: &str = "plan.json";
/// Written by the executor right before it starts the step, for its user alone: what opens the repositories. The step
/// removes it before it does anything else; whoever finds it later removes it too.
pub const SECRETS: &str = "secrets.json";
/// Held locked by the supervisor as long as it lives.
pub const LOCK: &str = "lock";
/// Written by the supervisor: its process identity.
pub const PROCESS: &str = "process.json";
/// Written by the step: a few words about how far it is.
pub const PROGRESS: &str = "progress";
/// Written once, by rename: how the step ended.
pub const OUTCOME: &str = "outcome.json";
/// The step's standard output, bounded.
pub const STDOUT: &str = "stdout.log";
/// The step's standard error, bounded.
pub const STDERR: &str = "stderr.log";
/// Largest outcome or plan that is read back.
pub const OUTCOME_LIMIT: u64 = 4 * 1024 * 1024;
