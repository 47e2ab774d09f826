//! What happens on the host is on the page within two seconds, without a reload.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use serde_json::json;

use crate::{
    a_port,
    browser::Browser,
    home_at, page_of,
    support::{
        container::Role,
        docker::{Docker, Turn},
    },
};

/// The row of a container.
fn row(id: &str, state: &str) -> String {
    format!("#c-{}{state}", &id[..12])
}

/// A time as the engine writes it.
fn time(text: &serde_json::Value) -> SystemTime {
    let at: jiff::Timestamp = text.as_str().unwrap().parse().unwrap();
    SystemTime::UNIX_EPOCH + Duration::try_from(at.duration_since(jiff::Timestamp::UNIX_EPOCH)).unwrap()
}

#[test]
fn deaths_and_failing_health_checks_are_seen() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let Some(mut browser) = Browser::or_skip() else { return };
    let project = docker.unique("seen");
    let recipe = |service: &str| docker.container(service).compose(&project, service, 1).role(Role::Idle);
    let dies = recipe("dies").start();
    let sick = recipe("sick").health("1s").start();
    let home = home_at(a_port(), docker.socket(), &format!("containers:\n  include: [\"project={project}\"]\n"));
    let agent = home.start();

    browser.open(&page_of(&agent), json!({}));
    browser.live();
    browser.expect("healthy", &row(&sick.id, "[data-health=healthy]"));
    browser.seen("healthy");
    // What somebody does on the page stays while it changes.
    browser.eval("document.title = 'the same page'");
    browser.keys(&["/"]);
    browser.ask(json!({"do": "type", "text": "seen"}));

    browser.expect("a death", &row(&dies.id, "[data-state=exited]"));
    dies.act(&["kill"]);
    let finished = time(&dies.inspect()["State"]["FinishedAt"]);
    browser.seen_soon("a death", finished);

    browser.expect("a failing health check", &row(&sick.id, "[data-health=unhealthy]"));
    sick.exec("touch /sick");
    browser.seen("a failing health check");
    let log = sick.inspect()["State"]["Health"]["Log"].take();
    let failed = log.as_array().unwrap().iter().find(|result| result["ExitCode"] != 0).unwrap();
    browser.seen_soon("a failing health check", time(&failed["End"]));

    let newcomer = recipe("newcomer").create();
    browser.expect("a newcomer", &row(&newcomer.id, "[data-state=running]"));
    newcomer.act(&["start"]);
    browser.seen_soon("a newcomer", time(&newcomer.inspect()["State"]["StartedAt"]));
    let id = newcomer.id.clone();
    browser.expect_gone("the last of it", &row(&id, ""));
    let asked = SystemTime::now();
    newcomer.remove();
    browser.seen_soon("the last of it", asked);

    assert_eq!(browser.eval("document.title"), "the same page", "it was loaded anew");
    assert_eq!(browser.eval("document.activeElement.id + ' ' + document.activeElement.value"), "search seen");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_violation_of_isolation_is_seen_and_so_is_its_repair() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let Some(mut browser) = Browser::or_skip() else { return };
    let project = docker.unique("apart");
    let networks = ["front", "back"].map(|name| {
        let full = format!("{project}_{name}");
        let labels = [format!("com.docker.compose.project={project}"), format!("com.docker.compose.network={name}")];
        docker.run(&["network", "create", "--label", &labels[0], "--label", &labels[1], &full]);
        Network { docker: docker.clone(), name: full }
    });
    let start = |service: &str, network: &Network| {
        docker.container(service).compose(&project, service, 1).options(&["--network", &network.name]).start()
    };
    let (web, _db) = (start("web", &networks[0]), start("db", &networks[1]));
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yml");
    let text = format!(
        "projects:\n  {project}:\n    networks: {{ front: {{}}, back: {{}} }}\n    services:\n      web: {{ networks: [front] }}\n      db: {{ networks: [back] }}\n    flows: []\n"
    );
    fs::write(&policy, text).unwrap();
    let more = format!("containers:\n  include: [\"project={project}\"]\npolicy:\n  file: {}\n", policy.display());
    let agent = home_at(a_port(), docker.socket(), &more).start();

    browser.open(&page_of(&agent), json!({}));
    browser.live();
    browser.expect("isolation was looked at", "#matrix table");
    browser.seen("isolation was looked at");
    let violation = "#isolation #t-violations";
    assert_eq!(browser.eval(&format!("document.querySelector('{violation}') === null")), true);

    browser.expect("a violation", violation);
    docker.run(&["network", "connect", &networks[1].name, &web.id]);
    let connected = SystemTime::now();
    browser.seen_soon("a violation", connected);
    let says = browser.eval(&format!("document.querySelector('{violation}').textContent")).to_string();
    assert!(says.contains("placement") && says.contains("back"), "{says}");

    browser.expect_gone("its repair", violation);
    docker.run(&["network", "disconnect", &networks[1].name, &web.id]);
    let disconnected = SystemTime::now();
    browser.seen_soon("its repair", disconnected);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn an_agent_that_goes_is_missed_and_one_that_comes_back_is_seen() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let Some(mut browser) = Browser::or_skip() else { return };
    let project = docker.unique("back");
    let container = docker.container("web").compose(&project, "web", 1).start();
    let home = home_at(a_port(), docker.socket(), &format!("containers:\n  include: [\"project={project}\"]\n"));
    let agent = home.start();
    browser.open(&page_of(&agent), json!({}));
    browser.live();
    browser.eval("document.title = 'the same page'");

    // Killed, and away for long enough that nobody tries again at once.
    browser.expect("that the agent is gone", "#connection[data-state=disconnected]");
    let killed = SystemTime::now();
    agent.kill();
    browser.seen_soon("that the agent is gone", killed);
    let text = browser.eval("document.getElementById('connection').textContent").to_string();
    assert!(text.contains("disconnected"), "it is said in words: {text}");
    container.act(&["kill"]);
    browser.until("performance.now() > 0 && new Promise((later) => setTimeout(() => later(true), 6000))");

    browser.expect("that the agent is back", "#connection[data-state=live]");
    browser.expect("what has happened meanwhile", &row(&container.id, "[data-state=exited]"));
    let agent = home.start();
    let back = SystemTime::now();
    browser.seen_soon("that the agent is back", back);
    browser.seen_soon("what has happened meanwhile", back);
    assert_eq!(browser.eval("document.title"), "the same page", "it was loaded anew");
    // A connection that is refused is an error to the browser, whatever the page makes of it.
    let others: Vec<String> =
        browser.complaints().into_iter().filter(|one| !one.contains("Failed to load resource: net::ERR_")).collect();
    assert_eq!(others, [""; 0]);
    drop(agent);
}

/// Removed when dropped.
struct Network {
    docker: Docker,
    name: String,
}

impl Drop for Network {
    fn drop(&mut self) {
        // Whoever is still on it goes with its container, which may come later.
        if let Err(reason) = self.docker.cli(&["network", "rm", &self.name]) {
            eprintln!("{reason}");
        }
    }
}
