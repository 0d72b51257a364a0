//! Looks at the clones of a workspace: where HEAD stands, whether anything is unsaved, and what room it takes. Runs nothing that an agent
//! could have configured and changes nothing.

use std::path::Path;

use super::clones::CloneOnDisk;
use super::context::StepContext;
use super::place::open_to_look;
use crate::adapters::disk;
use crate::adapters::git::isolated::Isolated;
use crate::adapters::nofollow::Folder;
use crate::ports::executor::StepError;
use crate::ports::workspaces::{GitRules, InspectOutcome, InspectPlan, InspectedRepo};

/// Looks at every clone; what is wrong with one is its `problem` and does not hide the others.
pub fn inspect(plan: &InspectPlan, context: &mut StepContext) -> Result<InspectOutcome, StepError> {
    let workspace = open_to_look(&plan.folder)?.ok_or_else(|| {
        let why = format!("the workspace {} is not there", plan.folder.display());
        StepError::passing("WorkspaceNotReady", why)
    })?;
    let mut repos = Vec::with_capacity(plan.repos.len());
    for name in &plan.repos {
        context.tell(|| format!("looking at {name}"));
        repos.push(inspect_clone(plan, &workspace, name, context));
    }
    context.tell(|| "measuring".to_owned());
    let bytes = disk::used_by(&workspace).ok().map(|usage| usage.bytes);
    Ok(InspectOutcome { repos, bytes })
}

fn inspect_clone(plan: &InspectPlan, workspace: &Folder, name: &str, context: &StepContext) -> InspectedRepo {
    let failed = |problem: String| InspectedRepo {
        name: name.to_owned(),
        head_commit: None,
        dirty: false,
        problem: Some(problem),
    };
    let clone = match CloneOnDisk::open(workspace, name) {
        Ok(clone) => clone,
        Err(problem) => return failed(problem),
    };
    let Some(head) = clone.head.commit.clone() else {
        return failed("its branch has no commit".to_owned());
    };
    match is_dirty(&plan.folder.join(name), &head, &plan.rules, context) {
        Ok(dirty) => {
            let problem = clone.problem_on(&plan.branch);
            InspectedRepo {
                name: name.to_owned(),
                head_commit: Some(head),
                dirty,
                problem,
            }
        }
        Err(error) => failed(error.message),
    }
}

fn is_dirty(clone: &Path, head: &str, rules: &GitRules, context: &StepContext) -> Result<bool, StepError> {
    Isolated::over(context.scratch(), clone, head, rules)?.is_dirty()
}
