//! Where a benchmark writes.

/// A folder that goes with the value, below `BENCH_DIR` where that is set.
pub fn scratch() -> tempfile::TempDir {
    match std::env::var_os("BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    }
    .unwrap()
}
