//! The listener with TLS: handshakes good, bad, slow and none; certificates that change; client certificates.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use spyhop::http::access::{Material, Named, TlsMaterial};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Client, Server, soon};

const SHORT: Duration = Duration::from_millis(300);

/// A root with what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Named {
        named("ca.pem", self.0.pem())
    }

    /// A certificate for that name, and its key.
    fn signs(&self, name: &str) -> (Named, Named) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2031, 1, 1);
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        (named("cert.pem", certificate.pem()), named("key.pem", key.serialize_pem()))
    }

    fn serving(&self, client_ca: Option<&Self>) -> Material {
        let (certificate, key) = self.signs("agent.test");
        let client_ca = client_ca.map(Self::pem);
        Material { tls: Some(TlsMaterial { certificate, key, client_ca, only_tls13: false }), ..Material::default() }
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion], identity: Option<(Named, Named)>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_slice_iter(&certificate.bytes).collect::<Result<_, _>>().unwrap();
                let key = PrivateKeyDer::from_pem_slice(&key.bytes).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }
    }
}

fn named(name: &str, pem: String) -> Named {
    Named { name: name.into(), bytes: pem.into_bytes() }
}

async fn shake(server: &Server, config: &ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("agent.test").unwrap();
    soon("a handshake", TlsConnector::from(Arc::new(config.clone())).connect(name, stream)).await
}

async fn connect(server: &Server, config: &ClientConfig) -> Client {
    Client::over(shake(server, config).await.unwrap())
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

#[tokio::test]
async fn both_versions_are_spoken_and_http_1_is_chosen() {
    let authority = Authority::new();
    let server = Server::guarded(authority.serving(None), |_| {}).await;
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut config = authority.client(&[version], None);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = shake(&server, &config).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut client = Client::over(stream);
        for _ in 0..3 {
            assert_eq!(client.ask("GET", "/metrics", "").await.status, 200);
        }
    }
    assert_eq!(server.counter("spyhop_tls_certificate_expiry_timestamp_seconds"), 1_924_992_000.0);
    let mut only_new = authority.serving(None);
    only_new.tls.as_mut().unwrap().only_tls13 = true;
    server.gate.take_over(&only_new).unwrap();
    assert!(shake(&server, &authority.client(&[&TLS12], None)).await.is_err());
    assert!(shake(&server, &authority.client(&[&TLS13], None)).await.is_ok());
}

