//! What a benchmark begins with: its numbers, and a line that says what is measured.

/// What a variable says, or what is usual.
pub fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(usual)
}

pub fn header(what: &str, rounds: usize) {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!("\n{what}: {rounds} rounds on {processors} processors");
}
