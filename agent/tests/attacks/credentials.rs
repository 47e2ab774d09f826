//! Guessing, and looking around without credentials.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::task::JoinSet;

use crate::{
    support::process,
    target::{ATTACKER, PROMETHEUS, Target, ask, connect, credentials, many_descriptors, try_ask},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probing_without_credentials_finds_nothing() {
    many_descriptors();
    let target = Arc::new(Target::start(|folder| credentials(folder, 4)));
    let paths = [
        "/",
        "/metrics",
        "/api/v1/containers",
        "/api/v1/version",
        "/health",
        "/style.css",
        "/sd",
        "/proxy/shop/web/1",
        "/.git/config",
        "/../../etc/passwd",
        "/debug/pprof",
        "/metrics?collect[]=agent",
        "/%2e%2e/",
        "/health/live/x",
    ];
    let mut probes = JoinSet::new();
    for n in 0..2_000_usize {
        let (to, path) = (target.agent.address, *paths.get(n % paths.len()).unwrap());
        probes.spawn(async move {
            let mut client = connect(ATTACKER, to).await;
            let (status, length) = ask(&mut client, path, "").await;
            assert_eq!((status, length), (401, "credentials are needed\n".len()), "{path}");
        });
        if probes.len() >= 32 {
            probes.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(probed) = probes.join_next().await {
        probed.unwrap();
    }
    target.stayed_small("2,000 probes");
    let page = target.page();
    page.expect("spyhop_http_refused_total", &[("reason", "unauthenticated")], 2_000.0).unwrap();
}

/// Guesses come as fast as they can for a while. They get a small part of the CPU, and nobody else is kept waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_costs_little_and_holds_nobody_up() {
    many_descriptors();
    let target = Arc::new(Target::start(|folder| credentials(folder, 8)));
    let basic = |password: &str| format!("authorization: Basic {}\r\n", STANDARD.encode(format!("ann:{password}")));
    let known = basic(crate::target::PASSWORD);
    let mut prometheus = connect(PROMETHEUS, target.agent.address).await;
    assert_eq!(ask(&mut prometheus, "/metrics", &known).await.0, 200);
    let before = process::cpu(target.agent.pid()).unwrap();
    let mut guesses = JoinSet::new();
    for n in 0..8 {
        let (to, headers) = (target.agent.address, basic(&n.to_string()));
        guesses.spawn(async move {
            let mut client = connect(ATTACKER, to).await;
            let mut statuses = Vec::new();
            for _ in 0..250 {
                match try_ask(&mut client, "/metrics", &headers).await {
                    Some((status, _)) => statuses.push(status),
                    None => client = connect(ATTACKER, to).await,
                }
            }
            statuses
        });
    }
    let mut statuses = Vec::new();
    while !guesses.is_empty() {
        assert_eq!(ask(&mut prometheus, "/health", &known).await.0, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
        while let Some(guessed) = guesses.try_join_next() {
            statuses.extend(guessed.unwrap());
        }
    }
    let verified = statuses.iter().filter(|status| **status == 401).count();
    assert!((10..100).contains(&verified), "{verified} of {} were verified", statuses.len());
    assert!(statuses.iter().all(|status| [401, 429, 503].contains(status)));
    println!("{:?} of CPU for {} guesses", process::cpu(target.agent.pid()).unwrap() - before, statuses.len());
    target.stayed_small("2,000 guesses");
    let page = target.page();
    assert!(page.value("spyhop_http_refused_total", &[("reason", "guessing")]).unwrap() > 1_000.0);
    // Neither what was guessed nor what was right is written anywhere.
    let (log, text) = (target.agent.log(), format!("{page:?}"));
    for secret in [crate::target::PASSWORD, crate::target::TOKEN, "$2b$", STANDARD.encode("ann:").trim_end_matches('=')]
    {
        assert!(!log.contains(secret) && !text.contains(secret), "{secret}");
    }
}
