//! Both Prometheus lines scrape the agent without a word of complaint.
//!
//! Promised: the target is up in the format each of them asks for, no sample is refused, `promtool check metrics` finds nothing in
//! our own families, and in inherited names exactly what `golden/promtool_inherited.txt` lists.

mod support;

use std::collections::BTreeSet;

use support::{
    container::Role,
    docker::Turn,
    page::{Page, Sample},
    prometheus::Release,
    scene::Scene,
    wait::{eventually, holds, promptly},
};

/// Findings which come with names that are not ours to change.
const INHERITED: &str = include_str!("golden/promtool_inherited.txt");

#[test]
fn both_lines_scrape_without_a_warning() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let loops = scene.docker.container("loops").options(&["--restart", "always"]).role(Role::ExitAfter(0.3, 1)).start();
    let steady = scene.docker.container("steady").options(&["--memory", "32m"]).health("1s").start();
    for release in Release::both() {
        let server = release.start("spyhop", scene.agent.address);
        eventually("ten scrapes", || {
            let scrapes = server.number("count_over_time(up{job=\"spyhop\"}[1m])")?;
            holds(scrapes >= 10.0, || format!("{scrapes} scrapes"))
        });
        assert_eq!(server.number("min_over_time(up{job=\"spyhop\"}[1m])"), Ok(1.0), "{}", release.version);
        let target = server.target().expect("one target");
        assert_eq!(target["lastError"], "", "{}", release.version);
        assert_eq!(server.complaints(), [""; 0], "{}", release.version);
        // What it took in is what a careful reader counts on the page: nothing was dropped on the way.
        let scraped = server.number("scrape_samples_scraped").expect("Prometheus counts samples");
        let kept = server.number("scrape_samples_post_metric_relabeling").expect("and those it kept");
        assert_eq!(scraped, kept);
        assert!(server.number(&format!("container_last_seen{{name=\"{}\"}}", steady.name)).is_ok());
    }
    drop(loops);
}

#[test]
fn both_formats_carry_the_same_series() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let steady = scene.docker.container("steady").compose("formats", "steady", 1).options(&["--memory", "32m"]).start();
    promptly("a start", || scene.agent.scrape().require("container_last_seen", &[("name", &steady.name)]));
    // Other containers of this machine may come and go between the two.
    let fixed = |sample: &&Sample| {
        let ours = sample.label("name") == steady.name || sample.label("project") == "formats";
        ours || sample.name.starts_with("node_") || sample.name.starts_with("machine_")
    };
    let series = |page: &Page| {
        let keys = page.samples.iter().filter(fixed).map(|sample| format!("{}{:?}", sample.name, sample.labels));
        keys.filter(|key| !key.contains("veth")).collect::<BTreeSet<_>>()
    };
    // A container's first disk access brings series of its own: what is compared stands between two pages that agree.
    let (mut text, mut openmetrics) = Default::default();
    promptly("nothing new on the page", || {
        text = series(&scene.agent.scrape());
        openmetrics = series(&scene.agent.scrape_openmetrics());
        let after = series(&scene.agent.scrape());
        holds(text == after, || format!("new: {:?}", after.symmetric_difference(&text).collect::<Vec<_>>()))
    });
    assert_eq!(text.symmetric_difference(&openmetrics).collect::<Vec<_>>(), [""; 0]);
    assert!(text.len() > 100, "{} series", text.len());
}

#[test]
fn staleness_ends_the_series_of_a_container() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    for release in Release::both() {
        let container = scene.docker.container("leaves").start();
        let server = release.start("spyhop", scene.agent.address);
        let expression = format!("container_memory_usage_bytes{{name=\"{}\"}}", container.name);
        eventually("its series", || server.number(&expression));
        container.remove();
        eventually("their end, without waiting five minutes", || {
            let left = server.query(&expression)?;
            holds(left.elements.is_empty(), || format!("{left:?}"))
        });
    }
}

#[test]
fn promtool_finds_nothing_but_inherited_names() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let _container =
        scene.docker.container("looked-at").options(&["--memory", "32m", "--cpus", "0.5"]).health("1s").start();
    let page = scene.agent.get("/metrics", &[("Accept", "text/plain;version=0.0.4")]).expect("the agent answers");
    let parsed = Page::text(page.text()).expect("a correct page");
    let listed: BTreeSet<&str> = INHERITED.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    for release in Release::both() {
        let findings = release.check_metrics(page.text());
        let ours: Vec<_> = findings.iter().filter(|finding| finding.starts_with("spyhop_")).collect();
        assert!(ours.is_empty(), "{}: {ours:?}", release.version);
        let found: BTreeSet<&str> = findings.iter().map(String::as_str).collect();
        let new: Vec<_> = found.difference(&listed).collect();
        assert!(new.is_empty(), "{}, not listed:\n{new:#?}", release.version);
        // Which fields /proc/meminfo has is the kernel's affair: a name that is not on the page cannot be found fault with.
        let on_page = |line: &&&str| line.split(' ').next().is_some_and(|name| parsed.families.contains_key(name));
        let gone: Vec<_> = listed.difference(&found).filter(on_page).collect();
        assert!(gone.is_empty(), "{}, listed and not found:\n{gone:#?}", release.version);
    }
}
