//! Whether a Run has room to work: its own disk budget, and what is left on the disk. Pure. Takes nothing away from
//! anybody: a Run over its budget keeps all it has and is only not given more to do.

use super::RunSettings;
use super::crd::{Run, Warning, WorkspaceStatus};

/// The warning of a Run whose workspaces hold more than they should.
pub const DISK_BUDGET_EXCEEDED: &str = "DiskBudgetExceeded";
/// The reason word where the disk itself has too little left.
pub const DISK_FULL: &str = "DiskFull";

const MIB: u64 = 1 << 20;

/// What a workspace holds as its status tells it: whole MiB, rounded up, so that noise writes nothing.
pub fn whole_mib(bytes: u64) -> i64 {
    i64::try_from(bytes.div_ceil(MIB).saturating_mul(MIB)).unwrap_or(i64::MAX)
}

/// What the workspaces hold together, if that is more than the budget; 0 is no budget.
pub fn over_budget(workspaces: &[WorkspaceStatus], budget: u64) -> Option<u64> {
    let held = workspaces.iter().filter_map(|w| u64::try_from(w.bytes?).ok());
    let held = held.fold(0, u64::saturating_add);
    (budget > 0 && held > budget).then_some(held)
}

/// Why nothing may be cloned now, with the way out; `free`: what is left, where that is known.
pub fn too_little_left(free: Option<u64>, settings: &RunSettings) -> Option<String> {
    let least = settings.min_free_bytes;
    free.is_some_and(|free| free < least).then(|| {
        format!(
            "less than {} is left on the disk of the workspaces (--min-free-bytes): remove what is not needed there \
             (such as folders in .orphans), or make the volume larger; it goes on by itself",
            in_words(least)
        )
    })
}

/// What people should know about the Run although it works.
pub fn warnings(run: &Run, workspaces: &[WorkspaceStatus], settings: &RunSettings) -> Vec<Warning> {
    let Some(held) = over_budget(workspaces, settings.run_disk_budget) else {
        return vec![];
    };
    let largest = workspaces
        .iter()
        .max_by_key(|w| w.bytes)
        .map_or("", |w| w.path.as_str());
    let message = format!(
        "the workspaces hold {}, the budget of a Run is {} (--run-disk-budget): remove what is not needed, most is in {largest}; \
         until then nothing is seeded again{}, and nothing is deleted",
        in_words(held),
        in_words(settings.run_disk_budget),
        if run.spec.tickets.len() > 1 {
            " and no other workspace is begun"
        } else {
            ""
        },
    );
    vec![Warning {
        code: DISK_BUDGET_EXCEEDED.to_owned(),
        message,
    }]
}

/// `1.5 GiB`, `300 MiB`; cut, never rounded up.
fn in_words(bytes: u64) -> String {
    let mib = bytes / MIB;
    match mib {
        0 => format!("{bytes} bytes"),
        1..1024 => format!("{mib} MiB"),
        _ => format!("{}.{} GiB", mib / 1024, mib % 1024 * 10 / 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_two_digits() {
        let told = [5, 300 * MIB, 1536 * MIB, 10 * 1024 * MIB].map(in_words);
        assert_eq!(told, ["5 bytes", "300 MiB", "1.5 GiB", "10.0 GiB"]);
    }

    #[test]
    fn noise_below_a_mebibyte_changes_nothing() {
        assert_eq!(whole_mib(0), 0);
        assert_eq!(whole_mib(1), whole_mib(MIB));
        assert_eq!(whole_mib(MIB + 1), 2 << 20);
        assert_eq!(whole_mib(u64::MAX), i64::MAX);
    }
}
