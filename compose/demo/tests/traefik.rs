//! The program as Traefik: who is sent where, with which certificate, and what the API says of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test which cannot go on has failed")]

mod support;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{Demo, PATIENCE, command, json};

struct Gateway {
    child: Child,
    addresses: Vec<String>,
    roots: RootCertStore,
    _folder: tempfile::TempDir,
}

impl Gateway {
    /// In front of a service that is there and one that is not.
    fn before(demo: &Demo) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["shop.example".to_owned()]).unwrap();
        let routers = format!(
            r#"{{"routers": [
                {{"name": "shop", "rule": "Host(`shop.example`)", "entryPoints": ["websecure"], "tls": true, "server": "{}"}},
                {{"name": "gone", "rule": "Host(`shop.example`) && PathPrefix(`/gone`)", "entryPoints": ["websecure"], "server": "127.0.0.1:9"}}
            ]}}"#,
            demo.address
        );
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name).display().to_string()
        };
        let (cert, key) = (write("cert.pem", &made.cert.pem()), write("key.pem", &made.signing_key.serialize_pem()));
        let routers = write("routers.json", &routers);
        let arguments = [
            "traefik",
            "--address",
            "127.0.0.1",
            "--ports",
            "0,0,0",
            "--routers",
            &routers,
            "--cert",
            &cert,
            "--key",
            &key,
        ];
        let mut child = command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses =
            json(&line)["addresses"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        Self { child, addresses, roots, _folder: folder }
    }

    fn plain(&self, door: usize, host: &str, path: &str) -> String {
        let stream = TcpStream::connect(&self.addresses[door]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        exchange(stream, host, path)
    }

    fn secure(&self, path: &str) -> String {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = "shop.example".try_into().unwrap();
        let stream = TcpStream::connect(&self.addresses[1]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        exchange(StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream), "shop.example", path)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn exchange(mut stream: impl Read + Write, host: &str, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The end of TLS may come without its goodbye.
    stream.read_to_end(&mut answer).ok();
    String::from_utf8(answer).unwrap()
}

#[test]
fn requests_go_where_the_rules_say() {
    let demo = Demo::start(&[]);
    let gateway = Gateway::before(&demo);
    let answer = gateway.secure("/health/ready");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
    assert!(gateway.secure("/gone").starts_with("HTTP/1.1 502"));
    let moved = gateway.plain(0, "shop.example", "/x");
    assert!(moved.starts_with("HTTP/1.1 301") && moved.contains("location: https://shop.example/x"), "{moved}");
    let counted = gateway.plain(2, "x", "/metrics");
    assert!(counted.contains(r#"router="shop@docker",service="shop@docker"} 1"#), "{counted}");
    assert!(counted.contains(r#"traefik_entrypoint_requests_total{code="502",entrypoint="websecure""#), "{counted}");
}

#[test]
fn the_api_names_routers_and_their_servers() {
    let demo = Demo::start(&[]);
    let gateway = Gateway::before(&demo);
    let body = |path: &str| json(gateway.plain(2, "x", path).split("\r\n\r\n").nth(1).unwrap());
    let routers = body("/api/http/routers");
    let names: Vec<_> = routers.as_array().unwrap().iter().map(|router| router["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop@docker", "gone@docker", "api@internal"]);
    assert_eq!(routers[0]["status"], "enabled");
    let services = body("/api/http/services");
    assert_eq!(services[0]["loadBalancer"]["servers"][0]["url"], format!("http://{}", demo.address));
    assert_eq!(body("/api/http/routers/shop@docker")["rule"], "Host(`shop.example`)");
    assert!(gateway.plain(2, "x", "/api/http/routers/none@docker").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_bearer_token_opens_the_api_of_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "open-sesame\n").unwrap();
    let demo = Demo::start(&["--bearer-file", path(&token)]);
    let with = |value: &str| {
        demo.ask(&format!(
            "GET /api/v1/cars HTTP/1.1\r\nhost: demo\r\nauthorization: {value}\r\nconnection: close\r\n\r\n"
        ))
    };
    let refused = demo.get("/api/v1/cars");
    assert_eq!(refused.status, 401);
    assert!(refused.head.contains("www-authenticate: Bearer"), "{}", refused.head);
    assert_eq!(with("Bearer wrong").status, 401);
    assert_eq!(with("Bearer open-sesame").status, 200);
    assert_eq!(demo.get("/health").status, 200);
    // What a test plants: a service that has stopped to ask.
    demo.post("/control", r#"{"open":true}"#);
    assert_eq!(demo.get("/api/v1/cars").status, 200);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
