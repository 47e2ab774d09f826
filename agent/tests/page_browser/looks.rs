//! Everybody can read it: by eye in the light and in the dark, on a phone, by keyboard, with a reader, behind a password, without scripts.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::{
    a_port,
    browser::Browser,
    guarded_home_at, page_of,
    support::{
        agent::{Agent, Home},
        fake_engine::{FakeContainer, FakeEngine, World, id_of},
    },
};

/// A host with some of everything, as a scripted engine has it.
pub(crate) fn world() -> World {
    let web = |number| {
        FakeContainer::new(&format!("shop-web-{number}"))
            .compose("shop", "web", number)
            .network("shop_front", &format!("172.18.0.{}", number + 10))
            .memory(256 << 20)
            .cpus(0.5)
            .health("healthy")
            .running(40_000 + number)
    };
    let long = "a-service-with-a-name-that-is-longer-than-anybody-would-ever-want-to-read-on-a-telephone";
    World::new()
        .network("shop_front", "172.18.0.0/16")
        .with(web(1))
        .with(web(2))
        .with(
            FakeContainer::new("shop-db-1")
                .compose("shop", "db", 1)
                .network("shop_front", "172.18.0.9")
                .health("unhealthy")
                .running(40_009),
        )
        .with(FakeContainer::new("shop-job-1").compose("shop", "job", 1).exited(0))
        .with(FakeContainer::new("shop-mailer-1").compose("shop", "mailer", 1).restarting(1))
        .with(FakeContainer::new(long).compose(long, long, 1).running(40_020))
        .with(FakeContainer::new("alone").paused())
}

const POLICY: &str = "\
tiers:
  critical: { severity: critical, objectives: { availability: 99.9% } }
projects:
  shop:
    networks: { front: {} }
    services:
      web: { tier: critical, networks: [front] }
      db: { tier: critical, networks: [front] }
    flows: [ \"web -> db:5432\" ]
";

/// An agent of that host.
struct Scene {
    agent: Agent,
    engine: FakeEngine,
    _home: Home,
    _folder: TempDir,
}

impl Scene {
    /// With more lines of the section `http`, which may name files in `folder`.
    fn new(folder: TempDir, http: &str) -> Self {
        let engine = FakeEngine::start(world());
        let policy = folder.path().join("policy.yml");
        fs::write(&policy, POLICY).unwrap();
        let more = format!("host:\n  name: harbour\npolicy:\n  file: {}\n", policy.display());
        let home = guarded_home_at(a_port(), &engine.socket(), http, &more);
        Self { agent: home.start(), engine, _home: home, _folder: folder }
    }

    fn open() -> Self {
        Self::new(tempfile::tempdir().unwrap(), "")
    }
}

#[test]
fn nothing_is_in_the_way_of_anybody() {
    let Some(mut browser) = Browser::or_skip() else { return };
    let scene = Scene::open();
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")] {
        browser.open(&page_of(&scene.agent), json!({"width": width, "scheme": scheme}));
        browser.live();
        assert_eq!(browser.axe(), [""; 0], "{width} pixels, {scheme}");
        assert_eq!(browser.overflow(), 0, "{width} pixels, {scheme}: it has to be scrolled sideways");
        assert_eq!(browser.complaints(), [""; 0], "{width} pixels, {scheme}");
    }
    // With everything open that can be opened.
    browser.eval("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
    assert_eq!(browser.axe(), [""; 0], "with details open");
    assert_eq!(browser.overflow(), 0, "with details open");
}

#[test]
fn light_and_dark_are_what_the_system_says_and_what_somebody_chooses() {
    let Some(mut browser) = Browser::or_skip() else { return };
    let scene = Scene::open();
    browser.open(&page_of(&scene.agent), json!({"scheme": "light"}));
    let background = "getComputedStyle(document.body).backgroundColor";
    let light = browser.eval(background);
    browser.look(1280, "dark");
    let dark = browser.eval(background);
    assert_ne!(light, dark);
    browser.eval("document.getElementById('theme').click(); document.getElementById('theme').click()");
    assert_eq!(browser.eval(background), light, "the third theme is light");
}

#[test]
fn the_keyboard_is_enough() {
    let Some(mut browser) = Browser::or_skip() else { return };
    let scene = Scene::open();
    browser.open(&page_of(&scene.agent), json!({}));
    browser.live();
    // The first stop leads past everything to the contents.
    browser.keys(&["Tab"]);
    assert_eq!(browser.eval("document.activeElement.className"), "skip");
    let focus = "document.activeElement.id";
    browser.keys(&["/"]);
    assert_eq!(browser.eval(focus), "search");
    browser.ask(json!({"do": "type", "text": "mailer"}));
    let shown = "[...document.querySelectorAll('#containers tr.row')].filter((row) => !row.hidden).length";
    browser.until(&format!("{shown} === 1"));
    browser.keys(&["Enter"]);
    browser.until("document.activeElement.matches('tr.row')");
    browser.keys(&["Escape"]);
    browser.until(&format!("{shown} > 5"));
    browser.keys(&["j"]);
    let first = browser.eval(focus);
    browser.keys(&["j"]);
    assert_ne!(browser.eval(focus), first);
    browser.keys(&["k"]);
    assert_eq!(browser.eval(focus), first);
    // Details of a row that has some.
    browser.eval("document.querySelector('tr.row:has(details)').focus()");
    browser.keys(&["Enter"]);
    browser.until("document.activeElement.querySelector('details').open");
    browser.keys(&["?"]);
    browser.until("document.getElementById('help').open");
    browser.keys(&["Escape"]);
    browser.until("!document.getElementById('help').open");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_search_and_an_open_row_outlive_what_changes_around_them() {
    let Some(mut browser) = Browser::or_skip() else { return };
    let scene = Scene::open();
    browser.open(&page_of(&scene.agent), json!({}));
    browser.live();
    let row = format!("#c-{}", &id_of("shop-web-1")[..12]);
    browser
        .eval(&format!("document.querySelector('{row} details').open = true; document.querySelector('{row}').focus()"));
    browser.expect("the end of another", &format!("#c-{}[data-state=exited]", &id_of("shop-web-2")[..12]));
    scene.engine.die("shop-web-2", 137);
    browser.seen("the end of another");
    browser.expect("a change of its own", &format!("{row}[data-health=unhealthy]"));
    scene.engine.health("shop-web-1", "unhealthy");
    browser.seen("a change of its own");
    assert_eq!(browser.eval(&format!("document.querySelector('{row} details').open")), true);
    assert_eq!(browser.eval(&format!("document.activeElement === document.querySelector('{row}')")), true);
}

#[test]
fn a_password_is_asked_for_once() {
    let Some(mut browser) = Browser::or_skip() else { return };
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    fs::write(&users, format!("guest:{}\n", bcrypt::hash("sesame", 4).unwrap())).unwrap();
    let http = format!("  auth:\n    users_file: {}\n", users.display());
    let scene = Scene::new(folder, &http);
    let auth = json!({"auth": {"username": "guest", "password": "sesame"}});
    browser.open(&page_of(&scene.agent), auth);
    browser.live();
    let id = id_of("shop-web-1");
    browser.expect("a death behind a password", &format!("#c-{}[data-state=exited]", &id[..12]));
    let happened = std::time::SystemTime::now();
    scene.engine.die("shop-web-1", 137);
    browser.seen_soon("a death behind a password", happened);
    assert_eq!(browser.complaints(), [""; 0]);
}
