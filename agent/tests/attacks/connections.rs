//! Many connections, and slow ones.

use std::{sync::Arc, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use crate::target::{ATTACKER, PROMETHEUS, Target, ask, closed, connect, many_descriptors, try_ask, try_connect};

/// What the issue names.
const CROWD: usize = 10_000;

/// The agent's ceiling, and what it has open besides: kernel files, the engine, its own sockets.
const DESCRIPTORS: usize = 64 + 100;

/// Opens `count` connections from one address and does something with each; those the agent ends meanwhile stay in the list.
async fn crowd(target: &Arc<Target>, count: usize, from: std::net::Ipv4Addr, asks: bool) -> Vec<TcpStream> {
    let mut opening = JoinSet::new();
    let mut crowd = Vec::with_capacity(count);
    for _ in 0..count {
        let to = target.agent.address;
        opening.spawn(async move {
            let mut client = try_connect(from, to).await?;
            if asks {
                try_ask(&mut client, "/health/live", "").await;
            }
            Some(client)
        });
        if opening.len() >= 100 {
            crowd.extend(opening.join_next().await.unwrap().unwrap());
        }
    }
    while let Some(opened) = opening.join_next().await {
        crowd.extend(opened.unwrap());
    }
    crowd
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_keep_nobody_out() {
    many_descriptors();
    let target = Arc::new(Target::open());
    // Prometheus keeps one connection open between its scrapes.
    let mut kept = connect(PROMETHEUS, target.agent.address).await;
    assert_eq!(ask(&mut kept, "/metrics", "").await.0, 200);
    for (asks, what) in [(false, "silent"), (true, "after one request each")] {
        let crowd = crowd(&target, CROWD, ATTACKER, asks).await;
        assert!(crowd.len() > CROWD * 99 / 100, "{} connections", crowd.len());
        // Immediately, from Prometheus, from a new client, and from somebody at the attacker's own address.
        assert_eq!(ask(&mut kept, "/metrics", "").await.0, 200, "the kept connection lives");
        target.scrapes().await;
        let mut neighbour = connect(ATTACKER, target.agent.address).await;
        assert_eq!(ask(&mut neighbour, "/health/live", "").await.0, 200);
        let usage = target.agent.usage();
        assert!(usage.handles < DESCRIPTORS, "{} descriptors", usage.handles);
        target.stayed_small(&format!("{CROWD} idle connections, {what}"));
        drop(crowd);
    }
    let page = target.page();
    let refused = page.value("spyhop_refused_total", &[("reason", "connections")]).unwrap();
    // All but those which had a place at the end were ended, and counted.
    assert!(refused >= 2.0 * (CROWD as f64 - 64.0) * 0.99, "{refused}");
}

/// The same from the address Prometheus has, as behind a proxy: its connection may be ended, and a new one is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_from_the_same_address() {
    many_descriptors();
    let target = Arc::new(Target::open());
    let attack = tokio::spawn({
        let target = Arc::clone(&target);
        async move { crowd(&target, 3_000, PROMETHEUS, false).await.len() }
    });
    let mut scrapes = 0;
    while !attack.is_finished() {
        // Like Prometheus: what was ended before an answer is asked for again.
        for attempt in 0..5 {
            assert!(attempt < 4, "four attempts in a row failed");
            let mut client = connect(PROMETHEUS, target.agent.address).await;
            if try_ask(&mut client, "/metrics", "").await.is_some_and(|(status, _)| status == 200) {
                break;
            }
        }
        scrapes += 1;
    }
    assert!(attack.await.unwrap() > 2_900 && scrapes > 0);
    target.stayed_small(&format!("{scrapes} scrapes during a flood from their own address"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slowloris_of_heads_bodies_and_readers() {
    many_descriptors();
    let target = Arc::new(Target::open());
    let mut slow = JoinSet::new();
    for n in 0..300_u32 {
        let to = target.agent.address;
        slow.spawn(async move {
            let mut lost = 0;
            for _ in 0..5 {
                let Some(mut client) = try_connect(ATTACKER, to).await else { continue };
                let begin: &[u8] = match n % 3 {
                    0 => b"GET /metrics HTTP/1.1\r\nhost: spyhop\r\n",
                    1 => b"POST /metrics HTTP/1.1\r\nhost: spyhop\r\ncontent-length: 4000\r\n\r\n",
                    // Asks and never reads.
                    _ => b"GET /metrics HTTP/1.1\r\nhost: spyhop\r\n\r\nGET /metrics HTTP/1.1\r\nhost: spyhop\r\n\r\n",
                };
                let mut going = client.write_all(begin).await.is_ok();
                while going {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let drop: &[u8] = if n % 3 == 0 { b"x: y\r\n" } else { b"x" };
                    going = client.write_all(drop).await.is_ok();
                }
                lost += 1;
            }
            lost
        });
    }
    let mut scrapes = 0;
    while !slow.is_empty() {
        target.scrapes().await;
        scrapes += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
        while let Some(ended) = slow.try_join_next() {
            ended.unwrap();
        }
    }
    target.stayed_small(&format!("{scrapes} scrapes beside 300 slow clients"));
    let page = target.page();
    let refused = |reason: &str| page.value("spyhop_refused_total", &[("reason", reason)]).unwrap();
    assert!(refused("connections") + refused("requests") > 500.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_heads_and_endless_bodies() {
    many_descriptors();
    let target = Arc::new(Target::open());
    let field = format!("x: {}\r\n", "y".repeat(1 << 20));
    let many = "x: y\r\n".repeat(100_000);
    let path = format!("GET /{} HTTP/1.1\r\nhost: spyhop\r\n\r\n", "a/".repeat(1 << 19));
    let chunks = format!("1000\r\n{}\r\n", "z".repeat(0x1000)).repeat(200);
    let mut attackers = JoinSet::new();
    for n in 0..400 {
        let bytes = match n % 4 {
            0 => format!("GET /metrics HTTP/1.1\r\n{field}"),
            1 => format!("GET /metrics HTTP/1.1\r\n{many}"),
            2 => path.clone(),
            _ => format!("POST /metrics HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"),
        };
        let to = target.agent.address;
        attackers.spawn(async move {
            let mut client = connect(ATTACKER, to).await;
            client.write_all(bytes.as_bytes()).await.ok();
            let said = closed(&mut client).await;
            let status = said.get(9..12).map(|status| String::from_utf8_lossy(status).into_owned());
            assert!(status.as_deref().is_none_or(|status| ["431", "413", "503"].contains(&status)), "{status:?}");
        });
        if attackers.len() >= 100 {
            attackers.join_next().await.unwrap().unwrap();
        }
        if n % 50 == 0 {
            target.scrapes().await;
        }
    }
    while let Some(ended) = attackers.join_next().await {
        ended.unwrap();
    }
    target.scrapes().await;
    target.stayed_small("400 requests of half a megabyte and more");
    let page = target.page();
    let refused = |reason: &str| page.value("spyhop_refused_total", &[("reason", reason)]).unwrap();
    assert!(refused("connections") + refused("requests") >= 390.0);
}

/// Everybody asks for the whole page and reads nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_pages_do_not_pile_up() {
    many_descriptors();
    let target = Arc::new(Target::open());
    target.stayed_small("at the start");
    let mut probe = connect(PROMETHEUS, target.agent.address).await;
    let mut readers = Vec::new();
    for n in 0..400 {
        let mut client = connect(ATTACKER, target.agent.address).await;
        client.write_all("GET /metrics HTTP/1.1\r\nhost: spyhop\r\n\r\n".repeat(20).as_bytes()).await.unwrap();
        readers.push(client);
        if n % 50 == 49 {
            target.scrapes().await;
        }
    }
    target.scrapes().await;
    let (_, length) = ask(&mut probe, "/metrics", "").await;
    target.stayed_small(&format!("400 clients which ask for {length} bytes again and again and read nothing"));
}
