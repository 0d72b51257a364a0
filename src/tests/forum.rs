//! The words and turns of the resource, of its events and of the read models are the same.

use serde_json::{Value, json};

use crate::forum_thread::crd::{Party, Priority, ThreadState, WaitingOn};
use crate::kernel::question::{Participant, QuestionState, Turn, Urgency};

fn same<T: serde::de::DeserializeOwned + serde::Serialize>(words: &[&str]) {
    for word in words {
        let read: T =
            serde_json::from_value(json!(word)).unwrap_or_else(|_| panic!("'{word}' is no word of the resource"));
        assert_eq!(serde_json::to_value(read).unwrap(), Value::from(*word));
    }
    let wrong = serde_json::from_value::<T>(json!("Nonsense"))
        .err()
        .map(|e| e.to_string());
    let known = wrong.expect("it is refused").matches('`').count() / 2 - 1;
    assert_eq!(known, words.len(), "the resource has as many words");
}

#[test]
fn the_resource_and_the_read_models_have_the_same_words() {
    same::<ThreadState>(&QuestionState::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>());
    same::<Priority>(&Urgency::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>());
    same::<Party>(&Participant::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>());
    same::<WaitingOn>(&Turn::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>());
}
