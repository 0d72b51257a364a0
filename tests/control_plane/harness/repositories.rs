//! Real git repositories with real tickets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository on disk, with its work tree.
#[derive(Clone, Debug)]
pub struct Repository {
    pub path: PathBuf,
}

impl Repository {
    /// An empty repository whose branch is `main`, with one commit.
    pub fn make(path: PathBuf) -> Self {
        fs::create_dir_all(&path).unwrap();
        let made = Self { path };
        made.git(&["init", "--quiet", "--initial-branch=main"]);
        made.write("README.md", "# A repository\n");
        made.commit("Begin");
        made
    }

    /// Runs git in it; what it printed.
    pub fn git(&self, line: &[&str]) -> String {
        git(&self.path, line)
    }

    /// Writes a file; missing folders are made.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.path.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Commits all there is; the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    /// The commit that HEAD is at.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Lays out a ticket's documents, not committed yet; their folder, relative to the repository.
    pub fn ticket(&self, ticket: &str) -> String {
        let folder = format!("ttmp/2026/11/21/{ticket}--made-up");
        self.write(
            &format!("{folder}/index.md"),
            &format!("---\nTitle: Made up for {ticket}\nTicket: {ticket}\nDocType: index\n---\n\n# {ticket}\n"),
        );
        self.write(&format!("{folder}/tasks.md"), "- [ ] one\n- [x] two\n");
        self.write(
            &format!("{folder}/design/01-plan.md"),
            &format!("The plan of {ticket}: ä ✓ \"quoted\"\n"),
        );
        folder
    }

    /// Adds so many small documents to a ticket's folder, so that seeding it takes a while.
    pub fn many_documents(&self, folder: &str, count: usize) {
        for n in 0..count {
            self.write(
                &format!("{folder}/notes/{:02}/{n:05}.md", n % 100),
                &format!("note {n}\n"),
            );
        }
    }

    /// Lays out the whole example tree.
    pub fn example_tickets(&self) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/docmgr/example-ttmp");
        super::files::copy(&example, &self.path.join("ttmp"));
    }

    /// Its URL as a Run names it.
    pub fn url(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

/// Runs git in a folder, without anybody's configuration; what it printed.
pub fn git(folder: &Path, line: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(line);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Kim")
            .env(format!("GIT_{who}_EMAIL"), "kim@example.com");
    }
    let done = command.output().expect("git is installed");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "git {line:?} in {}: {said}", folder.display());
    String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
}
