//! Redis and Traefik played by few lines: what a probe of ours makes of their words. The protocols themselves have tests of their own.

use std::{net::SocketAddr, sync::Arc};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    super::outcome::{Facts, Figures, Outcome},
    plan::labelled,
    servers::{Server, answer, asker, container, listen, probe, task, word},
};
use crate::policy::{
    examples::snapshot,
    probe::{Credentials, Kind, Probe},
};

/// A Redis with this password, or without one.
async fn redis(password: Option<&'static str>) -> SocketAddr {
    listen(move |mut stream| async move {
        let (mut let_in, mut piece) = (password.is_none(), [0; 512]);
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            let said = String::from_utf8_lossy(&piece[..read]).into_owned();
            let reply = match (let_in, said) {
                (_, said) if said.contains("AUTH") => {
                    let known = password.is_some_and(|password| said.contains(password));
                    let_in |= known;
                    if known { "+OK\r\n" } else { "-WRONGPASS invalid username-password pair\r\n" }
                }
                (_, said) if said.contains("QUIT") => "+OK\r\n",
                (false, _) => "-NOAUTH Authentication required.\r\n",
                (true, said) if said.contains("INFO") => "$34\r\nconnected_clients:3\r\nrole:master\r\n\r\n",
                (true, _) => "+PONG\r\n",
            };
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

async fn ask(probe: Probe, at: SocketAddr) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "s3cret").unwrap();
    asker(folder.path()).ask(&task(probe, container(at))).await
}

fn with_password(kind: Kind) -> Probe {
    let mut probe = probe(kind, None);
    probe.credentials = Credentials::Basic { user: "".into(), password: Some("password".into()) };
    probe
}

#[tokio::test]
async fn redis_that_answers_or_wants_a_password_is_well() {
    for (password, credentials, expected, enforced) in [
        (None, false, "ok", None),
        (Some("s3cret"), false, "ok", None),
        (Some("s3cret"), true, "ok", Some(true)),
        (Some("another"), true, "denied", None),
    ] {
        let asked = if credentials { with_password(Kind::Redis) } else { probe(Kind::Redis, None) };
        let outcome = ask(asked, redis(password).await).await;
        assert_eq!((word(&outcome), outcome.facts.enforced), (expected, enforced), "{password:?} {outcome:?}");
        assert_eq!(outcome.facts.figures, None, "nobody asked for them");
    }
    let mut figures = probe(Kind::Redis, None);
    figures.figures = true;
    let outcome = ask(figures, redis(None).await).await;
    let Facts { figures: Some(Figures::Redis(info)), .. } = outcome.facts else { panic!("{outcome:?}") };
    assert_eq!(info.connected_clients, Some(3));
}

#[tokio::test]
async fn who_speaks_otherwise_is_broken_and_not_quoted() {
    let at = Server::start(|_| b"HTTP/1.1 400 secret words\r\n\r\n".to_vec()).await.at;
    let chatty = listen(|mut stream| async move {
        stream.write_all(b"220 secret words\r\n").await.ok();
        stream.shutdown().await.ok();
    })
    .await;
    for (kind, at) in [(Kind::Redis, chatty), (Kind::Postgres, chatty), (Kind::Traefik, chatty), (Kind::Traefik, at)] {
        let mut asked = task(probe(kind, None), container(at));
        asked.picture = Some(Arc::new(snapshot(Vec::new())));
        let outcome = asker("/nowhere".as_ref()).ask(&asked).await;
        assert!(["broken", "status"].contains(&word(&outcome)), "{kind:?}: {outcome:?}");
        assert!(!format!("{:?}", outcome.failure).contains("secret"), "{outcome:?}");
    }
}

#[tokio::test]
async fn routes_that_labels_ask_for_are_held_against_traefiks() {
    let routers = r#"[{"entryPoints":["web"],"service":"web","rule":"Host(`web`)","status":"enabled","using":["web"],
        "name":"web@docker","provider":"docker"}]"#;
    let server = Server::start(move |head| match head.split(' ').nth(1).unwrap_or_default() {
        path if path.starts_with("/behind/api/http/routers") => answer(200, routers),
        path if path.starts_with("/behind/api/tcp/") => answer(200, "[]"),
        _ => answer(404, ""),
    })
    .await;
    let routed = |service: &str| {
        let rule = format!("traefik.http.routers.{service}.rule");
        let port = format!("traefik.http.services.{service}.loadbalancer.server.port");
        let host = format!("Host(`{service}`)");
        labelled("shop", service, &[("traefik.enable", "true"), (&rule, &host), (&port, "80")])
    };
    let ask = async |services: &[&str]| {
        let mut asked = task(probe(Kind::Traefik, Some("/behind/")), container(server.at));
        asked.picture = Some(Arc::new(snapshot(services.iter().map(|service| routed(service)).collect())));
        asker("/nowhere".as_ref()).ask(&asked).await
    };
    let complete = ask(&["web"]).await;
    assert_eq!(word(&complete), "ok", "{complete:?}");
    let lacking = ask(&["web", "api"]).await;
    assert_eq!(lacking.failure.as_ref().unwrap().text, "1 of 2 routes are missing");
    let Some(Figures::Routes(report)) = &lacking.facts.figures else { panic!("{lacking:?}") };
    assert_eq!((report.expected, report.found), (2, 1));
    let missing = &report.missing[0];
    assert_eq!((missing.place.project.as_str(), missing.place.service.as_str()), ("shop", "api"));
}
