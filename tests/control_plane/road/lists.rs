//! Lists as they were before. Pure.

use bytes::Bytes;

/// A list as it was answered once.
#[derive(Clone)]
pub struct Seen(pub Bytes);

/// Remembers a list; the oldest that is remembered of the same question, where there is an older one.
pub fn older(seen: &mut Vec<Seen>, now: &Bytes) -> Option<Bytes> {
    let oldest = seen.first().map(|s| s.0.clone());
    if seen.last().is_none_or(|s| s.0 != *now) {
        seen.push(Seen(now.clone()));
        // A few versions back is stale enough; what is older than etcd's window would only be a 410.
        if seen.len() > 4 {
            seen.remove(0);
        }
    }
    oldest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_the_last_four_is_served() {
        let mut seen = Vec::new();
        let lists: Vec<_> = (0..6).map(|n| Bytes::from(n.to_string())).collect();
        let served: Vec<_> = lists.iter().map(|now| older(&mut seen, now)).collect();
        let (first, second) = (Some(lists[0].clone()), Some(lists[1].clone()));
        assert_eq!(
            served,
            [None, first.clone(), first.clone(), first.clone(), first, second]
        );
    }
}
