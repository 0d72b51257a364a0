//! Rebuilds the crate when a migration was added: they are embedded at compile time.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
