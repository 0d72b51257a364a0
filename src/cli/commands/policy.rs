//! `metawsm policy`: looks at a policy file before a controller does.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::kernel::ladder::Ladder;
use crate::kernel::length::written;
use crate::policy::file::read;
use crate::policy::live::contents;
use crate::policy::{ByPriority, Policy};

/// Look at a policy file
#[derive(Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Say whether a policy file is right, and what it means; ends with 1 where it is wrong
    Check {
        /// The file, as it would be given to --policy
        file: PathBuf,
    },
}

impl PolicyArgs {
    /// Does what was asked for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Verb::Check { file } = self.verb;
        let text = contents(&file).with_context(|| format!("failed to read '{}'", file.display()))?;
        match read(&text) {
            Ok(policy) => {
                print!("{}", meaning(&policy));
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// What a policy means, a line for each state and priority.
fn meaning(policy: &Policy) -> String {
    let mut lines = Vec::new();
    for (state, by) in [("New", &policy.sla.new), ("WaitingHuman", &policy.sla.waiting_human)] {
        let ByPriority {
            low,
            normal,
            high,
            urgent,
        } = by;
        for (priority, ladder) in [("Low", low), ("Normal", normal), ("High", high), ("Urgent", urgent)] {
            lines.push(format!("{state:<12}  {priority:<6}  {}", steps(ladder)));
        }
    }
    let kept = |length: Option<_>| length.map_or_else(|| "for ever".to_owned(), written);
    lines.push(format!(
        "closed threads are kept {}",
        kept(policy.retention.closed_threads)
    ));
    lines.push(format!("events are kept {}", kept(policy.retention.events)));
    let idle = policy.without_effect();
    if !idle.is_empty() {
        lines.push(format!("without effect in this version: {}", idle.join(", ")));
    }
    lines.join("\n") + "\n"
}

fn steps(ladder: &Ladder) -> String {
    if ladder.rungs().is_empty() {
        return "never escalates".to_owned();
    }
    let rungs: Vec<_> = ladder.rungs().iter().copied().map(written).collect();
    let again = ladder.repeat().map(|every| format!(", then every {}", written(every)));
    format!("escalates after {}{}", rungs.join(", "), again.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_told_in_words() {
        let policy =
            read("sla: {levels: [5m, 1h30m], repeatEvery: 1h, states: {New: {levels: []}}}\nautoTriage: true\n");
        let told = meaning(&policy.unwrap());
        assert!(told.contains("New           Low     never escalates\n"), "{told}");
        assert!(
            told.contains("WaitingHuman  Urgent  escalates after 5m, 1h30m, then every 1h\n"),
            "{told}"
        );
        assert!(
            told.ends_with("events are kept for ever\nwithout effect in this version: autoTriage\n"),
            "{told}"
        );
    }
}
