//! One request to a server that the guard allows, and its bounded answer. Follows no redirect, uses no proxy, inflates
//! nothing, tries nothing twice, keeps no cookie. May not know what is asked.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Method, Response, StatusCode, retry};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::failure::{failed, problem};
use super::guard::Guard;
use crate::ports::doc_source::{DocServer, DocSourceCode, DocSourceError};
use crate::ports::secrets::Credential;

/// Connections that are dialled longer are given up: longer than any healthy network needs, TLS included.
const CONNECT: Duration = Duration::from_secs(3);
/// A probe sends its few requests over one connection; it is closed soon after.
const IDLE: Duration = Duration::from_secs(5);
/// Certificate authorities out of Secrets whose clients are kept.
const AUTHORITIES: usize = 64;

/// An answer whose body is read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// Lower case, without parameters; empty where there is none.
    pub content_type: String,
    pub body: Vec<u8>,
}

/// The connections to all servers.
pub struct Road {
    guard: Guard,
    /// Trusts the system's certificate authorities.
    usual: Client,
    /// Trust the authority of one Secret alone, by its hash.
    own: Mutex<BTreeMap<[u8; 32], Client>>,
    max_bytes: usize,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a Method,
    /// Below `/api/v1/`.
    pub route: &'a str,
    pub query: &'a [(&'a str, &'a str)],
}

impl Road {
    /// Makes the clients. No answer's body may be larger than `max_bytes`.
    ///
    /// # Errors
    /// No TLS provider is installed.
    pub fn new(guard: Guard, max_bytes: usize) -> Result<Self, reqwest::Error> {
        let usual = match builder(&guard).build() {
            Ok(client) => client,
            // A machine without certificates can still read plain http.
            Err(_) => builder(&guard).tls_certs_only([]).build()?,
        };
        Ok(Self {
            guard,
            usual,
            own: Mutex::default(),
            max_bytes,
        })
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// See [`DocSourceCode`]; an answer of any status is none.
    pub async fn ask(&self, server: &DocServer, asked: Asked<'_>) -> Result<Answer, DocSourceError> {
        self.guard.judge(server)?;
        let authorization = authorization(server)?;
        let client = self.client(server)?;
        let mut request = client.request(asked.method.clone(), address(&server.url, asked));
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|why| failed(&why))?;
        self.guard.judge_connected(server, response.remote_addr())?;
        self.read(response).await
    }

    async fn read(&self, mut response: Response) -> Result<Answer, DocSourceError> {
        let status = response.status();
        if status.is_redirection() {
            let why =
                format!("it answered {status}, and redirects are not followed: give the address that it leads to");
            return Err(problem(DocSourceCode::Redirected, why));
        }
        let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if response
            .headers()
            .get(CONTENT_ENCODING)
            .is_some_and(|value| !plain(value))
        {
            let why = "it answered in a compressed form that nobody asked for: what is there is not docmgr";
            return Err(problem(DocSourceCode::NotDocmgr, why));
        }
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|v| v.to_str().ok()).unwrap_or_default();
        let content_type = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let mut body = Vec::new();
        if response
            .content_length()
            .is_some_and(|length| length > self.max_bytes as u64)
        {
            return Err(self.too_large());
        }
        while let Some(chunk) = response.chunk().await.map_err(|why| failed(&why))? {
            if body.len() + chunk.len() > self.max_bytes {
                return Err(self.too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            content_type,
            body,
        })
    }

    fn too_large(&self) -> DocSourceError {
        let why = format!(
            "its answer has more than {} bytes: whoever runs the controller can raise --docs-max-answer-bytes",
            self.max_bytes
        );
        problem(DocSourceCode::TooLarge, why)
    }

    /// The client that trusts what this server's Secret says.
    fn client(&self, server: &DocServer) -> Result<Client, DocSourceError> {
        let Some(Credential::Https {
            authority: Some(authority),
            ..
        }) = &server.credential
        else {
            return Ok(self.usual.clone());
        };
        let key: [u8; 32] = Sha256::digest(authority).into();
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = own.get(&key) {
            return Ok(client.clone());
        }
        let unusable = |why: &reqwest::Error| {
            let cause = why.source().map(ToString::to_string).unwrap_or_default();
            let why = format!(
                "the Secret's certificate authority cannot be used ({cause}): give PEM certificates in 'ca.crt'"
            );
            problem(DocSourceCode::SecretUnusable, why)
        };
        let trusted = Certificate::from_pem_bundle(authority.as_bytes()).map_err(|why| unusable(&why))?;
        let client = builder(&self.guard).tls_certs_only(trusted).build();
        let client = client.map_err(|why| unusable(&why))?;
        if own.len() >= AUTHORITIES {
            own.clear();
        }
        own.insert(key, client.clone());
        Ok(client)
    }
}

fn builder(guard: &Guard) -> ClientBuilder {
    Client::builder()
        .dns_resolver(Arc::new(guard.clone()))
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .retry(retry::never())
        .http1_only()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("metawsm/", env!("CARGO_PKG_VERSION")))
}

fn authorization(server: &DocServer) -> Result<Option<HeaderValue>, DocSourceError> {
    let unusable = |why: &str| problem(DocSourceCode::SecretUnusable, why);
    match &server.credential {
        None => Ok(None),
        Some(Credential::Ssh { .. }) => Err(unusable(
            "the Secret holds an ssh key, which opens no documents' server",
        )),
        Some(Credential::Https { authorization, .. }) => authorization
            .as_ref()
            .map(|value| {
                let mut value = HeaderValue::from_str(value).map_err(|_| {
                    unusable("the Secret holds characters that no header can carry, perhaps a line break")
                })?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose(),
    }
}

fn address(base: &Url, asked: Asked<'_>) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/api/v1/{}", base.path().trim_end_matches('/'), asked.route));
    url.set_fragment(None);
    url.set_query(None);
    if !asked.query.is_empty() {
        url.query_pairs_mut().extend_pairs(asked.query);
    }
    url
}
