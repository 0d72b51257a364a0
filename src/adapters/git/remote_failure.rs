//! Why a remote did not give what was asked, told from git's own words (always in English, see `call`). Pure.

use crate::ports::executor::StepError;
use crate::ports::secrets::Credential;

/// A remote that failed.
pub struct Attempt<'a> {
    pub url: &'a str,
    pub credential: Option<&'a Credential>,
}

/// Words of git, curl or ssh, and what they mean. The first that fits counts.
const MEANINGS: &[(&str, Meaning)] = &[
    ("Host key verification failed", Meaning::HostKey),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Meaning::HostKey),
    ("Authentication failed for", Meaning::Credentials),
    ("could not read Username", Meaning::Credentials),
    ("could not read Password", Meaning::Credentials),
    ("requested URL returned error: 401", Meaning::Credentials),
    ("requested URL returned error: 403", Meaning::Credentials),
    ("Permission denied (", Meaning::Credentials),
    ("Too many authentication failures", Meaning::Credentials),
    ("invalid format", Meaning::Credentials),
    ("requested URL returned error: 30", Meaning::Redirected),
    ("unable to update url base from redirection", Meaning::Redirected),
    ("SSL certificate problem", Meaning::Certificate),
    ("server certificate verification failed", Meaning::Certificate),
    ("no alternative certificate subject name", Meaning::Certificate),
    ("certificate subject name", Meaning::Certificate),
    ("error setting certificate", Meaning::Certificate),
    ("Operation too slow", Meaning::Silent),
    ("out of memory", Meaning::Large),
    ("Out of memory", Meaning::Large),
    ("Could not resolve host", Meaning::Unreachable),
    ("Failed to connect", Meaning::Unreachable),
    ("Couldn't connect to server", Meaning::Unreachable),
    ("Connection refused", Meaning::Unreachable),
    ("Connection timed out", Meaning::Unreachable),
    ("No route to host", Meaning::Unreachable),
    ("' not found", Meaning::Missing),
    ("requested URL returned error: 404", Meaning::Missing),
    ("does not appear to be a git repository", Meaning::Missing),
    ("Repository not found", Meaning::Missing),
];

#[derive(Clone, Copy)]
enum Meaning {
    HostKey,
    Credentials,
    Redirected,
    Certificate,
    Silent,
    Large,
    Unreachable,
    Missing,
}

impl Attempt<'_> {
    /// The failure in words for the Run, without anything of the credential even if the remote sent it back.
    pub fn explain(&self, error: StepError) -> StepError {
        let error = StepError {
            message: self
                .credential
                .map_or(error.message.clone(), |c| c.conceal(&error.message)),
            ..error
        };
        if error.reason != "GitFailed" {
            let message = format!("failed to fetch \"{}\": {}", self.url, error.message);
            return StepError { message, ..error };
        }
        let found = MEANINGS.iter().find(|(words, _)| error.message.contains(words));
        match found {
            None => StepError::passing("FetchFailed", self.say("the remote or the way to it failed", &error)),
            Some((_, meaning)) => self.told(*meaning, &error),
        }
    }

    fn told(&self, meaning: Meaning, error: &StepError) -> StepError {
        let lasting = |reason: &str, advice: &str| StepError::lasting(reason, self.say(advice, error));
        let passing = |reason: &str, advice: &str| StepError::passing(reason, self.say(advice, error));
        let opener = self.credential.filter(|credential| credential.opens());
        match (meaning, opener) {
            (Meaning::Credentials, Some(_)) => lasting(
                "CredentialsRefused",
                "the remote does not accept the credential; correct the Secret and request the Run again",
            ),
            (Meaning::Credentials, None) => lasting(
                "CredentialsRequired",
                "the remote asks for a credential: name a Secret in credentialsSecretRef of a new Run",
            ),
            (Meaning::HostKey, _) => lasting(
                "RemoteHostKeyRefused",
                "the host's key is not the one in 'known_hosts' of the Secret: make sure who answers before you change it",
            ),
            (Meaning::Redirected, _) => lasting(
                "RemoteRedirected",
                "the remote redirects, which is never followed: give the address that it leads to",
            ),
            (Meaning::Certificate, _) => lasting(
                "RemoteCertificateRefused",
                "the remote's certificate is not trusted: put its authority into 'ca.crt' of the Secret",
            ),
            (Meaning::Large, _) => lasting("RepoTooLarge", "the remote sent more than git may hold in memory"),
            (Meaning::Silent, _) => passing("GitTimedOut", "the remote stopped sending"),
            (Meaning::Unreachable, _) => passing("RemoteUnreachable", "the remote cannot be reached"),
            (Meaning::Missing, Some(_)) => passing(
                "RepoNotFound",
                "there is no such repository, or the credential may not see it",
            ),
            (Meaning::Missing, None) => {
                passing("RepoNotFound", "there is no such repository, or it needs a credential")
            }
        }
    }

    fn say(&self, advice: &str, error: &StepError) -> String {
        format!("failed to fetch \"{}\": {advice} ({})", self.url, error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_git_become_reasons() {
        let secret = Credential::Https {
            authorization: Some("Basic x".into()),
            authority: None,
            words: vec!["s3cret".into()],
        };
        let table = [
            (
                "fatal: Authentication failed for 'https://h/a/'",
                true,
                "CredentialsRefused",
            ),
            (
                "fatal: could not read Username for 'https://h': terminal prompts disabled",
                false,
                "CredentialsRequired",
            ),
            (
                "unable to access 'https://h/a/': The requested URL returned error: 302",
                false,
                "RemoteRedirected",
            ),
            ("Host key verification failed.", true, "RemoteHostKeyRefused"),
            ("git@h: Permission denied (publickey).", true, "CredentialsRefused"),
            ("fatal: repository 'https://h/a/' not found", false, "RepoNotFound"),
            ("remote: s3cret was wrong; fatal: something else", true, "FetchFailed"),
        ];
        for (words, opened, expected) in table {
            let attempt = Attempt {
                url: "https://h/a",
                credential: opened.then_some(&secret),
            };
            let told = attempt.explain(StepError::passing("GitFailed", format!("git fetch ended: {words}")));
            assert_eq!(told.reason, expected, "{words}");
            assert!(!told.message.contains("s3cret"), "{}", told.message);
        }
    }
}
