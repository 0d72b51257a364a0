//! A disk that is full in the middle of a seed. Mounts a small file system, so it needs root; otherwise it says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::world::World;

/// A small file system in memory, unmounted when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, kibibytes: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={kibibytes}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            Ok(output) => {
                eprintln!(
                    "skipped: cannot mount: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                );
                None
            }
            Err(error) => {
                eprintln!("skipped: cannot mount: {error}");
                None
            }
        }
    }

    fn resize(&self, kibibytes: u32) {
        let size = format!("remount,size={kibibytes}k");
        let done = Command::new("mount").args(["-o", &size]).arg(&self.0).status();
        assert!(done.unwrap().success());
    }

    fn used_kibibytes(&self) -> u32 {
        let stat = rustix::fs::statvfs(&self.0).unwrap();
        u32::try_from((stat.f_blocks - stat.f_bfree) * stat.f_frsize / 1024).unwrap()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Text that does not get smaller when git packs it.
fn noise(bytes: usize, seed: u64) -> String {
    let mut state = seed | 1;
    let next = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        char::from(b'!' + u8::try_from(*state % 90).unwrap())
    };
    (0..bytes).map(|_| next(&mut state)).collect()
}

/// The marks of all parts in the workspace's documents: one mark if they are whole.
fn marks(world: &World) -> Vec<String> {
    let mut marks: Vec<_> = (0..20)
        .map(|part| {
            let text = std::fs::read_to_string(world.ticket().join(format!("part-{part}"))).unwrap();
            assert!(text.len() > 9_000, "no file is cut off");
            text[..1].to_owned()
        })
        .collect();
    marks.dedup();
    marks
}

#[test]
fn a_disk_that_is_full_at_any_moment_leaves_the_documents_whole_and_is_told_by_name() {
    for source in 0..2 {
        let world = World::new();
        let Some(disk) = Small::mount(&world.root.join("ws"), 64 * 1024) else {
            return;
        };
        let write = |mark: char| {
            for part in 0..20 {
                let text = format!("{mark}{}", noise(10_000, u64::from(mark) * 100 + part));
                world.write(&format!("ttmp/2026/11/21/A-1--first/part-{part}"), &text);
            }
            world.commit("parts");
        };
        write('a');
        world.prepare();
        world.seed(&world.seed_plan()).unwrap();
        write('b');
        let (mut full, mut replaced) = (0, false);
        let used = disk.used_kibibytes();
        for room in (8..2_000).step_by(24) {
            disk.resize(used + room);
            let plan = &world.both_plans(|_| {})[source];
            match world.seed(plan) {
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(
                        (error.reason.as_str(), error.retriable),
                        ("DiskFull", true),
                        "{room}: {}",
                        error.message
                    );
                    assert!(error.message.contains("make the volume larger"));
                    full += 1;
                }
            }
            let marks = marks(&world);
            assert_eq!(marks.len(), 1, "{room} KiB of room: {marks:?}");
            assert!(marks[0] == "b" || !replaced, "it does not go back");
            replaced = marks[0] == "b";
            assert!(!world.folder().join(".metawsm/stage").exists() || replaced);
        }
        assert!(full >= 3, "the disk was full in {full} places");
        assert_eq!(marks(&world), ["b"]);
        assert_eq!(world.status(), "");
        world.git(&world.clone(), &["fsck", "--no-progress"]);
        assert!(!world.folder().join(".metawsm/stage").exists());
    }
}
