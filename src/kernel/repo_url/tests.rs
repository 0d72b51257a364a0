//! Tables of URLs: accepted, refused, and the same home spelled otherwise.

use super::*;

fn verdict(url: &str) -> Result<RepoLocation, &'static str> {
    let hosts = ["github.com".to_owned(), "*.example.com".to_owned()];
    check(url, &hosts, &[PathBuf::from("/srv/repos/")]).map_err(|r| r.reason)
}

#[test]
fn urls_are_accepted_or_refused_with_a_reason() {
    let https = |host: &str| Ok(RepoLocation::Https { host: host.into() });
    let ssh = |host: &str| Ok(RepoLocation::Ssh { host: host.into() });
    let local = |path: &str| Ok(RepoLocation::Local { path: path.into() });
    let invalid = || Err("RepoUrlInvalid");
    let table = [
        ("https://github.com/a/b.git", https("github.com")),
        ("HTTPS://GitHub.com:443/a/b", https("github.com")),
        ("https://git.example.com/a", https("git.example.com")),
        ("https://example.com/a", Err("RepoHostNotAllowed")),
        ("https://evilexample.com/a", Err("RepoHostNotAllowed")),
        ("https://127.0.0.1/a", Err("RepoHostNotAllowed")),
        ("https://token@github.com/a/b", invalid()),
        ("https://u:p@github.com/a/b", invalid()),
        ("https://github.com/", invalid()),
        ("https://github.com/a?x=1", invalid()),
        ("http://github.com/a/b", invalid()),
        ("git://github.com/a/b", invalid()),
        ("ext::sh -c id", invalid()),
        ("ext::sh", invalid()),
        ("ssh://git@github.com/a/b", ssh("github.com")),
        ("git@github.com:a/b.git", ssh("github.com")),
        ("ssh://git:secret@github.com/a", invalid()),
        ("ssh://-oProxyCommand=x/a", invalid()),
        ("-oProxyCommand=x:a", invalid()),
        ("--upload-pack=x", invalid()),
        ("/srv/repos/a", local("/srv/repos/a")),
        ("file:///srv/repos/./a/", local("/srv/repos/a")),
        ("file://localhost/srv/repos/a", local("/srv/repos/a")),
        ("file://other/srv/repos/a", invalid()),
        ("/srv/repos/../secret", invalid()),
        ("/srv/repos", Err("LocalRepoNotAllowed")),
        ("/srv/repository/a", Err("LocalRepoNotAllowed")),
        ("/etc", Err("LocalRepoNotAllowed")),
        ("relative/path", invalid()),
        ("", invalid()),
        ("https://github.com/a\nb", invalid()),
    ];
    for (url, expected) in table {
        assert_eq!(verdict(url), expected, "{url:?}");
    }
}

#[test]
fn a_refusal_never_shows_what_may_be_a_token() {
    let refusal = check("https://user:s3cret@github.com/a", &["*".into()], &[]).unwrap_err();
    assert!(!refusal.message.contains("s3cret"), "{}", refusal.message);
}

#[test]
fn spellings_of_one_home_are_one_identity() {
    let table = [
        ("HTTPS://GitHub.com/A/b.git", "https://github.com/A/b"),
        ("https://github.com:443/A/b/", "https://github.com/A/b"),
        ("https://x:y@github.com/A/b", "https://github.com/A/b"),
        ("https://github.com:8443/A/b", "https://github.com:8443/A/b"),
        ("git@Host:path/x.git", "ssh://git@host/path/x"),
        ("ssh://git@host:22/path/x", "ssh://git@host/path/x"),
        ("ssh://git:pw@host/path/x", "ssh://git@host/path/x"),
        ("host:/abs/x", "ssh://host/abs/x"),
        ("file:///srv//a/./b/../c.git/", "/srv/a/c"),
        ("/srv/a/c/", "/srv/a/c"),
        ("not a url", "not a url"),
    ];
    for (url, expected) in table {
        assert_eq!(normalise(url), expected, "{url:?}");
        assert_eq!(normalise(&normalise(url)), expected, "stable: {url:?}");
    }
}
