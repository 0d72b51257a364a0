//! Git, run as a child process in a closed environment. Never reads configuration, hooks or attributes drivers that
//! somebody else wrote, never asks for anything, never passes a spec's text as an option.

pub mod access;
pub mod bounds;
pub mod cache;
pub mod call;
pub mod isolated;
pub mod location;
mod object_stores;
pub mod refs;
pub mod remote_failure;
pub mod still;

/// Who commits what the controller changes itself; `cleanup` knows our commits by it.
pub const COMMITTER_NAME: &str = "metawsm";
/// The address that belongs to [`COMMITTER_NAME`].
pub const COMMITTER_EMAIL: &str = "controller@metawsm.dev";
