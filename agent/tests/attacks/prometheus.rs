//! Not an attack: the real Prometheus gets in by each of the ways which the documentation names.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use crate::{
    support::{
        prometheus::Release,
        wait::{eventually, holds},
    },
    target::{Folder, PASSWORD, Target, certificate, credentials, tls},
};

/// Starts each release with that job, and waits until the target is what it should be.
fn scraped(target: &Target, more: &str, up: f64, error: &str) {
    for release in Release::both() {
        let port = target.agent.address.port();
        let server = release.start_with(&format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: spyhop\n{more}    static_configs:\n      - targets: ['localhost:{port}']\n"
        ));
        eventually("a scrape", || {
            let found = server.number("up{job=\"spyhop\"}")?;
            holds(found == up, || format!("up is {found}: {:?}", server.target()))
        });
        let target = server.target().unwrap();
        let last = target.get("lastError").unwrap().to_string();
        assert!(last.contains(error) && (up == 0.0 || last == "\"\""), "{}: {last}", release.version);
    }
}

fn path(target: &Target, name: &str) -> String {
    target.folder.path().join(name).display().to_string()
}

#[test]
fn with_tls_and_a_token_or_a_password() {
    let target = Target::start(|folder| {
        folder.file("password", PASSWORD);
        folder.file("wrong", "not-the-token-at-all");
        [tls(folder), credentials(folder, 6)].concat()
    });
    let secure = format!(
        "    scheme: https\n    tls_config: {{ca_file: {}, server_name: agent.test}}\n",
        path(&target, "cert.pem")
    );
    let token = format!("{secure}    authorization: {{credentials_file: {}}}\n", path(&target, "tokens"));
    scraped(&target, &token, 1.0, "");
    let password = format!("{secure}    basic_auth: {{username: ann, password_file: {}}}\n", path(&target, "password"));
    scraped(&target, &password, 1.0, "");
    let wrong = format!("{secure}    authorization: {{credentials_file: {}}}\n", path(&target, "wrong"));
    scraped(&target, &wrong, 0.0, "401");
    // It says what is wrong when the scheme is: the answer is 400 and not a broken connection.
    scraped(&target, "", 0.0, "400");
}

#[test]
fn with_the_file_of_its_own_exporters() {
    let target = Target::start(|folder| {
        let (certificate, key) = certificate(2031);
        folder.file("password", PASSWORD);
        folder.file("node.crt", &certificate);
        folder.file("node.key", &key);
        let hash = bcrypt::hash(PASSWORD, 6).unwrap().replacen("$2b$", "$2y$", 1);
        let web = format!(
            "tls_server_config:\n  cert_file: node.crt\n  key_file: node.key\n  min_version: TLS13\nbasic_auth_users:\n  ann: {hash}\n"
        );
        vec![("SPYHOP__HTTP__WEB_CONFIG_FILE", folder.file("web.yml", &web))]
    });
    let more = format!(
        "    scheme: https\n    tls_config: {{ca_file: {}, server_name: agent.test}}\n    basic_auth: {{username: ann, password_file: {}}}\n",
        path(&target, "node.crt"),
        path(&target, "password")
    );
    scraped(&target, &more, 1.0, "");
}

/// A root for clients, and a certificate of it with its key.
fn client(folder: &Folder) -> String {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut client = CertificateParams::new(["prometheus".to_owned()]).unwrap();
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    folder.file("client.crt", &client.signed_by(&key, &root).unwrap().pem());
    folder.file("client.key", &key.serialize_pem());
    folder.file("clients.pem", &root.pem())
}

#[test]
fn with_a_certificate_of_its_own() {
    let target = Target::start(|folder| {
        let mut variables = tls(folder);
        variables.push(("SPYHOP__HTTP__TLS__CLIENT_CA_FILE", client(folder)));
        variables
    });
    let ca = path(&target, "cert.pem");
    let identity = format!("cert_file: {}, key_file: {}", path(&target, "client.crt"), path(&target, "client.key"));
    let with = format!("    scheme: https\n    tls_config: {{ca_file: {ca}, server_name: agent.test, {identity}}}\n");
    scraped(&target, &with, 1.0, "");
    let without = format!("    scheme: https\n    tls_config: {{ca_file: {ca}, server_name: agent.test}}\n");
    scraped(&target, &without, 0.0, "403");
}
