//! TLS: each thing that can be wrong with a certificate, by itself and together.

use std::{path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use super::{
    super::outcome::Outcome,
    servers::{Server, answer, asker, container, listen, probe, server_config, tarpit, task, word},
};
use crate::policy::probe::{Credentials, Kind, Probe};

/// An authority, its certificate in a file, and what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.as_ref().pem()).unwrap();
        Self { issuer, folder }
    }

    /// A certificate for some names, from and until some years.
    fn sign(&self, names: &[&str], years: (i32, i32)) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let mut parameters =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        (parameters.not_before, parameters.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    async fn serve(&self, names: &[&str], years: (i32, i32)) -> Server {
        let (certificate, key) = self.sign(names, years);
        Server::secure(server_config(vec![certificate], key), |_| answer(200, "")).await
    }
}

fn secure(kind: Kind, names: &[&str]) -> Probe {
    let mut probe = probe(kind, (kind == Kind::Https).then_some("/"));
    probe.tls.ca_file = Some("ca.pem".into());
    probe.tls.names = names.iter().map(|name| (*name).into()).collect();
    probe
}

async fn ask(probe: Probe, server: &Server, secrets: &Path) -> Outcome {
    asker(secrets).ask(&task(probe, container(server.at))).await
}

/// What was found: chain, names, time.
fn checks(outcome: &Outcome) -> (bool, bool, bool) {
    let shown = outcome.facts.shown.as_ref().unwrap();
    (shown.chain, shown.names, shown.time)
}

#[tokio::test]
async fn a_good_certificate_and_all_that_is_known_of_it() {
    let authority = Authority::new();
    let server = authority.serve(&["api", "shop.example"], (2020, 2090)).await;
    for kind in [Kind::Https, Kind::Tls] {
        let outcome = ask(secure(kind, &["shop.example"]), &server, authority.folder.path()).await;
        assert_eq!((word(&outcome), checks(&outcome)), ("ok", (true, true, true)), "{:?}", outcome.failure);
        let shown = outcome.facts.shown.clone().unwrap();
        assert_eq!(shown.certificate.validity, (1_577_836_800, 3_786_912_000));
        assert_eq!(shown.certificate.names, ["api", "shop.example"]);
        assert_eq!(shown.chain_ends, 3_786_912_000);
        assert_eq!(outcome.facts.tls_version, Some("TLSv1_3"));
        assert!(outcome.facts.took(super::super::outcome::Phase::Tls).is_some());
    }
    let asked = server.asked.lock().unwrap();
    assert_eq!(asked.len(), 1, "a tls probe sends nothing but its greeting");
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_told_by_itself() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let ours = authority.folder.path();
    for (what, server, names, expected) in [
        ("its time", authority.serve(&["api"], (2020, 2021)).await, &[][..], ("certificate_time", (true, true, false))),
        ("too early", authority.serve(&["api"], (2080, 2090)).await, &[], ("certificate_time", (true, true, false))),
        ("its name", authority.serve(&["web"], (2020, 2090)).await, &[], ("certificate_names", (true, false, true))),
        (
            "one of its names",
            authority.serve(&["api"], (2020, 2090)).await,
            &["shop.example"],
            ("certificate_names", (true, false, true)),
        ),
        ("its root", stranger.serve(&["api"], (2020, 2090)).await, &[], ("certificate_chain", (false, true, true))),
        ("all of it", stranger.serve(&["web"], (2020, 2021)).await, &[], ("certificate_time", (false, false, false))),
    ] {
        for kind in [Kind::Https, Kind::Tls] {
            let outcome = ask(secure(kind, names), &server, ours).await;
            assert_eq!((word(&outcome), checks(&outcome)), expected, "{what}");
            // It is told, and fails nothing, where somebody said so.
            let mut insecure = secure(kind, names);
            insecure.tls.insecure = true;
            let outcome = ask(insecure, &server, ours).await;
            assert_eq!((word(&outcome), checks(&outcome)), ("ok", expected.1), "{what}");
        }
        assert_eq!(server.asked.lock().unwrap().len(), 1, "{what}: asked only where that does not matter");
    }
}

