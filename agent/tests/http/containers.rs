//! Containers with names nobody would give them, in the page and in the JSON.

use std::sync::Arc;

use spyhop::{
    inventory::{Entry, Snapshot},
    model::{Container, ContainerState, Identity, Labels, NetworkMode, ServiceKey},
};

use crate::support::Server;

const HOSTILE: &str = "</td><script>alert(\"x\")</script>&amp;\u{202e}'\\\u{0}\u{7f}\u{1f40b}";

fn entry(project: &str, service: &str) -> Arc<Entry> {
    let labels = Labels::new([("secret".into(), "hunter2".into())]);
    let container = Container {
        image: service.into(),
        identity: Identity {
            key: ServiceKey { project: project.into(), service: service.into() },
            replica: "1".into(),
            one_off: false,
        },
        state: ContainerState::Running,
        pid: Some(1),
        network_mode: NetworkMode::Host,
        ..Container::bare("0".repeat(64), service, labels)
    };
    Arc::new(Entry::bare(container, "2026-03-01T09:30:00Z".parse().unwrap()))
}

async fn server(containers: impl IntoIterator<Item = Arc<Entry>>) -> Server {
    let server = Server::start().await;
    let containers = containers.into_iter().collect();
    server.inventory.publish(Snapshot { host: Some("harbour".into()), containers, ..Snapshot::default() });
    server
}

#[tokio::test]
async fn hostile_names_are_text_on_the_page() {
    let server = server([entry(HOSTILE, HOSTILE)]).await;
    let page = server.get("/").await;
    let text = page.text();
    assert!(text.contains("&lt;/td&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;amp;"), "{text}");
    assert!(text.contains('\u{1f40b}'));
    assert_eq!(text.matches("<script").count(), 1, "the page's own");
    for raw in ["<script>", "\u{202e}", "\u{0}", "\u{7f}", "hunter2"] {
        assert!(!text.contains(raw), "{raw:?}");
    }
}

#[tokio::test]
async fn hostile_names_come_through_json_unchanged() {
    let server = server([entry(HOSTILE, HOSTILE)]).await;
    let answer = server.get("/api/v1/containers").await;
    let container = &answer.json()["containers"][0];
    for field in ["name", "project", "service", "image"] {
        assert_eq!(container[field], HOSTILE, "{field}");
    }
    assert!(!answer.text().contains("hunter2"));
}

#[tokio::test]
async fn filters_are_decoded() {
    let server = server([entry("shop", "web"), entry("a&b c", "d\u{e4}=%")]).await;
    for (query, expected) in [
        ("", 2),
        ("?project=shop", 1),
        ("?project=a%26b+c&service=d%C3%A4%3D%25", 1),
        ("?project=a%26b%20c", 1),
        ("?project=a&b c".replace(' ', "+").as_str(), 0),
        ("?service=web&project=other", 0),
    ] {
        let answer = server.get(&format!("/api/v1/containers{query}")).await;
        assert_eq!(answer.json()["containers"].as_array().unwrap().len(), expected, "{query}");
    }
}
