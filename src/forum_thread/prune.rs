//! What the cache holds of a thread: everything but what was said. Bodies are read whole, by name, when a new post is to
//! be recorded. Pure.

use super::crd::ForumThread;

/// Takes the bodies out. No post is without a body, so that an empty one shows what happened.
pub fn prune(thread: &mut ForumThread) {
    for post in &mut thread.spec.posts {
        post.body = String::new();
    }
}

/// Whether the bodies were taken out.
pub fn is_pruned(thread: &ForumThread) -> bool {
    thread.spec.posts.iter().any(|post| post.body.is_empty())
}
