//! Pictures of the page for the documentation, of a real agent that looks at the demo: `make pictures`, which starts both.

use std::{fs, path::Path, time::Duration};

use serde_json::json;

use crate::{
    a_port,
    browser::Browser,
    home_at, page_of,
    support::docker::{Docker, Turn},
};

/// Name of the host in the pictures, whatever the machine is called.
const HOST: &str = "harbour";
/// Larger is too much for a page of documentation.
const LARGEST: u64 = 150 << 10;

/// What the demo should look like, and does not in every point.
const POLICY: &str = "\
tiers:
  critical:
    severity: critical
    limits: { memory: 64MiB, cpus: 0.5, pids: <=64 }
    objectives: { availability: 99.9%, health_checks: 98% }
  supporting:
    severity: info
    objectives: { availability: 95% }
projects:
  spyhop-demo:
    networks: { front: {}, back: { internal: true } }
    services:
      shop:
        tier: critical
        networks: [front, back]
        publish: [\"127.0.0.1:18080\"]
        probes: { front: { http: 8080/, max_duration: 100ms } }
        objectives: { answers: { probe: front, target: 99% } }
      catalogue: { tier: critical, replicas: 2, networks: [back] }
      payments: { tier: critical, networks: [back] }
      mailer: { tier: supporting, networks: [back] }
      leaky: { tier: supporting, networks: [back] }
      encoder: { tier: supporting, networks: [back] }
      report: { tier: supporting, job: true, networks: [back] }
    flows: [ shop -> catalogue:8080, shop -> payments:8080 ]
";

#[test]
#[ignore = "make pictures"]
fn pictures() {
    let docker = Docker::or_skip(Turn::Shared).unwrap();
    let mut browser = Browser::or_skip().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yml");
    fs::write(&policy, POLICY).unwrap();
    let more = format!(
        "host:\n  name: {HOST}\ncontainers:\n  include: [\"project=spyhop-demo\"]\npolicy:\n  file: {}\n",
        policy.display()
    );
    let agent = home_at(a_port(), docker.socket(), &more).start();
    assert!(agent.get("/api/v1/containers", &[]).unwrap().text().contains("shop"), "the demo does not run");

    browser.open(&page_of(&agent), json!({}));
    browser.live();
    // Lines of the last hour want some of it.
    let minutes = std::env::var("MINUTES").ok().and_then(|minutes| minutes.parse().ok()).unwrap_or(3);
    std::thread::sleep(Duration::from_secs(60 * minutes));

    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures");
    fs::create_dir_all(&pictures).unwrap();
    for (name, width, height, scheme) in [
        ("page-light.png", 1280, 960, "light"),
        ("page-dark.png", 1280, 960, "dark"),
        ("page-phone.png", 360, 740, "light"),
    ] {
        browser.open(&page_of(&agent), json!({"width": width, "height": height, "scheme": scheme}));
        browser.live();
        let text = browser.eval("document.documentElement.outerHTML").to_string();
        for private in private() {
            assert!(!text.contains(&private), "{name} would show {private}");
        }
        let path = pictures.join(name);
        browser.ask(json!({"do": "picture", "path": path}));
        let size = fs::metadata(&path).unwrap().len();
        println!("{name}: {} KiB", size >> 10);
        assert!(size <= LARGEST, "{name} has {size} bytes");
    }
}

/// What is nobody's business: what the machine is called, and where things are on it.
fn private() -> Vec<String> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let home = std::env::var("HOME").unwrap_or_default();
    [host, home, env!("CARGO_MANIFEST_DIR").to_owned()].into_iter().filter(|word| word.len() > 4).collect()
}
