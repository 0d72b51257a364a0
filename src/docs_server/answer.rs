//! Answers and refusals in docmgr's form: JSON without a charset, one envelope for errors, plain text where there is no
//! route. Decides no content.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// `None`: the key is left out.
    details: Option<Value>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>, details: Value) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Some(details),
        }
    }

    pub fn missing(field: &'static str) -> Self {
        let details = json!({ "field": field });
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_argument",
            format!("missing {field}"),
            details,
        )
    }

    pub fn invalid(message: &str, field: &str, value: &str) -> Self {
        let details = json!({ "field": field, "value": value });
        Self::new(StatusCode::BAD_REQUEST, "invalid_argument", message, details)
    }

    pub fn cursor(why: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_cursor", why, Value::Null)
    }

    /// There is no full-text index here, as in a docmgr that was built without one.
    pub fn no_text_search() -> Self {
        let why = "fts5 not available (docs_fts missing)";
        Self::new(StatusCode::BAD_REQUEST, "fts_not_available", why, Value::Null)
    }

    pub fn ambiguous(ticket: &str) -> Self {
        let details = json!({ "field": "ticket", "value": ticket });
        Self::new(StatusCode::BAD_REQUEST, "ambiguous", "ticket is ambiguous", details)
    }

    pub fn not_found(what: &str, field: &str, value: &str) -> Self {
        let details = json!({ "field": field, "value": value });
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} not found"), details)
    }

    pub fn outside() -> Self {
        let details = json!({ "field": "path" });
        Self::new(StatusCode::FORBIDDEN, "forbidden", "path escapes allowed root", details)
    }

    pub fn too_large(path: &str, most: u64) -> Self {
        let details = json!({ "field": "path", "value": path });
        let why = format!("file is longer than {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", why, details)
    }

    pub fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "method not allowed",
            Value::Null,
        )
    }

    pub fn internal(why: impl std::fmt::Display) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            message: why.to_string(),
            details: None,
        }
    }

    /// As it goes out.
    pub fn response(&self) -> Response<Body> {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(details) = &self.details {
            error["details"] = details.clone();
        }
        respond(self.status, "application/json", line(&json!({ "error": error })))
    }
}

/// What came of a request.
pub type Answer = Result<Value, Refusal>;

/// A value as JSON.
pub fn of(value: impl Serialize) -> Answer {
    serde_json::to_value(value).map_err(Refusal::internal)
}

/// As it goes out.
pub fn response(answer: Answer) -> Response<Body> {
    match answer {
        Ok(value) => respond(StatusCode::OK, "application/json", line(&value)),
        Err(refusal) => refusal.response(),
    }
}

/// There is no such route.
pub fn no_route() -> Response<Body> {
    let text = "404 page not found\n".to_owned();
    let mut response = respond(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text);
    let header = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.headers_mut().insert(header.0, header.1);
    response
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
