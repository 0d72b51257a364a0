//! `docs/metrics.md`: every number that is served, read from the registry itself. Pure but for making the registry.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use prometheus_client::encoding::text::encode;

use super::numbers::Numbers;

const HEAD: &str = "# Metrics

Served at `/metrics`, in the OpenMetrics text format. This page is made from the program's own registry: `make generate`
writes it, `make lint` compares it, and `metawsm metrics-reference` prints that of the version you have. Names are as they
are scraped and queried. What to alert on stands in [`alerts.yaml`](../charts/metawsm/files/alerts.yaml), and what to do then in
[runbooks](runbooks.md).

Numbers of the work are those of the leader; a process that stands by shows them as they are before any work. With
`leader_election_master_status` the two are told apart.

| metric | type | labels | unit | meaning |
|---|---|---|---|---|
";

/// One number.
#[derive(Default)]
struct Row {
    kind: String,
    unit: String,
    help: String,
    labels: Vec<String>,
}

/// The page.
///
/// # Errors
/// A number cannot be written as text.
pub fn metrics_reference() -> anyhow::Result<String> {
    let mut text = String::new();
    encode(&mut text, &Numbers::sampled().registry())?;
    Ok(page(&rows(&text)))
}

fn rows(text: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::<String, Row>::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        if line.starts_with("# ") {
            let (what, name, rest) = (words.nth(1), words.next(), words.next());
            name.unwrap_or_default().clone_into(&mut current);
            let row = rows.entry(current.clone()).or_default();
            let rest = rest.unwrap_or_default();
            match what {
                Some("HELP") => rest.trim_end_matches('.').clone_into(&mut row.help),
                Some("TYPE") => rest.clone_into(&mut row.kind),
                _ => rest.clone_into(&mut row.unit),
            }
        } else if let Some(row) = rows.get_mut(&current)
            && row.labels.is_empty()
        {
            row.labels = labels(line);
        }
    }
    rows
}

/// The names of a sample's labels, without the one that every histogram's bucket has.
fn labels(sample: &str) -> Vec<String> {
    let inner = sample.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
    let pairs = inner.map(|(pairs, _)| pairs).unwrap_or_default();
    let names = pairs.split(',').filter_map(|pair| pair.split_once('='));
    names
        .map(|(name, _)| name.to_owned())
        .filter(|name| name != "le")
        .collect()
}

fn page(rows: &BTreeMap<String, Row>) -> String {
    let mut page = HEAD.to_owned();
    for (name, row) in rows {
        let labels: Vec<_> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        let served = match row.kind.as_str() {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.clone(),
        };
        let unit = if row.unit.is_empty() { unit_of(name) } else { &row.unit };
        let (kind, labels) = (&row.kind, labels.join(", "));
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{served}` | {kind} | {labels} | {unit} | {} |", row.help);
    }
    page
}

fn unit_of(name: &str) -> &'static str {
    if name.ends_with("_timestamp_seconds") {
        "seconds since 1970"
    } else if name.ends_with("_seconds") {
        "seconds"
    } else if name.ends_with("_bytes") {
        "bytes"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_meaning_a_type_and_its_labels() {
        let mut text = String::new();
        encode(&mut text, &Numbers::sampled().registry()).unwrap();
        let rows = rows(&text);
        for (name, row) in &rows {
            assert!(!row.help.is_empty() && !row.kind.is_empty(), "{name}");
        }
        assert_eq!(
            rows["metawsm_object_conditions"].labels,
            ["controller", "condition", "status"]
        );
        assert_eq!(rows["controller_runtime_reconcile_time_seconds"].labels, ["controller"]);
        assert_eq!(rows["metawsm_build"].labels, ["version"]);
        let page = page(&rows);
        assert!(
            page.contains("| `metawsm_journal_failures_total` | counter |  |  |"),
            "{page}"
        );
        assert!(
            page.contains("`metawsm_sla_audit_success_timestamp_seconds` | gauge |  | seconds since 1970 |"),
            "{page}"
        );
    }
}
