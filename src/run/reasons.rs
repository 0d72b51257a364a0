//! The words by which a step's failure is known in conditions. Pure vocabulary.

/// The reasons that steps give, as the words of conditions; what is not among them gets the general word, and its
/// message says the rest.
const STEP_REASONS: [&str; 41] = [
    "BaseBranchNotFound",
    "CredentialsRefused",
    "CredentialsRequired",
    "DiskFull",
    "DocsIgnoredByGit",
    "DocsPathUnusable",
    "FetchFailed",
    "GitFailed",
    "GitOutputTooLarge",
    "GitTimedOut",
    "Killed",
    "LocalRepoNotAllowed",
    "OrphansFull",
    "OutcomeUnreadable",
    "OutcomeUnwritable",
    "PlanUnreadable",
    "RemoteCertificateRefused",
    "RemoteHostKeyRefused",
    "RemoteRedirected",
    "RemoteUnreachable",
    "RepoHostNotAllowed",
    "RepoNameInvalid",
    "RepoNotFound",
    "RepoTooLarge",
    "RepoUrlInvalid",
    "SecretInvalid",
    "SecretNotFound",
    "SecretsNotPermitted",
    "SeedLimitExceeded",
    "SeedRefNotFound",
    "StartFailed",
    "StepIoFailed",
    "TicketDocsAmbiguous",
    "TicketDocsNotFound",
    "WorkingTreeNotLocal",
    "WorkspaceBusy",
    "WorkspaceDamaged",
    "WorkspaceDiverged",
    "WorkspaceNotReady",
    "WorkspacePathInvalid",
    "WorkspacePathUnsafe",
];

/// The step's own word where it is known, else the general one.
pub fn word(reason: Option<&str>, general: &'static str) -> &'static str {
    STEP_REASONS
        .into_iter()
        .find(|known| Some(*known) == reason)
        .unwrap_or(general)
}
