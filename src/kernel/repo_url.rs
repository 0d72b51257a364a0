//! Which repository URLs are acceptable, and when two of them mean the same home. Pure and lexical: it never touches a
//! disk or a network; the git adapter checks symlinks of local ones on top.

use std::path::{Component, Path, PathBuf};

use url::Url;

/// Longest URL that is looked at; the API server bounds the field well below.
const LONGEST: usize = 2048;

/// Where a repository is, once its URL was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepoLocation {
    Https {
        host: String,
    },
    Ssh {
        host: String,
    },
    /// An absolute path, lexically clean.
    Local {
        path: PathBuf,
    },
}

/// Why a URL is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoRefusal {
    /// `RepoUrlInvalid`, `RepoHostNotAllowed` or `LocalRepoNotAllowed`.
    pub reason: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A URL taken apart.
enum Parts {
    Remote {
        scheme: &'static str,
        user: String,
        host: String,
        port: Option<u16>,
        path: String,
    },
    Local(PathBuf),
}

/// Accepts or refuses a repository URL.
///
/// # Errors
/// The refusal, with a reason word for conditions and a message for people.
pub fn check(url: &str, allowed_hosts: &[String], local_roots: &[PathBuf]) -> Result<RepoLocation, RepoRefusal> {
    match take_apart(url, Strictness::Refuse)? {
        Parts::Local(path) => {
            if local_roots
                .iter()
                .any(|root| path.starts_with(clean(root)) && path != clean(root))
            {
                return Ok(RepoLocation::Local { path });
            }
            Err(RepoRefusal {
                reason: "LocalRepoNotAllowed",
                message: format!(
                    "the local repository \"{url}\" lies below none of the folders that the controller allows; \
                     use an https or ssh URL, or have its folder added to the controller's --git-local-roots"
                ),
            })
        }
        Parts::Remote { scheme, host, .. } => {
            if !allowed_hosts.iter().any(|rule| host_matches(rule, &host)) {
                return Err(RepoRefusal {
                    reason: "RepoHostNotAllowed",
                    message: format!(
                        "the host \"{host}\" of \"{url}\" is not among the hosts that the controller allows; \
                         use an allowed one, or have it added to the controller's --git-allowed-hosts"
                    ),
                });
            }
            Ok(if scheme == "https" {
                RepoLocation::Https { host }
            } else {
                RepoLocation::Ssh { host }
            })
        }
    }
}

/// The identity of a repository: the same for all spellings of its URL. What cannot be read is returned as it is.
pub fn normalise(url: &str) -> String {
    match take_apart(url, Strictness::Forgive) {
        Ok(Parts::Local(path)) => without_suffix(&path.to_string_lossy()).to_owned(),
        Ok(Parts::Remote {
            scheme,
            user,
            host,
            port,
            path,
        }) => {
            let user = if scheme == "https" || user.is_empty() {
                String::new()
            } else {
                format!("{user}@")
            };
            let port = port.map(|p| format!(":{p}")).unwrap_or_default();
            format!(
                "{scheme}://{user}{host}{port}/{}",
                without_suffix(path.trim_start_matches('/'))
            )
        }
        Err(_) => url.trim().to_owned(),
    }
}

/// Whether userinfo and `..` are errors or merely dropped.
#[derive(Clone, Copy, PartialEq)]
enum Strictness {
    Refuse,
    Forgive,
}

fn take_apart(url: &str, strictness: Strictness) -> Result<Parts, RepoRefusal> {
    let odd = url.is_empty() || url.len() > LONGEST || url.starts_with('-');
    if odd || url.contains("::") || url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(invalid(
            url,
            "it is empty, too long, or has characters that no repository URL has",
        ));
    }
    if let Some(path) = local_path(url) {
        return local(url, path, strictness).map(Parts::Local);
    }
    if url.contains("://") {
        return remote(url, url, strictness);
    }
    match url.split_once(':') {
        Some((host, path)) if !host.contains('/') && !path.is_empty() => remote(
            url,
            &format!("ssh://{host}/{}", path.trim_start_matches('/')),
            strictness,
        ),
        Some(_) | None => Err(invalid(url, "write https://…, ssh://…, host:path, or an absolute path")),
    }
}

fn local_path(url: &str) -> Option<&str> {
    if url.starts_with('/') {
        return Some(url);
    }
    let rest = url
        .get(..7)
        .filter(|s| s.eq_ignore_ascii_case("file://"))
        .and_then(|_| url.get(7..))?;
    Some(rest.strip_prefix("localhost").unwrap_or(rest))
}

fn local(url: &str, path: &str, strictness: Strictness) -> Result<PathBuf, RepoRefusal> {
    if !path.starts_with('/') {
        return Err(invalid(url, "a file URL has three slashes and no host"));
    }
    if path.contains('%') {
        return Err(invalid(
            url,
            "percent signs in local paths mean different things to different programs",
        ));
    }
    let path = Path::new(path);
    if strictness == Strictness::Refuse && path.components().any(|c| c == Component::ParentDir) {
        return Err(invalid(url, "a local path has no \"..\""));
    }
    Ok(clean(path))
}

fn remote(shown: &str, url: &str, strictness: Strictness) -> Result<Parts, RepoRefusal> {
    let parsed = Url::parse(url).map_err(|e| invalid(shown, &e.to_string()))?;
    let scheme = match parsed.scheme() {
        "https" => "https",
        "ssh" => "ssh",
        _ => return Err(invalid(shown, "only https, ssh and local repositories are known")),
    };
    let host = parsed
        .host_str()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    if host.is_empty() || host.starts_with('-') || !host.chars().all(plain) {
        return Err(invalid(shown, "its host is missing or malformed"));
    }
    let user = parsed.username();
    if strictness == Strictness::Refuse {
        if parsed.password().is_some() || (scheme == "https" && !user.is_empty()) {
            return Err(invalid(
                shown,
                "credentials do not belong into a URL, use credentialsSecretRef",
            ));
        }
        if !user.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) || user.starts_with('-') {
            return Err(invalid(shown, "its user name is malformed"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(invalid(shown, "a repository URL has no \"?\" and no \"#\""));
        }
    }
    let path = parsed.path().to_owned();
    if without_suffix(path.trim_start_matches('/')).is_empty() {
        return Err(invalid(shown, "its path is missing"));
    }
    let default_port = if scheme == "https" { 443 } else { 22 };
    let port = parsed.port().filter(|p| *p != default_port);
    Ok(Parts::Remote {
        scheme,
        user: user.to_owned(),
        host,
        port,
        path,
    })
}

fn invalid(url: &str, why: &str) -> RepoRefusal {
    let shown = without_secret(url);
    RepoRefusal {
        reason: "RepoUrlInvalid",
        message: format!("the repository URL \"{shown}\" is not usable: {why}"),
    }
}

/// The URL fit to be shown: what stands between the scheme and an `@` may be a token.
fn without_secret(url: &str) -> String {
    let shown: String = url.chars().filter(|c| !c.is_control()).take(200).collect();
    match (shown.split_once("://"), shown.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => shown,
    }
}

fn host_matches(rule: &str, host: &str) -> bool {
    let rule = rule.to_ascii_lowercase();
    match rule.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => suffix.starts_with('.') && host.len() > suffix.len() && host.ends_with(suffix),
        None => rule == host,
    }
}

fn without_suffix(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/')
}

fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => drop(out.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests;
