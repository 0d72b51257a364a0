//! What went wrong, in our words: failures of the road, and errors that a server answers. No text of a stranger passes
//! uncleaned, and no secret passes at all.

use std::error::Error;
use std::io;

use reqwest::StatusCode;

use super::guard::Refusal;
use super::road::Answer;
use super::wire::ErrorAnswer;
use crate::kernel::shown_text::one_line;
use crate::ports::doc_source::{DocServer, DocSourceCode, DocSourceError};

/// Characters of a message, and of a stranger's words in it.
const MESSAGE: usize = 500;
const QUOTED: usize = 200;

/// An error with its message cleaned and bounded.
pub fn problem(code: DocSourceCode, message: impl AsRef<str>) -> DocSourceError {
    DocSourceError {
        code,
        message: one_line(message.as_ref(), MESSAGE),
    }
}

/// The error without the server's secret: a server can send back what it was given.
pub fn concealed(server: &DocServer, error: DocSourceError) -> DocSourceError {
    match &server.credential {
        None => error,
        Some(credential) => DocSourceError {
            message: credential.conceal(&error.message),
            code: error.code,
        },
    }
}

/// The road failed before there was a whole answer.
pub fn failed(error: &reqwest::Error) -> DocSourceError {
    if let Some(refusal) = cause::<Refusal>(error) {
        return problem(refusal.code, &refusal.why);
    }
    if let Some(why) = cause::<rustls::Error>(error) {
        let message =
            format!("no trusted TLS connection: {why}; put the server's authority into 'ca.crt' of the Secret");
        return problem(DocSourceCode::TlsFailed, message);
    }
    if error.is_timeout() {
        return problem(
            DocSourceCode::TimedOut,
            "no connection within 3 s: is the address right, and open to the controller?",
        );
    }
    let deepest = deepest(error);
    if error.is_connect() {
        let message = format!("nobody answers at this address ({deepest}): is the server running?");
        return problem(DocSourceCode::ConnectFailed, message);
    }
    match cause::<hyper::Error>(error) {
        Some(why) if why.is_parse_too_large() => problem(
            DocSourceCode::TooLarge,
            "the headers of its answer have no end: what is there is not docmgr",
        ),
        Some(why) if why.is_parse() => {
            let message = format!("what answers does not speak HTTP ({deepest}): is it the right port?");
            problem(DocSourceCode::NotDocmgr, message)
        }
        _ => {
            let message = format!("the answer broke off ({deepest}); it is asked again by itself");
            problem(DocSourceCode::AnswerCutOff, message)
        }
    }
}

/// The body of a good answer.
///
/// # Errors
/// The answer is an error of the server's, or none of docmgr's.
pub fn good_body(answer: Answer, what: &str) -> Result<Vec<u8>, DocSourceError> {
    if answer.status == StatusCode::OK && answer.content_type == "application/json" {
        return Ok(answer.body);
    }
    Err(told(&answer, what))
}

/// What a server told instead of a good answer.
pub fn told(answer: &Answer, what: &str) -> DocSourceError {
    let status = answer.status;
    let envelope = match answer.content_type == "application/json" {
        true => serde_json::from_slice::<ErrorAnswer>(&answer.body).ok(),
        false => None,
    };
    let words = envelope.as_ref().map_or_else(String::new, |e| {
        let (code, message) = (one_line(&e.error.code, 64), one_line(&e.error.message, QUOTED));
        format!(" ({code}: {message})")
    });
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let message = format!("it answered {status} to {what}{words}: check the Secret that authSecretRef names");
        return problem(DocSourceCode::Unauthorized, message);
    }
    match envelope {
        Some(e) if e.error.code == "index_not_ready" => problem(
            DocSourceCode::NotReady,
            "it has no index yet; it is asked again by itself",
        ),
        Some(_) => problem(
            DocSourceCode::ServerError,
            format!("it answered {status} to {what}{words}"),
        ),
        None if status.is_server_error() => {
            problem(DocSourceCode::ServerError, format!("it answered {status} to {what}"))
        }
        None => {
            let kind = match answer.content_type.as_str() {
                "" => "no content type".to_owned(),
                named => format!("'{}'", one_line(named, 64)),
            };
            let message = format!(
                "it answered {status} and {kind} to {what}: what is there is not docmgr; check the address, its path included"
            );
            problem(DocSourceCode::NotDocmgr, message)
        }
    }
}

/// An answer that cannot be read as what was asked for.
pub fn unreadable(what: &str, why: &serde_json::Error) -> DocSourceError {
    let message =
        format!("its answer to {what} is not docmgr's ({why}); check the address, or the version of the server");
    problem(DocSourceCode::NotDocmgr, message)
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An I/O error hides what it wraps from `source`.
        if let Some(found) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = cause::<E>(found)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn deepest(error: &dyn Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
