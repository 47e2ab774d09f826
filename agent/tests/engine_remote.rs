//! An engine reached over the network: TCP, TLS with client certificates, and docker contexts.
//!
//! Promised: what the docker command would reach is reached; nobody is believed without a certificate of the named authority;
//! renewed certificates are taken over; a refusal says why and quotes nothing.

#![expect(clippy::expect_used, reason = "helpers of tests")]

mod support;

use std::{collections::BTreeMap, error::Error as _, path::Path};

use spyhop::{
    engine::{Around, Engine, Error, Wish, find},
    telemetry::Metrics,
};
use support::{
    agent::Home,
    docker::Turn,
    fake_engine::{FakeContainer, FakeEngine, World, id_of},
    scene::{Scene, binary, replica},
    tls_proxy::{Authority, Gate},
    wait::promptly,
};

/// What is found with these variables.
fn reach(wish: &Wish, variables: &[(&str, &str)]) -> Engine {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let found = find(wish, &Around { variable: &variable, exists: &|_| false, user: 0 }).expect("an endpoint");
    Engine::new(found.endpoint, Metrics::default()).expect("a handle")
}

fn docker_host(gate: &Gate) -> Wish {
    Wish { address: Some(format!("tcp://{}", gate.address)), ..Wish::default() }
}

fn world() -> World {
    World::new().with(FakeContainer::new("web").compose("shop", "web", 1).running(7))
}

fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text += &format!(": {next}");
        cause = next.source();
    }
    text
}

async fn lists(engine: &Engine) {
    engine.version().await.expect("a version");
    let listed = engine.containers().await.expect("a list");
    assert_eq!(listed.first().map(|id| id.as_str().to_owned()), Some(id_of("web")));
}

#[tokio::test]
async fn an_engine_over_tcp_is_asked_like_any_other() {
    let fake = FakeEngine::start(world());
    let gate = Gate::open(&fake.socket(), None);
    let engine = reach(&docker_host(&gate), &[]);
    lists(&engine).await;
    assert_eq!(engine.address().to_string(), format!("tcp://{}", gate.address));
}

