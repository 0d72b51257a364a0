//! Copies a ticket's documents from the doc home into the workspace's clone of it and commits them there; for a
//! bootstrap run it makes the first ones from the brief. Documents that somebody changed are never overwritten.

mod bootstrap;
mod destination;
mod find;
mod frontmatter;
mod links;
mod recovery;
mod revision;
mod source;
mod stage;
mod verdict;
mod walk;

use std::path::{Component, Path, PathBuf};

use self::destination::Destination;
use self::revision::Contents;
use self::source::Source;
use self::stage::{Stage, Staged};
use self::verdict::{Facts, Verdict, judge};
use super::context::{StepContext, boundary};
use crate::adapters::git::still::is_git;
use crate::ports::executor::StepError;
use crate::ports::workspaces::{BriefPlan, SeedOutcome, SeedPlan};

/// Seeds the workspace with the ticket's documents.
pub fn seed(plan: &SeedPlan, context: &mut StepContext) -> Result<SeedOutcome, StepError> {
    let docs = docs_folder(&plan.docs_path)?;
    let destination = Destination::open(plan, context)?;
    destination.finish_exchange()?;
    let source = Source::open(plan, &docs, context.secrets())?;
    boundary("step.seed.after_fetch");
    let pages = source.front_pages(&docs)?;
    let directory = find::directory_of(&plan.ticket, &pages, &source.place())?;
    let seeded = match (directory, &plan.brief) {
        (Some(directory), _) => copy(plan, &docs, &source, &directory, &destination, context),
        (None, Some(brief)) => make(plan, &docs, brief, &source, &destination, context),
        (None, None) => Err(find::not_found(&plan.ticket, &plan.docs_path, &source.place(), &pages)),
    };
    if seeded.is_err() {
        destination.discard_stage();
    }
    seeded
}

fn copy(
    plan: &SeedPlan,
    docs: &Path,
    source: &Source<'_>,
    from: &Path,
    destination: &Destination<'_>,
    context: &mut StepContext,
) -> Result<SeedOutcome, StepError> {
    let own_pages = destination.front_pages(docs)?;
    let own = find::directory_of(&plan.ticket, &own_pages, &destination.place())?;
    let directory = own.unwrap_or_else(|| from.to_owned());
    destination.refuse_ignored(&directory)?;
    let mut stage = Stage::new(destination.empty_stage()?, plan.limits, source.count(from), context);
    source.copy(from, &mut stage)?;
    let staged = stage.finish();
    boundary("step.seed.after_copy");
    let revision = staged.contents.revision();
    let contents = destination.contents(&directory)?;
    let there = contents.as_ref().map(Contents::revision);
    let in_place = match compare(plan, destination, &directory, contents.as_ref(), &revision)? {
        Verdict::Same => true,
        Verdict::Replace => destination.exchange(&directory, &revision, there.as_deref())?,
        Verdict::NothingNew => {
            destination.discard_stage();
            let kept = outcome(staged, &directory, None, source.commit(), false)?;
            return Ok(SeedOutcome { kept: true, ..kept });
        }
        Verdict::Diverged => false,
    };
    if !in_place {
        return Err(diverged(plan, destination, &directory));
    }
    let commit = destination.settle(&directory, &revision, &message(plan, &revision, source))?;
    outcome(staged, &directory, commit, source.commit(), false)
}

/// Makes the first documents, unless an earlier attempt or an agent did.
fn make(
    plan: &SeedPlan,
    docs: &Path,
    brief: &BriefPlan,
    source: &Source<'_>,
    destination: &Destination<'_>,
    context: &mut StepContext,
) -> Result<SeedOutcome, StepError> {
    let own_pages = destination.front_pages(docs)?;
    let staged_of = |contents: Contents| Staged {
        contents,
        skipped: Vec::new(),
    };
    if let Some(directory) = find::directory_of(&plan.ticket, &own_pages, &destination.place())? {
        let contents = destination.contents(&directory)?.unwrap_or_default();
        let revision = contents.revision();
        let interrupted = destination
            .record()?
            .is_some_and(|r| !r.settled && r.revision == revision);
        let commit = match interrupted {
            true => destination.settle(&directory, &revision, &message(plan, &revision, source))?,
            false => None,
        };
        return outcome(staged_of(contents), &directory, commit, None, true);
    }
    let directory = docs.join(bootstrap::directory(&plan.ticket, brief, context.now));
    destination.refuse_ignored(&directory)?;
    let mut stage = Stage::new(destination.empty_stage()?, plan.limits, None, context);
    let now = stage.now();
    for (name, text) in bootstrap::documents(&plan.ticket, brief, now) {
        stage.file(Path::new(name), false, text.len() as u64, &mut text.as_bytes())?;
    }
    let staged = stage.finish();
    let revision = staged.contents.revision();
    if destination.contents(&directory)?.is_some() {
        return Err(diverged(plan, destination, &directory));
    }
    destination.exchange(&directory, &revision, None)?;
    let commit = destination.settle(&directory, &revision, &message(plan, &revision, source))?;
    outcome(staged, &directory, commit, None, true)
}

