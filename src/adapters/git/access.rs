//! How one call of git is let into a remote: a credential becomes environment and memory files for this call alone.
//! Nothing of it is written to a disk, put into an argument, or left behind when the process dies.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;

use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use url::Url;

use super::call::GitCall;
use super::location::Remote;
use crate::ports::executor::StepError;
use crate::ports::secrets::Credential;

/// Options for ssh that make it ask nobody, believe nothing but the given files, and notice a dead connection within a
/// minute.
const SSH: &str = "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes \
-o IdentityAgent=none -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o CheckHostIP=no \
-o PreferredAuthentications=publickey -o ClearAllForwardings=yes -o PermitLocalCommand=no -o ControlMaster=no \
-o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=4";

/// What lets a call in; lives as long as the call.
pub struct Access {
    /// Read by git's children through `/proc`, gone with this process.
    _files: Vec<File>,
    /// Git's configuration for this call.
    settings: Vec<(String, String)>,
    ssh: Option<String>,
}

impl Access {
    /// Prepares the way into a remote.
    ///
    /// # Errors
    /// `CredentialsRequired` for ssh without a credential; `SecretInvalid` where it is of the other kind.
    pub fn to(remote: &Remote, credential: Option<&Credential>) -> Result<Self, StepError> {
        let mut files = Vec::new();
        let mut keep = |what: &str, text: &str| {
            let (file, path) = in_memory(text).map_err(StepError::io(format!("keep {what} in memory")))?;
            files.push(file);
            Ok::<_, StepError>(path)
        };
        let (mut settings, mut ssh) = (Vec::new(), None);
        match (remote.protocol, credential) {
            (
                "https",
                Some(Credential::Https {
                    authorization,
                    authority,
                    ..
                }),
            ) => {
                let scope = scope_of(&remote.address);
                if let Some(header) = authorization {
                    settings.push((format!("http.{scope}.extraHeader"), format!("Authorization: {header}")));
                }
                if let Some(text) = authority {
                    settings.push(("http.sslCAInfo".to_owned(), keep("the certificate authority", text)?));
                }
            }
            ("ssh", Some(Credential::Ssh { identity, known_hosts })) => {
                let (identity, known) = (keep("the key", identity)?, keep("the known hosts", known_hosts)?);
                // Numbers only: nothing of a spec or a Secret is in what the shell is given.
                ssh = Some(format!(
                    "{SSH} -o IdentityFile={identity} -o UserKnownHostsFile={known}"
                ));
            }
            ("ssh", None) => {
                let why =
                    "a repository over ssh needs credentialsSecretRef, a Secret with 'identity' and 'known_hosts'";
                return Err(StepError::lasting("CredentialsRequired", why));
            }
            (_, Some(_)) => {
                let why = format!("the Secret is not one for {}", remote.protocol);
                return Err(StepError::lasting("SecretInvalid", why));
            }
            (_, None) => {}
        }
        Ok(Self {
            _files: files,
            settings,
            ssh,
        })
    }

    /// Lets the call in.
    pub fn given_to(&self, mut call: GitCall) -> GitCall {
        call = call.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (index, (key, value)) in self.settings.iter().enumerate() {
            call = call
                .env(&format!("GIT_CONFIG_KEY_{index}"), key)
                .env(&format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        match &self.ssh {
            Some(ssh) => call.env("GIT_SSH_COMMAND", ssh).env("GIT_SSH_VARIANT", "ssh"),
            None => call,
        }
    }
}

/// A header is sent to the remote's own scheme, host and port only.
fn scope_of(address: &str) -> String {
    Url::parse(address).map_or_else(|_| address.to_owned(), |url| url.origin().ascii_serialization())
}

/// A file of this user in memory, and the path at which our children find it. (Ssh closes what it inherits, so a
/// descriptor of its own would not do.)
fn in_memory(text: &str) -> std::io::Result<(File, String)> {
    let fd = memfd_create("metawsm", MemfdFlags::CLOEXEC)?;
    fchmod(&fd, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(fd);
    file.write_all(text.as_bytes())?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    Ok((file, path))
}
