//! Runs one step from its plan file to its outcome file. Whatever happens, there is one outcome, written as a whole.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::context::{StepContext, boundary};
use crate::adapters::nofollow::Folder;
use crate::ports::clock::Clock;
use crate::ports::executor::{StepEnd, StepError, StepName};
use crate::ports::secrets::StepSecrets;

/// Where a step reads and writes.
pub struct StepFiles<'a> {
    pub plan: &'a Path,
    /// Its folder is also the place for temporary files.
    pub outcome: &'a Path,
    /// Read and removed before anything else; one that is not there holds nothing.
    pub secrets: Option<&'a Path>,
    pub progress: Option<&'a Path>,
}

/// Runs the step and writes its outcome; whether it succeeded.
///
/// # Errors
/// Only where the outcome itself cannot be written.
pub fn execute(step: StepName, files: &StepFiles<'_>, clock: &dyn Clock) -> std::io::Result<bool> {
    let folder = match files.outcome.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::path::absolute(parent)?,
        _ => std::env::current_dir()?,
    };
    let scratch = folder.join(format!("scratch-{}", std::process::id()));
    let taken = files.secrets.map_or(Ok(StepSecrets::default()), take_secrets);
    let context = StepContext::new(scratch.clone(), clock.now(), files.progress.map(Path::to_owned));
    let done = taken.and_then(|secrets| dispatch(step, files.plan, &mut context.with_secrets(secrets)));
    let end = match done {
        Ok(outcome) => StepEnd::Succeeded(outcome),
        Err(error) => StepEnd::Failed(error),
    };
    let _ = std::fs::remove_dir_all(&scratch);
    boundary("step.before_outcome");
    write_end(&folder, files.outcome, &end)?;
    Ok(matches!(end, StepEnd::Succeeded(_)))
}

/// Reads the secrets and removes their file; where there is none, there are none.
fn take_secrets(path: &Path) -> Result<StepSecrets, StepError> {
    let read = std::fs::read(path);
    match std::fs::remove_file(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(StepSecrets::default()),
        other => other.map_err(StepError::io("remove the step's secrets"))?,
    }
    let text = read.map_err(StepError::io("read the step's secrets"))?;
    // The parser's own words could quote what it read.
    serde_json::from_slice(&text).map_err(|_| StepError::passing("StepIoFailed", "the step's secrets cannot be read"))
}

fn dispatch(step: StepName, plan: &Path, context: &mut StepContext) -> Result<Value, StepError> {
    std::fs::create_dir_all(context.scratch()).map_err(StepError::io("make the step's scratch folder"))?;
    let text = std::fs::read(plan).map_err(StepError::io(format!("read the plan {}", plan.display())))?;
    match step {
        StepName::Prepare => with_plan(&text, context, super::prepare::prepare),
        StepName::Seed => with_plan(&text, context, super::seed::seed),
        StepName::Inspect => with_plan(&text, context, super::inspect::inspect),
        StepName::Cleanup => with_plan(&text, context, super::cleanup::cleanup),
    }
}

fn with_plan<P: DeserializeOwned, O: Serialize>(
    text: &[u8],
    context: &mut StepContext,
    step: impl FnOnce(&P, &mut StepContext) -> Result<O, StepError>,
) -> Result<Value, StepError> {
    let plan = serde_json::from_slice(text).map_err(|e| StepError::lasting("PlanUnreadable", e.to_string()))?;
    let outcome = step(&plan, context)?;
    serde_json::to_value(outcome).map_err(|e| StepError::passing("OutcomeUnwritable", e.to_string()))
}

/// Writes an outcome file as a whole: temporary, flushed, renamed.
fn write_end(folder: &Path, outcome: &Path, end: &StepEnd) -> std::io::Result<()> {
    let name = outcome.file_name().and_then(|n| n.to_str());
    let name = name.ok_or_else(|| std::io::Error::other("the outcome file has no name"))?;
    Folder::open_trusted(folder)?.write_whole(name, &serde_json::to_vec(end)?)
}
