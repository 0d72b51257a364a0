//! Links, pipes and odd permissions in real folders.

use super::*;
use std::os::unix::fs::symlink;

#[test]
fn no_call_goes_through_a_link() {
    let scratch = tempfile::tempdir().unwrap();
    let outside = scratch.path().join("outside");
    std::fs::create_dir_all(outside.join("deep")).unwrap();
    std::fs::write(outside.join("secret"), "s").unwrap();
    let inside = scratch.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    symlink(&outside, inside.join("door")).unwrap();
    symlink(outside.join("secret"), inside.join("peek")).unwrap();
    let folder = Folder::open_trusted(&inside).unwrap();
    assert!(folder.folder("door").is_err());
    assert!(folder.descend(Path::new("door/deep")).is_err());
    assert!(folder.make(Path::new("door/new")).is_err());
    assert!(folder.file("peek").is_err());
    assert!(folder.descend(Path::new("../outside")).is_err());
    assert!(folder.folder("..").is_err());
    folder.remove("door").unwrap();
    assert!(outside.join("secret").exists(), "the link went, not what it points at");
}

#[test]
fn links_are_followed_beneath_and_never_out() {
    let scratch = tempfile::tempdir().unwrap();
    let inside = scratch.path().join("inside");
    std::fs::create_dir_all(inside.join("deep")).unwrap();
    std::fs::write(inside.join("deep/real"), "r").unwrap();
    std::fs::write(scratch.path().join("secret"), "s").unwrap();
    symlink("deep/real", inside.join("good")).unwrap();
    symlink("../secret", inside.join("out")).unwrap();
    symlink(scratch.path().join("secret"), inside.join("far")).unwrap();
    symlink("..", inside.join("up")).unwrap();
    let folder = Folder::open_trusted(&inside).unwrap();
    assert!(folder.file_beneath(Path::new("good")).is_ok());
    for out in ["out", "far", "up/secret", "../secret", "/etc/passwd"] {
        let error = folder.file_beneath(Path::new(out)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::CrossesDevices, "{out}");
    }
    assert!(folder.file_beneath(Path::new("deep")).is_err());
}

#[test]
fn a_pipe_is_seen_and_does_not_block() {
    let scratch = tempfile::tempdir().unwrap();
    fs::mknodat(fs::CWD, scratch.path().join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let folder = Folder::open_trusted(scratch.path()).unwrap();
    assert_eq!(folder.kind("pipe").unwrap(), Some(Kind::Special));
    assert!(folder.file("pipe").is_err());
}

#[test]
fn whole_trees_go_even_without_permissions() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(scratch.path().join("a/b/c")).unwrap();
    std::fs::write(scratch.path().join("a/b/c/f"), "x").unwrap();
    fs::chmod(scratch.path().join("a/b"), Mode::empty()).unwrap();
    Folder::open_trusted(scratch.path()).unwrap().remove("a").unwrap();
    assert!(!scratch.path().join("a").exists());
}
