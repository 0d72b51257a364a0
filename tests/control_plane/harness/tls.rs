//! A TLS door in front of a plain HTTP address, whose certificate and authority can be exchanged while it is open: what
//! an API server looks like whose authority is rotated.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// A certificate authority and a door's certificate that it signed.
struct Papers {
    authority: String,
    server: Arc<ServerConfig>,
}

impl Papers {
    fn new(name: &str) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(vec![]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, name);
        let pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Self {
            authority: pem,
            server: Arc::new(server),
        }
    }
}

/// What the door shows now, and what ends the connections that were opened under it.
#[derive(Clone)]
struct Shown {
    server: Arc<ServerConfig>,
    until: CancellationToken,
}

/// The door; gone with the value.
pub struct Door {
    shown: Arc<Mutex<Shown>>,
    server: JoinHandle<()>,
    port: u16,
    folder: tempfile::TempDir,
}

impl Door {
    /// A door to `127.0.0.1:to`, with papers of its own.
    pub async fn to(to: u16) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let papers = Papers::new("the old authority");
        let shown = Arc::new(Mutex::new(Shown {
            server: papers.server,
            until: CancellationToken::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let server = tokio::spawn(serve(listener, to, shown.clone()));
        let door = Self {
            shown,
            server,
            port,
            folder,
        };
        std::fs::write(door.authority(), papers.authority).unwrap();
        door
    }

    /// The file with the authorities that clients are to trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// The file with the token that clients are to show.
    pub fn token(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// Makes a new authority; the file trusts both from now on. What [`Self::show`] takes.
    pub fn announce(&self) -> NewPapers {
        let papers = Papers::new("the new authority");
        let both = std::fs::read_to_string(self.authority()).unwrap() + &papers.authority;
        put(&self.authority(), &both);
        NewPapers(papers)
    }

    /// Shows the new certificate, trusts the new authority only, and ends every connection.
    pub fn show(&self, papers: &NewPapers) {
        put(&self.authority(), &papers.0.authority);
        let next = Shown {
            server: papers.0.server.clone(),
            until: CancellationToken::new(),
        };
        std::mem::replace(&mut *self.shown.lock().unwrap(), next).until.cancel();
    }

    /// A kubeconfig that goes through this door and names its authority and its token by file.
    pub fn kubeconfig(&self) -> PathBuf {
        self.write_kubeconfig("certificate-authority: ca.crt")
    }

    /// As [`Self::kubeconfig`], with the authority of now in it.
    pub fn kubeconfig_with_authority(&self) -> PathBuf {
        let authority = base64::engine::general_purpose::STANDARD.encode(std::fs::read(self.authority()).unwrap());
        self.write_kubeconfig(&format!("certificate-authority-data: {authority}"))
    }

    fn write_kubeconfig(&self, authority: &str) -> PathBuf {
        let path = self.folder.path().join("kubeconfig");
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: door, contexts: [{{name: door, context: {{cluster: door, \
             user: door}}}}], clusters: [{{name: door, cluster: {{server: \"https://127.0.0.1:{}\", {authority}}}}}], \
             users: [{{name: door, user: {{tokenFile: token}}}}]}}\n",
            self.port
        );
        put(&path, &text);
        path
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Papers that nobody has seen yet.
pub struct NewPapers(Papers);

/// As kubelet does it: a reader sees the old file or the new one.
pub fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

async fn serve(listener: TcpListener, to: u16, shown: Arc<Mutex<Shown>>) {
    let mut open = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let shown = shown.lock().unwrap().clone();
        open.spawn(async move {
            let carried = async {
                let mut near = TlsAcceptor::from(shown.server).accept(near).await?;
                let mut far = TcpStream::connect(("127.0.0.1", to)).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            };
            tokio::select! {
                _ = carried => {}
                () = shown.until.cancelled() => {}
            }
        });
    }
}