fn compare(
    plan: &SeedPlan,
    destination: &Destination<'_>,
    directory: &Path,
    contents: Option<&Contents>,
    source: &str,
) -> Result<Verdict, StepError> {
    let there = contents.map(Contents::revision);
    let there = there.as_deref();
    let record = destination.record()?.unwrap_or_default();
    let last = there != Some(source) && record.settled && record.revision == source;
    let last = last && destination.is_in_history(record.head.as_deref())?;
    let ours: Vec<&str> = plan
        .last_revision
        .as_deref()
        .into_iter()
        .chain([record.revision.as_str()])
        .collect();
    // Git would read all of it, and its answer is not asked for.
    let is_known = there.is_some_and(|there| there == source || ours.contains(&there));
    Ok(judge(&Facts {
        source,
        destination: there,
        equals_base: !is_known && destination.equals_base(directory, contents)?,
        ours: &ours,
        last: last.then_some(source),
    }))
}

fn outcome(
    staged: Staged,
    directory: &Path,
    commit: Option<String>,
    source_commit: Option<&str>,
    bootstrapped: bool,
) -> Result<SeedOutcome, StepError> {
    let directory = directory.to_str().ok_or_else(|| {
        StepError::lasting(
            "DocsPathUnusable",
            format!("the name of \"{}\" is not valid text", directory.display()),
        )
    })?;
    Ok(SeedOutcome {
        revision: staged.contents.revision(),
        source_commit: source_commit.map(str::to_owned),
        files: i64::try_from(staged.contents.files()).unwrap_or(i64::MAX),
        bytes: i64::try_from(staged.contents.bytes).unwrap_or(i64::MAX),
        commit,
        directory: directory.to_owned(),
        skipped: staged.skipped,
        bootstrapped,
        kept: false,
    })
}

fn diverged(plan: &SeedPlan, destination: &Destination<'_>, directory: &Path) -> StepError {
    let why = format!(
        "the documents of {} in \"{}\" were changed in the workspace, so they are not overwritten; keep them as they are \
         (nothing else is needed), or undo the changes with \"git checkout {:.12} -- '{}'\" and request the seed again",
        plan.ticket,
        destination.shown(directory).display(),
        plan.base_commit,
        directory.display()
    );
    StepError::lasting("WorkspaceDiverged", why)
}

fn message(plan: &SeedPlan, revision: &str, source: &Source<'_>) -> String {
    let from = match (&plan.source, source.commit()) {
        (_, None) => "working tree".to_owned(),
        (crate::ports::workspaces::SeedSource::Commit { .. }, Some(commit)) => commit.to_owned(),
        (crate::ports::workspaces::SeedSource::WorkingTree, Some(commit)) => format!("working tree on {commit}"),
    };
    format!(
        "Seed the documents of {}\n\nTicket: {}\nRevision: {revision}\nSource: {from}\n",
        plan.ticket, plan.ticket
    )
}

/// The docs folder as a clean relative path; empty for the whole repository.
fn docs_folder(path: &str) -> Result<PathBuf, StepError> {
    let mut clean = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) if !is_git(name) => clean.push(name),
            Component::CurDir => {}
            Component::Normal(_) | Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                let why = format!("docsPath \"{path}\" is no relative path inside the repository");
                return Err(StepError::lasting("DocsPathUnusable", why));
            }
        }
    }
    Ok(clean)
}
