//! What the API server's own audit log says about who asked for what in a namespace. Reads only.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};

use jiff::Timestamp;
use serde_json::Value;

/// From which place on the log is read.
pub struct Requests {
    path: String,
    from: u64,
    since: Timestamp,
    namespace: String,
}

impl Requests {
    /// From now on; `None` on a cluster whose log cannot be read (`USE_CLUSTER=1`).
    pub fn from_now(namespace: &str) -> Option<Self> {
        let path = std::env::var("METAWSM_TEST_AUDIT_LOG").ok().filter(|p| !p.is_empty())?;
        let from = std::fs::metadata(&path).expect("the audit log is there").len();
        let namespace = namespace.to_owned();
        let since = Timestamp::now();
        Some(Self {
            path,
            from,
            since,
            namespace,
        })
    }

    /// Every request on our group in the namespace that came since and was answered: `verb resource/name subresource code`,
    /// in the order in which they came. A line is written after the answer: not in that order, and that of an earlier
    /// request may come only now.
    pub fn on_our_group(&self) -> Vec<String> {
        let mut file = File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.from)).unwrap();
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        let ours = lines.filter(|l| l.contains(&self.namespace) && l.contains("metawsm.dev"));
        // The last line may be half written.
        let answered = ours.filter_map(|l| serde_json::from_str::<Value>(&l).ok()).filter(|e| {
            let about = &e["objectRef"];
            e["stage"] == "ResponseComplete"
                && about["apiGroup"] == "metawsm.dev"
                && about["namespace"] == *self.namespace
        });
        let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let dated = answered.map(|e| {
            let came: Timestamp = word(&e["requestReceivedTimestamp"]).parse().expect("a time");
            (came, e)
        });
        let mut since: Vec<_> = dated.filter(|(came, _)| *came >= self.since).collect();
        since.sort_by_key(|(came, _)| *came);
        let told = since.iter().map(|(_, e)| {
            let about = &e["objectRef"];
            let (verb, resource, name) = (word(&e["verb"]), word(&about["resource"]), word(&about["name"]));
            format!(
                "{verb} {resource}/{name} {} {}",
                word(&about["subresource"]),
                e["responseStatus"]["code"]
            )
        });
        told.collect()
    }

    /// Those that write, no-op patches included.
    pub fn writes(&self) -> Vec<String> {
        let reading = ["get ", "list ", "watch "];
        let all = self.on_our_group().into_iter();
        all.filter(|r| !reading.iter().any(|verb| r.starts_with(verb)))
            .collect()
    }
}

/// One request for Secrets.
#[derive(Debug)]
pub struct SecretRequest {
    pub verb: String,
    pub namespace: String,
    /// Empty where none was named.
    pub name: String,
}

/// Every request for Secrets in a whole audit log, but those of people (kubectl).
pub fn for_secrets(log: &std::path::Path) -> Vec<SecretRequest> {
    let lines = BufReader::new(File::open(log).expect("the audit log is there")).lines();
    let entries = lines
        .map_while(Result::ok)
        .filter_map(|l| serde_json::from_str::<Value>(&l).ok());
    let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let asked = entries.filter(|e| {
        let person = e["userAgent"].as_str().is_some_and(|a| a.starts_with("kubectl"));
        e["stage"] == "ResponseComplete" && e["objectRef"]["resource"] == "secrets" && !person
    });
    let told = asked.map(|e| SecretRequest {
        verb: word(&e["verb"]),
        namespace: word(&e["objectRef"]["namespace"]),
        name: word(&e["objectRef"]["name"]),
    });
    told.filter(|r| r.namespace != "kube-system").collect()
}
