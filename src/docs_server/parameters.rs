//! Reads the parameters of a request with docmgr's tolerance: the first value of a name counts, what cannot be read is
//! the default, unknown names are nothing. Pure.

use serde::Serialize;

use super::answer::Refusal;
use super::cursor;

const DEFAULT_PAGE: usize = 200;
const LARGEST_PAGE: usize = 1000;

/// The parameters of one request.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the part of a URL after `?`.
    pub fn of(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    /// Without white space around it; empty if it is not there.
    pub fn text(&self, name: &str) -> String {
        self.raw(name).trim().to_owned()
    }

    /// A parameter that must be there.
    pub fn required(&self, name: &'static str) -> Result<String, Refusal> {
        match self.text(name) {
            text if text.is_empty() => Err(Refusal::missing(name)),
            text => Ok(text),
        }
    }

    /// Words between commas; `None` if the parameter is empty.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let text = self.text(name);
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        (!text.is_empty()).then(|| words.map(str::to_owned).collect())
    }

    pub fn flag(&self, name: &str, usual: bool) -> bool {
        match self.text(name).to_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => true,
            "0" | "false" | "f" | "no" | "n" | "off" => false,
            _ => usual,
        }
    }

    /// A number of rows, at least 1 and at most 1000.
    pub fn rows(&self, name: &str, usual: usize) -> usize {
        let wanted = self.text(name).parse::<i64>().ok().filter(|n| *n > 0);
        wanted.map_or(usual, |n| usize::try_from(n).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE))
    }

    /// One of these words, the first one if none is given.
    pub fn order(&self, words: &[&'static str]) -> Result<&'static str, Refusal> {
        let text = self.text("orderBy");
        if text.is_empty() {
            return Ok(words[0]);
        }
        let known = words.iter().find(|word| **word == text);
        known
            .copied()
            .ok_or_else(|| Refusal::invalid("invalid orderBy", "orderBy", &text))
    }

    /// Offset and size of the page.
    pub fn page(&self) -> Result<(usize, usize), Refusal> {
        let offset = cursor::decode(self.raw("cursor")).map_err(Refusal::cursor)?;
        Ok((offset, self.rows("pageSize", DEFAULT_PAGE)))
    }
}

/// What `workspace/tickets` was asked, as it is told back.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketsQuery {
    pub q: String,
    pub status: String,
    pub ticket: String,
    pub topics: Option<Vec<String>>,
    pub owners: Option<Vec<String>>,
    pub intent: String,
    pub order_by: &'static str,
    pub reverse: bool,
    pub include_archived: bool,
    pub include_stats: bool,
    pub page_size: usize,
    pub cursor: String,
}

impl TicketsQuery {
    /// Reads it, with the offset.
    pub fn of(parameters: &Parameters) -> Result<(Self, usize), Refusal> {
        let (offset, page_size) = parameters.page()?;
        let query = Self {
            q: parameters.text("q"),
            status: parameters.text("status"),
            ticket: parameters.text("ticket"),
            topics: parameters.list("topics"),
            owners: parameters.list("owners"),
            intent: parameters.text("intent"),
            order_by: parameters.order(&["last_updated", "ticket", "title"])?,
            reverse: parameters.flag("reverse", false),
            include_archived: parameters.flag("includeArchived", true),
            include_stats: parameters.flag("includeStats", false),
            page_size,
            cursor: parameters.raw("cursor").to_owned(),
        };
        Ok((query, offset))
    }

    /// Every ticket there is.
    pub fn all(include_archived: bool) -> Self {
        Self {
            q: String::new(),
            status: String::new(),
            ticket: String::new(),
            topics: None,
            owners: None,
            intent: String::new(),
            order_by: "last_updated",
            reverse: true,
            include_archived,
            include_stats: false,
            page_size: LARGEST_PAGE,
            cursor: String::new(),
        }
    }
}