#[tokio::test]
async fn a_page_of_many_records_arrives_whole() {
    let authority = Authority::new();
    let server = Server::guarded(authority.serving(None), |_| {}).await;
    let page = Bytes::from((0..3_000_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    server.scraper.gives(Ok(page.clone()));
    let mut client = connect(&server, &authority.client(BOTH, None)).await;
    assert!(client.ask("GET", "/metrics", "").await.body == page);
    assert_eq!(client.ask("GET", "/health/live", "connection: close\r\n").await.status, 200);
    client.ended().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_counted_and_costs_the_others_nothing() {
    let authority = Authority::new();
    let server = Server::guarded(authority.serving(None), |settings| settings.header_timeout = SHORT).await;
    let refused = "spyhop_http_refused_total{reason=\"handshake\"}";
    let record = |kind: u8, length: u16, body: &[u8]| [&[kind, 3, 1][..], &length.to_be_bytes(), body].concat();
    let garbage: Vec<Vec<u8>> = vec![
        b"\x00\x01\x02\x03garbage that is no record".to_vec(),
        record(22, 5, b"\x01\x00\x00\x01\xff"),
        record(22, 0xffff, &[0; 512]),
        record(23, 4, b"data"),
        record(21, 2, b"\x02\x28"),
        record(22, 4, b"\x01\xff\xff\xff"),
        vec![0xff; 100_000],
        vec![0x16; 70_000],
        b"hello\r\n\r\n".to_vec(),
    ];
    let mut count = 0.0;
    for bytes in garbage {
        let mut client = server.connect().await;
        client.try_send(&bytes).await;
        client.closed().await;
        count += 1.0;
        server.counted(refused, count).await;
    }
    // Said in words to whoever speaks plain HTTP.
    let answer = server.get("/metrics").await;
    assert_eq!((answer.status, answer.text()), (400, "TLS is spoken here: https://\n"));
    server.counted(refused, count + 1.0).await;
    // One that never begins, and one that never ends.
    let silent = server.connect().await;
    let mut half = server.connect().await;
    half.send(record(22, 512, &[1, 0, 1, 0xfc, 3, 3])).await;
    silent.closed().await;
    half.closed().await;
    server.counted(refused, count + 3.0).await;
    // One that only looks whether somebody listens.
    let mut knock = server.connect().await;
    knock.finish().await;
    knock.closed().await;
    server.deserted().await;
    assert_eq!(server.counter(refused), count + 3.0);
    let mut client = connect(&server, &authority.client(BOTH, None)).await;
    assert_eq!(client.ask("GET", "/metrics", "").await.status, 200);
}

#[tokio::test]
async fn handshakes_that_do_not_end_hold_nobody_up() {
    let authority = Authority::new();
    let server = Server::guarded(authority.serving(None), |settings| {
        settings.max_connections = 4;
        settings.header_timeout = Duration::from_secs(3600);
    })
    .await;
    let mut crowd = Vec::new();
    for _ in 0..50 {
        let mut client = server.connect().await;
        client.send([22, 3, 1]).await;
        crowd.push(client);
    }
    let mut client = connect(&server, &authority.client(BOTH, None)).await;
    assert_eq!(client.ask("GET", "/health/live", "").await.status, 200);
    assert!(server.counter("spyhop_http_connections") <= 4.0);
}

#[tokio::test]
async fn readers_of_nothing_are_cut_through_tls_too() {
    let authority = Authority::new();
    let server = Server::guarded(authority.serving(None), |settings| settings.write_timeout = SHORT).await;
    server.scraper.gives(Ok(Bytes::from(vec![b'x'; 48 << 20])));
    let mut stuck = connect(&server, &authority.client(BOTH, None)).await;
    stuck.request("GET", "/metrics", "").await;
    server.scraper.asked(1).await;
    server.counted("spyhop_refused_total{reason=\"requests\"}", 1.0).await;
    server.deserted().await;
    // Small answers, which TLS buffers whole while the socket takes nothing more.
    server.scraper.gives(Ok(Bytes::from(vec![b'x'; 10 << 10])));
    let mut stuck = connect(&server, &authority.client(BOTH, None)).await;
    let request = "GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n".repeat(100);
    while soon("the server's patience", stuck.try_send(request.as_bytes())).await {}
    server.deserted().await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_at_once_and_a_broken_one_never() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = Server::guarded(old.serving(None), |_| {}).await;
    let mut kept = connect(&server, &old.client(BOTH, None)).await;
    assert_eq!(kept.ask("GET", "/health/live", "").await.status, 200);
    let good = new.serving(None);
    let tls = good.tls.clone().unwrap();
    let (_, another_key) = new.signs("agent.test");
    for broken in [
        TlsMaterial { key: another_key, ..tls.clone() },
        TlsMaterial { key: tls.certificate.clone(), ..tls.clone() },
        TlsMaterial { certificate: tls.key.clone(), ..tls.clone() },
        TlsMaterial { certificate: named("c", String::new()), ..tls.clone() },
        TlsMaterial {
            certificate: named("c", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".into()),
            ..tls.clone()
        },
        TlsMaterial { client_ca: Some(tls.key.clone()), ..tls.clone() },
    ] {
        let error = server.gate.take_over(&Material { tls: Some(broken), ..Material::default() }).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("BEGIN"), "{error:?}");
        assert!(shake(&server, &old.client(BOTH, None)).await.is_ok());
    }
    assert_eq!(server.counter("spyhop_access_last_reload_successful"), 0.0);
    server.gate.take_over(&good).unwrap();
    assert_eq!(server.counter("spyhop_access_last_reload_successful"), 1.0);
    assert!(shake(&server, &old.client(BOTH, None)).await.is_err());
    assert!(shake(&server, &new.client(BOTH, None)).await.is_ok());
    assert_eq!(kept.ask("GET", "/health/live", "").await.status, 200, "a connection from before goes on");
}

#[tokio::test]
async fn certificates_change_under_load_without_a_failed_request() {
    let authority = Authority::new();
    let server = Server::guarded(authority.serving(None), |_| {}).await;
    let config = authority.client(BOTH, None);
    for _ in 0..30 {
        let (one, two) = tokio::join!(shake(&server, &config), async {
            server.gate.take_over(&authority.serving(None)).unwrap();
            shake(&server, &config).await
        });
        for stream in [one, two] {
            assert_eq!(Client::over(stream.unwrap()).ask("GET", "/metrics", "").await.status, 200);
        }
    }
}

#[tokio::test]
async fn client_certificates_are_asked_for_on_everything_but_probes() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let server = Server::guarded(authority.serving(Some(&clients)), |_| {}).await;
    for version in [&TLS12, &TLS13] {
        let mut known = connect(&server, &authority.client(&[version], Some(clients.signs("prometheus")))).await;
        assert_eq!(known.ask("GET", "/metrics", "").await.status, 200);
        let mut nobody = connect(&server, &authority.client(&[version], None)).await;
        assert_eq!(nobody.ask("GET", "/health/live", "").await.status, 200);
        let answer = nobody.ask("GET", "/metrics", "").await;
        assert_eq!((answer.status, answer.text()), (403, "a client certificate is needed\n"));
        // In TLS 1.3 the client learns only after its own handshake that the other side does not believe it.
        let stranger = shake(&server, &authority.client(&[version], Some(strangers.signs("prometheus")))).await;
        if let Ok(stream) = stranger {
            let mut client = Client::over(stream);
            client.try_send(b"GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n").await;
            assert_eq!(client.closed().await, b"");
        }
    }
    server.counted("spyhop_http_refused_total{reason=\"certificate\"}", 2.0).await;
    server.counted("spyhop_http_refused_total{reason=\"handshake\"}", 2.0).await;
    assert_eq!(server.scraper.requests().len(), 2);
}

/// What was proved to earlier roots, or before TLS was switched on, is worth nothing to later ones.
#[tokio::test]
async fn a_connection_from_before_is_no_way_around_what_is_asked_now() {
    let (authority, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let server = Server::start().await;
    let mut plain = server.connect().await;
    assert_eq!(plain.ask("GET", "/metrics", "").await.status, 200);
    server.gate.take_over(&authority.serving(Some(&clients))).unwrap();
    let answer = plain.ask("GET", "/metrics", "").await;
    assert_eq!((answer.status, answer.header("connection")), (421, "close"));
    plain.ended().await;

    let config = authority.client(BOTH, Some(clients.signs("prometheus")));
    let mut certified = connect(&server, &config).await;
    assert_eq!(certified.ask("GET", "/metrics", "").await.status, 200);
    server.gate.take_over(&authority.serving(Some(&clients))).unwrap();
    assert_eq!(certified.ask("GET", "/metrics", "").await.status, 200, "the same roots, a new certificate");
    server.gate.take_over(&authority.serving(Some(&others))).unwrap();
    let answer = certified.ask("GET", "/metrics", "").await;
    assert_eq!((answer.status, answer.header("connection")), (421, "close"));
    // Nor is a session that was begun with them: it cannot be resumed past the new roots.
    if let Ok(stream) = shake(&server, &config).await {
        let mut client = Client::over(stream);
        client.try_send(b"GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(client.closed().await, b"");
    }
    server.gate.take_over(&Material::default()).unwrap();
    assert_eq!(server.get("/metrics").await.status, 200, "and TLS can be switched off again");
    assert_eq!(server.counter("spyhop_http_refused_total{reason=\"outdated\"}"), 2.0);
}
