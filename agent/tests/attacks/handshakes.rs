//! TLS garbage, and handshakes that are begun and left.

use std::{sync::Arc, time::Instant};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    support::wait::patience,
    target::{ATTACKER, PROMETHEUS, TOKEN, Target, closed, connect, in_time, many_descriptors, tls, try_connect},
};

async fn secure(target: &Target, from: std::net::Ipv4Addr) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(target.folder.path().join("cert.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = connect(from, target.agent.address).await;
    let name = ServerName::try_from("agent.test").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn scrape(target: &Target, from: std::net::Ipv4Addr) -> String {
    let start = Instant::now();
    let mut stream = secure(target, from).await.unwrap();
    let request =
        format!("GET /metrics HTTP/1.1\r\nhost: spyhop\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(start.elapsed() < in_time(), "{:?}", start.elapsed());
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_half_handshakes() {
    many_descriptors();
    let target = Arc::new(Target::start(tls));
    let hello = [&[22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3][..], &[0; 16_000]].concat();
    let kinds: Vec<(Vec<u8>, bool)> = vec![
        (b"GET /metrics HTTP/1.1\r\nhost: spyhop\r\n\r\n".to_vec(), true),
        (vec![0xff; 64 << 10], true),
        ([&[22, 3, 1, 0x40, 0][..], &[1; 0x4000]].concat(), true),
        (hello, false),
        (vec![22, 3, 1], false),
        (Vec::new(), false),
    ];
    let mut attackers = JoinSet::new();
    for n in 0..1_200_usize {
        let (to, (bytes, ends)) = (target.agent.address, kinds.get(n % kinds.len()).unwrap().clone());
        attackers.spawn(async move {
            let Some(mut client) = try_connect(ATTACKER, to).await else { return };
            client.write_all(&bytes).await.ok();
            if ends {
                closed(&mut client).await;
            } else {
                // Held until the agent has had enough.
                tokio::time::timeout(patience(), closed(&mut client)).await.expect("a handshake has a deadline");
            }
        });
        if n % 200 == 0 {
            scrape(&target, PROMETHEUS).await;
        }
    }
    while let Some(ended) = attackers.join_next().await {
        ended.unwrap();
    }
    let page = scrape(&target, PROMETHEUS).await;
    target.stayed_small("1,200 connections of TLS garbage");
    let line = page.lines().find_map(|line| line.strip_prefix("spyhop_http_refused_total{reason=\"handshake\"} "));
    assert!(line.unwrap().parse::<f64>().unwrap() > 400.0, "{line:?}");
}

/// Every connection makes a whole handshake and then does nothing: what TLS keeps for each has to fit as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_after_a_handshake() {
    many_descriptors();
    let target = Arc::new(Target::start(tls));
    let mut opening = JoinSet::new();
    let mut crowd = Vec::new();
    for n in 0..1_000 {
        let shared = Arc::clone(&target);
        opening.spawn(async move { secure(&shared, ATTACKER).await.ok() });
        if opening.len() >= 16 {
            crowd.extend(opening.join_next().await.unwrap().unwrap());
        }
        if n % 250 == 0 {
            scrape(&target, PROMETHEUS).await;
        }
    }
    while let Some(opened) = opening.join_next().await {
        crowd.extend(opened.unwrap());
    }
    assert!(crowd.len() > 900, "{}", crowd.len());
    scrape(&target, PROMETHEUS).await;
    scrape(&target, ATTACKER).await;
    target.stayed_small("1,000 idle connections after a handshake");
}
