//! Whether a text is the address of a documents' server, in the one spelling that reads the same to everybody. Pure; says
//! nothing about whether the address may be connected to.

use url::{Host, Url};

/// The longest address: what every browser takes.
const LONGEST: usize = 2048;

/// Reads an address.
///
/// # Errors
/// What is wrong with it, and how to write it.
pub fn doc_url(text: &str) -> Result<Url, String> {
    if text.len() > LONGEST {
        return Err(format!(
            "the address has {} bytes, at most {LONGEST} are taken",
            text.len()
        ));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err("the address holds a space, a backslash or a control character: remove it".to_owned());
    }
    let url = Url::parse(text).map_err(|why| format!("the address cannot be read ({why}): {HOW}"))?;
    judge(&url)?;
    let host = url.host_str().unwrap_or_default();
    if !as_written(text).eq_ignore_ascii_case(host) {
        return Err(format!(
            "the address writes its host in a way that means '{host}': write it so"
        ));
    }
    Ok(url)
}

/// Whether an address that was read already has nothing in it that it should not have.
///
/// # Errors
/// As [`doc_url`].
pub fn judge(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("scheme '{}' is not served: {HOW}", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the address holds a user or password: put them into the Secret that authSecretRef names".to_owned(),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("the address has a query or fragment: {HOW}"));
    }
    match url.host() {
        None | Some(Host::Domain("")) => Err(format!("the address names no host: {HOW}")),
        Some(_) if url.port() == Some(0) => Err("the address names port 0: give a real one".to_owned()),
        Some(_) => Ok(()),
    }
}

const HOW: &str =
    "write it like https://docs.example.com or http://10.1.2.3:8787, with a path if its API begins below one";

/// The host between the slashes and the port, as it was written.
fn as_written(text: &str) -> &str {
    let behind = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_are_taken() {
        for text in [
            "http://10.1.2.3:8787",
            "https://docs.example.com",
            "https://docs.example.com/base/",
            "http://[fd00::1]:80/",
            "http://Docs.Example.com:8080/x",
            "http://docs.example.com.",
        ] {
            assert!(doc_url(text).is_ok(), "{text}: {:?}", doc_url(text));
        }
    }

    #[test]
    fn odd_spellings_of_a_host_are_refused() {
        for text in [
            "http://0177.0.0.1/",
            "http://0x7f.0.0.1/",
            "http://2130706433/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "http://\u{2460}.0.0.1/",
            "http://[0:0:0:0:0:ffff:7f00:1]/",
            "http://[::ffff:127.0.0.1]/",
            "http:127.0.0.1/",
            "http:///127.0.0.1/",
        ] {
            assert!(doc_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_of_a_server_is_refused() {
        for text in [
            "ftp://docs.example.com",
            "file:///etc/passwd",
            "gopher://docs.example.com",
            "http://user@docs.example.com",
            "http://user:word@docs.example.com",
            "http://good.example.com@127.0.0.1/",
            "http://good.example.com\\@127.0.0.1/",
            "http://docs.example.com/?a=b",
            "http://docs.example.com/#a",
            "http://docs.example.com:0",
            "http://docs.example.com:99999",
            "http://a b/",
            "http://a\r\nb/",
            "http://[fe80::1%25eth0]/",
            "docs.example.com",
            "http://",
            "",
        ] {
            assert!(doc_url(text).is_err(), "{text}");
        }
        assert!(doc_url(&format!("http://a/{}", "x".repeat(3000))).is_err());
    }
}
