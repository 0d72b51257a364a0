//! Says in the log how far long steps are, once for each time it is seen that they are further. Decides nothing, and
//! nothing is decided on it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kube::ResourceExt as _;
use tracing::info;

use super::crd::{Run, WorkspaceStatus};
use super::observe::Steps;
use crate::ports::executor::{StepName, StepState};

/// What was said last of each step that runs: by uid of the Run, workspace and step.
#[derive(Debug, Default)]
pub struct ProgressLog {
    said: Mutex<BTreeMap<(String, String, &'static str), String>>,
}

impl ProgressLog {
    /// Takes in what was seen of a workspace's steps.
    pub fn see(&self, run: &Run, workspace: &WorkspaceStatus, steps: &Steps) {
        for (name, state) in [(StepName::Prepare, &steps.prepare), (StepName::Seed, &steps.seed)] {
            let key = (run.uid().unwrap_or_default(), workspace.name.clone(), name.as_str());
            let words = match state {
                Some(StepState::Running { progress, .. }) => progress.as_deref(),
                Some(StepState::NotStarted | StepState::Succeeded { .. } | StepState::Failed { .. }) | None => None,
            };
            if self.is_news(key, words) {
                let (namespace, run) = (run.namespace().unwrap_or_default(), run.name_any());
                let (ticket, progress) = (&workspace.ticket, words.unwrap_or_default());
                info!(
                    namespace,
                    run,
                    ticket,
                    step = name.as_str(),
                    progress,
                    "a long step goes on"
                );
            }
        }
    }

    fn is_news(&self, key: (String, String, &'static str), words: Option<&str>) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match words {
            None => {
                said.remove(&key);
                false
            }
            Some(words) => said.insert(key, words.to_owned()).as_deref() != Some(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_said_once_and_a_step_that_begins_anew_is_told_anew() {
        let log = ProgressLog::default();
        let key = |workspace: &str| ("u".to_owned(), workspace.to_owned(), "seed");
        assert!(log.is_news(key("w"), Some("1 of 9")));
        assert!(!log.is_news(key("w"), Some("1 of 9")));
        assert!(log.is_news(key("other"), Some("1 of 9")), "another workspace");
        assert!(log.is_news(key("w"), Some("5 of 9")));
        assert!(!log.is_news(key("w"), None), "it ended");
        assert!(log.is_news(key("w"), Some("5 of 9")), "it began anew");
    }
}