#[tokio::test]
async fn certificates_open_the_door_and_nothing_else_does() {
    let fake = FakeEngine::start(world());
    let (ours, other) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    ours.write_client(&at("ours"));
    other.write_client(&at("other"));
    ours.write_client(&at("nameless"));
    for name in ["cert.pem", "key.pem"] {
        std::fs::remove_file(at("nameless").join(name)).expect("a file");
    }
    let gate = Gate::open(&fake.socket(), Some(ours.server("127.0.0.1")));
    let with = |folder: &Path, gate: &Gate| {
        let folder = folder.display().to_string();
        reach(&docker_host(gate), &[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", &folder)])
    };
    lists(&with(&at("ours"), &gate)).await;

    // An engine signed by somebody else; no certificate of ours; an engine of another name; no TLS at all.
    let wrong = with(&at("other"), &gate).version().await.expect_err("not the engine");
    assert!(matches!(wrong, Error::Unreachable { .. }) && told(&wrong).contains("certificate"), "{}", told(&wrong));
    let wrong = with(&at("nameless"), &gate).version().await.expect_err("nobody knows us");
    assert!(told(&wrong).contains("ertificate"), "{}", told(&wrong));
    let elsewhere = Gate::open(&fake.socket(), Some(ours.server("engine.example.com")));
    let wrong = with(&at("ours"), &elsewhere).version().await.expect_err("another name");
    assert!(told(&wrong).contains("not valid for name"), "{}", told(&wrong));
    let wrong = reach(&docker_host(&gate), &[]).version().await.expect_err("no TLS");
    assert!(matches!(wrong, Error::Interrupted { .. } | Error::Malformed { .. }), "{}", told(&wrong));
    assert_eq!(fake.requests().len(), 2, "only the first was let in");
}

#[tokio::test]
async fn renewed_certificates_are_taken_over() {
    let fake = FakeEngine::start(world());
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().expect("a folder");
    old.write_client(folder.path());
    let gate = Gate::open(&fake.socket(), Some(new.server("127.0.0.1")));
    let path = folder.path().display().to_string();
    let engine = reach(&docker_host(&gate), &[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", &path)]);
    engine.version().await.expect_err("the engine has a new certificate");
    // Half of a renewal changes nothing.
    std::fs::write(folder.path().join("cert.pem"), "no certificate").expect("a file");
    engine.version().await.expect_err("still");
    new.write_client(folder.path());
    lists(&engine).await;
}

#[test]
fn the_agent_reaches_what_the_variables_and_contexts_name() {
    let fake = FakeEngine::start(world());
    let authority = Authority::new();
    let gate = Gate::open(&fake.socket(), Some(authority.server("127.0.0.1")));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let shows = |home: Home| {
        let agent = home.start();
        let found = agent.scrape().value("spyhop_container_started_timestamp_seconds", &replica("shop", "web", "1"));
        assert!(found.is_some(), "the container is on the page: {}", agent.log());
        assert!(!agent.log().contains("BEGIN"), "no file is quoted");
    };

    authority.write_client(folder.path());
    let by_variables = Home::reaching(&binary(), "auto", "")
        .environment("DOCKER_HOST", &format!("tcp://{}", gate.address))
        .environment("DOCKER_TLS_VERIFY", "1")
        .environment("DOCKER_CERT_PATH", &path);
    shows(by_variables);

    // The folder of the context "prod" is the digest of its name.
    let id = "6754af9632a2745e85c293e5aac0863370d9bd3330b9938c00cadfd215227d77";
    let meta = folder.path().join("contexts/meta").join(id);
    std::fs::create_dir_all(&meta).expect("a folder");
    let text = format!(r#"{{"Name":"prod","Endpoints":{{"docker":{{"Host":"tcp://{}"}}}}}}"#, gate.address);
    std::fs::write(meta.join("meta.json"), text).expect("a file");
    authority.write_client(&folder.path().join("contexts/tls").join(id).join("docker"));
    let by_context = |home: Home| home.environment("DOCKER_CONFIG", &path);
    shows(by_context(Home::reaching(&binary(), "auto", "").environment("DOCKER_CONTEXT", "prod")));
    shows(by_context(Home::reaching(&binary(), "auto", "").environment("SPYHOP__ENGINE__CONTEXT", "prod")));
    std::fs::write(folder.path().join("config.json"), r#"{"currentContext":"prod"}"#).expect("a file");
    shows(by_context(Home::reaching(&binary(), "auto", "")));

    let by_file = Home::reaching(&binary(), &format!("tcp://{}", gate.address), "")
        .environment("SPYHOP__ENGINE__CA_FILE", "ca.pem")
        .environment("SPYHOP__ENGINE__CERT_FILE", "cert.pem")
        .environment("SPYHOP__ENGINE__KEY_FILE", "key.pem")
        .environment("SECRETS_DIR", &path);
    shows(by_file);
}

#[test]
fn the_real_engine_is_followed_through_tls() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let authority = Authority::new();
    let gate = Gate::open(scene.docker.socket(), Some(authority.server("127.0.0.1")));
    let folder = tempfile::tempdir().expect("a folder");
    authority.write_client(folder.path());
    let agent = Home::reaching(&binary(), &format!("tcp://{}", gate.address), "")
        .environment("DOCKER_TLS_VERIFY", "1")
        .environment("DOCKER_CERT_PATH", &folder.path().display().to_string())
        .start();
    let container = scene.docker.container("tls").compose("remote", "tls", 1).start();
    promptly("a start, through TLS", || agent.scrape().require("container_last_seen", &[("name", &container.name)]));
    container.act(&["kill"]);
    promptly("a kill, through TLS", || agent.scrape().absent("container_last_seen", &[("name", &container.name)]));
}