#[tokio::test]
async fn self_signed_is_of_nobody_and_a_chain_ends_with_its_first() {
    let authority = Authority::new();
    let own = rcgen::generate_simple_self_signed(["api".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let server = Server::secure(server_config(vec![own.cert.der().clone()], key), |_| answer(200, "")).await;
    let outcome = ask(secure(Kind::Tls, &[]), &server, authority.folder.path()).await;
    assert_eq!((word(&outcome), checks(&outcome)), ("certificate_chain", (false, true, true)));

    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "between");
    parameters.not_after = date_time_ymd(2060, 1, 1);
    let between_key = KeyPair::generate().unwrap();
    let between = parameters.signed_by(&between_key, &authority.issuer).unwrap();
    let issuer = rcgen::Issuer::new(parameters, between_key);
    let mut leaf = CertificateParams::new(["api".to_owned()]).unwrap();
    leaf.not_after = date_time_ymd(2090, 1, 1);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let chain = vec![leaf.der().clone(), between.der().clone()];
    let key = PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap();
    let server = Server::secure(server_config(chain, key), |_| answer(200, "")).await;
    let outcome = ask(secure(Kind::Tls, &[]), &server, authority.folder.path()).await;
    assert_eq!((word(&outcome), checks(&outcome)), ("ok", (true, true, true)), "{:?}", outcome.failure);
    let shown = outcome.facts.shown.unwrap();
    assert_eq!((shown.certificate.validity.1, shown.chain_ends), (3_786_912_000, 2_840_140_800));
}

#[tokio::test]
async fn without_a_greeting_there_is_no_certificate() {
    let authority = Authority::new();
    let at = listen(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
    });
    let plain = Server { at: at.await, asked: Arc::default() };
    let outcome = ask(secure(Kind::Tls, &[]), &plain, authority.folder.path()).await;
    assert_eq!((word(&outcome), outcome.facts.shown), ("tls", None));
    let pit = Server { at: tarpit().await, asked: Arc::default() };
    let outcome = ask(secure(Kind::Https, &[]), &pit, authority.folder.path()).await;
    assert_eq!(
        (word(&outcome), outcome.failure.unwrap().text),
        ("timeout", "not over after 1s: it was greeting".to_owned())
    );
}

#[tokio::test]
async fn credentials_go_to_nobody_whose_certificate_does_not_verify() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = stranger.serve(&["api"], (2020, 2090)).await;
    std::fs::write(authority.folder.path().join("token"), "s3cret").unwrap();
    let mut probe = secure(Kind::Https, &[]);
    probe.credentials = Credentials::Bearer("token".into());
    assert_eq!(word(&ask(probe, &server, authority.folder.path()).await), "certificate_chain");
    assert_eq!(server.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn roots_are_read_again_when_they_have_changed() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = stranger.serve(&["api"], (2020, 2090)).await;
    let asker = asker(authority.folder.path());
    let asked = task(secure(Kind::Tls, &[]), container(server.at));
    assert_eq!(word(&asker.ask(&asked).await), "certificate_chain");
    let file = authority.folder.path().join("ca.pem");
    std::fs::write(&file, stranger.issuer.as_ref().pem() + &authority.issuer.as_ref().pem()).unwrap();
    assert_eq!(word(&asker.ask(&asked).await), "ok");
    std::fs::write(&file, "nothing").unwrap();
    let outcome = asker.ask(&asked).await;
    assert_eq!(word(&outcome), "credentials", "{:?}", outcome.failure);
    // Without a file those of the machine, or of the browsers: of nobody here.
    let mut probe = secure(Kind::Tls, &[]);
    probe.tls.ca_file = None;
    assert_eq!(word(&asker.ask(&task(probe, container(server.at))).await), "certificate_chain");
}

#[tokio::test]
async fn the_name_of_the_greeting_is_the_probes_own() {
    let authority = Authority::new();
    let server = authority.serve(&["shop.example"], (2020, 2090)).await;
    let mut probe = secure(Kind::Https, &[]);
    probe.tls.server_name = Some("shop.example".into());
    assert_eq!(word(&ask(probe, &server, authority.folder.path()).await), "ok");
    assert!(server.asked.lock().unwrap()[0].contains("host: shop.example:80\r\n"));
}
