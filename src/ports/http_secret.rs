//! What a Secret's keys mean for something that is reached by http: the formats are those of Flux's git secrets. Pure; no
//! message here repeats anything but names of keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::secrets::Credential;

/// A Secret's keys and what they hold.
pub type SecretKeys<'a> = BTreeMap<&'a str, &'a [u8]>;

/// Reads `username` and `password`, or `bearerToken`, and `ca.crt` (or `caFile`).
///
/// # Errors
/// Which key is missing or cannot be used.
pub fn for_http(keys: &SecretKeys<'_>) -> Result<Credential, String> {
    let (username, password) = (word(keys, "username")?, word(keys, "password")?);
    let token = word(keys, "bearerToken")?;
    let authority = match text(keys, "ca.crt")? {
        Some(text) => Some(text),
        None => text(keys, "caFile")?,
    };
    if authority
        .as_ref()
        .is_some_and(|text| !text.contains("-----BEGIN CERTIFICATE-----"))
    {
        return Err("key 'ca.crt' (or 'caFile') holds no PEM certificate".to_owned());
    }
    let (authorization, words) = match (username, password, token) {
        (Some(username), Some(password), None) => {
            if username.contains(':') {
                return Err("key 'username' holds a ':', which basic authentication cannot carry".to_owned());
            }
            let encoded = STANDARD.encode(format!("{username}:{password}"));
            (Some(format!("Basic {encoded}")), vec![encoded, password])
        }
        (None, None, Some(token)) => (Some(format!("Bearer {token}")), vec![token]),
        (None, None, None) if authority.is_some() => (None, vec![]),
        (None, None, None) => return Err("it has neither 'username' and 'password' nor 'bearerToken'".to_owned()),
        (_, _, Some(_)) => {
            return Err("it has 'bearerToken' beside 'username' or 'password': keep one of them".to_owned());
        }
        (Some(_), None, None) => return Err("key 'password' is missing".to_owned()),
        (None, Some(_), None) => return Err("key 'username' is missing".to_owned()),
    };
    Ok(Credential::Https {
        authorization,
        authority,
        words,
    })
}

/// The text of a key; one that is empty counts as missing.
fn text(keys: &SecretKeys<'_>, key: &str) -> Result<Option<String>, String> {
    let Some(bytes) = keys.get(key) else { return Ok(None) };
    let text = std::str::from_utf8(bytes).map_err(|_| format!("key '{key}' is not valid text"))?;
    Ok(Some(text.to_owned()).filter(|text| !text.trim().is_empty()))
}

/// One line that fits into a header. The end of line that editors and `echo` add is no part of it.
fn word(keys: &SecretKeys<'_>, key: &str) -> Result<Option<String>, String> {
    let Some(text) = text(keys, key)? else { return Ok(None) };
    let line = text.trim_end_matches(['\r', '\n']);
    if line.chars().any(char::is_control) {
        return Err(format!("key '{key}' holds control characters or several lines"));
    }
    Ok(Some(line.to_owned()))
}
