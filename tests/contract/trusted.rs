//! Servers behind TLS: whom we trust, and that a Secret's own authority is trusted instead of the system's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use metawsm::ports::doc_source::{DocServer, DocSource as _, DocSourceCode};
use metawsm::ports::secrets::Credential;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::hostile_server::status;
use crate::stage::{PATIENCE, client, listed};

/// A server with a certificate for 127.0.0.1, and the authority that signed it.
fn tls_server() -> (SocketAddr, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(session, stream));
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                if stream.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
            }
            let body = status("2026-11-21T08:36:44Z").to_string();
            let head = format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close",
                body.len()
            );
            let _ = write!(stream.get_mut(), "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
            stream.get_mut().conn.send_close_notify();
            let _ = stream.get_mut().flush();
        }
    });
    (address, pem)
}

fn server(address: SocketAddr, authority: Option<String>) -> DocServer {
    DocServer {
        credential: authority.map(|authority| Credential::Https {
            authorization: None,
            authority: Some(authority),
            words: vec![],
        }),
        ..listed(&format!("https://{address}"))
    }
}

#[tokio::test]
async fn an_authority_that_nobody_vouches_for_is_not_trusted() {
    let (address, _) = tls_server();
    let error = client().status(&server(address, None), PATIENCE).await.unwrap_err();
    assert_eq!(error.code, DocSourceCode::TlsFailed, "{error}");
    assert!(error.message.contains("ca.crt"), "{error}");
}

#[tokio::test]
async fn the_secrets_own_authority_is_trusted_for_its_server_alone() {
    let ((mine, authority), (other, _)) = (tls_server(), tls_server());
    let client = client();
    let read = client.status(&server(mine, Some(authority.clone())), PATIENCE).await;
    assert_eq!(read.unwrap().root, "/repo/ttmp");
    let error = client
        .status(&server(other, Some(authority)), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.code, DocSourceCode::TlsFailed, "{error}");
    let error = client.status(&server(mine, None), PATIENCE).await.unwrap_err();
    assert_eq!(
        error.code,
        DocSourceCode::TlsFailed,
        "the usual client did not learn it: {error}"
    );
}
