//! How Redis is reached: settings, timeouts, and errors that never show a password. May not know any stream.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisError};

use crate::failpoint::sabotaged;
use crate::ports::event_sink::SinkError;

/// A script of a full batch takes milliseconds; past this the server is not there.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connecting within a cluster takes milliseconds, with a TLS handshake tens of them.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);

/// The caller backs off by itself, so one call gives up soon.
const RETRIES: usize = 1;
const MIN_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Where Redis is and who we are there.
#[derive(Clone, Default)]
pub struct RedisSettings {
    /// `redis://host:6379/0` or `rediss://…`.
    pub url: String,
    /// Taken instead of the one in the URL.
    pub username: Option<String>,
    /// Taken instead of the one in the URL.
    pub password: Option<String>,
    /// Before each stream name.
    pub prefix: String,
    /// About how many entries the ordered stream keeps; 0: all.
    pub ordered_length: u64,
    /// About how many entries a stream of one type keeps; 0: all.
    pub typed_length: u64,
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// One connection that heals itself, and what must not be shown of it.
pub struct Connection {
    manager: Mutex<ConnectionManager>,
    client: Client,
    config: ConnectionManagerConfig,
    secret: Option<String>,
}

impl Connection {
    /// Prepares the connection; nothing is sent before the first command.
    ///
    /// # Errors
    /// The URL is not one of Redis.
    pub fn prepare(settings: &RedisSettings) -> Result<Self, SinkError> {
        let not_a_url = |_: RedisError| SinkError("the Redis URL is not one: redis://host:port/number".to_owned());
        let info = settings.url.as_str().into_connection_info().map_err(not_a_url)?;
        let mut account = info.redis_settings().clone();
        if let Some(username) = &settings.username {
            account = account.set_username(username);
        }
        if let Some(password) = &settings.password {
            account = account.set_password(password);
        }
        let secret = account
            .password()
            .map(str::to_owned)
            .filter(|secret| !secret.is_empty());
        let info = info
            .set_redis_settings(account)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_number_of_retries(RETRIES)
            .set_min_delay(MIN_DELAY)
            .set_max_delay(MAX_DELAY);
        let client = Client::open(info).map_err(not_a_url)?;
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config.clone()).map_err(not_a_url)?;
        Ok(Self {
            manager: Mutex::new(manager),
            client,
            config,
            secret,
        })
    }

    /// What commands are sent with.
    pub fn manager(&self) -> ConnectionManager {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The error in words, without the password. The next command gets a connection that is made anew where this one
    /// cannot heal by itself.
    pub fn failed(&self, error: &RedisError) -> SinkError {
        if !error.is_io_error() {
            self.renew();
        }
        self.words(error)
    }

    /// A manager connects again after errors of the line only: where the server refused the connection itself (a
    /// password, "loading", too many clients), it would answer every command with that first refusal for ever.
    fn renew(&self) {
        if sabotaged("sabotage.redis.keeps_a_refusal") {
            return;
        }
        if let Ok(fresh) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone()) {
            *self.manager.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }

    fn words(&self, error: &RedisError) -> SinkError {
        let text = error.to_string();
        SinkError(match &self.secret {
            Some(secret) => text.replace(secret.as_str(), "***"),
            None => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_never_shown() {
        let url = "redis://worker:hunter2@127.0.0.1:1/0".to_owned();
        let settings = RedisSettings {
            url,
            ..RedisSettings::default()
        };
        assert!(!format!("{settings:?}").contains("hunter2"));
        let connection = Connection::prepare(&settings).unwrap();
        let error = RedisError::from((redis::ErrorKind::Client, "refused", "AUTH worker hunter2".to_owned()));
        let words = connection.words(&error).to_string();
        assert!(words.contains("***") && !words.contains("hunter2"), "{words}");
        let broken = RedisSettings {
            url: "http://:hunter2@x".into(),
            ..RedisSettings::default()
        };
        let words = Connection::prepare(&broken).err().unwrap().to_string();
        assert!(!words.contains("hunter2"), "{words}");
    }
}
