use std::{collections::BTreeSet, path::Path, sync::Arc};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::{
    html::{Age, Cores, Percent, Size},
    *,
};
use crate::{
    http::api::tests::{bare, board, full, isolated, probed, snapshot, traced, view},
    inventory::{Entry, ServiceEntry, Snapshot},
    logs::board::{Trouble, TroubleKind},
    model::{ContainerId, ContainerState, Health, HealthStatus, RestartPolicy, ServiceKey},
};

/// The page of a host with these containers.
fn page_of(containers: impl IntoIterator<Item = Entry>) -> String {
    let snapshot = Snapshot { containers: containers.into_iter().map(Arc::new).collect(), ..snapshot() };
    index(&view(&snapshot))
}

/// Everything that can be on a page, on it.
fn everything<T>(look: impl FnOnce(&View<'_>) -> T) -> T {
    let (snapshot, logs, probes, isolation, traces) = (snapshot(), board(), probed(), isolated(), traced());
    let policies = crate::policy::Board::default();
    look(&View {
        logs: Some(&logs),
        probes: Some(&probes),
        isolation: Some(&isolation),
        traces: Some(&traces),
        policy: Some(&policies),
        ..view(&snapshot)
    })
}

/// The piece with this id.
fn piece(fragments: &[Fragment], id: &str) -> String {
    fragments.iter().find(|fragment| fragment.id == id).unwrap_or_else(|| panic!("no {id}")).html.clone()
}

#[track_caller]
fn holds(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[test]
fn the_page_shows_host_engine_counts_containers_and_routes() {
    let page = page_of([full(), bare("forgotten")]);
    holds(
        &page,
        &[
            "<title>harbour - spyhop</title>",
            "<strong>All is well</strong>",
            "<dd>28.5.1 <small><span class=\"good\">connected</span>",
            "<dd>1 <small>of 2 run</small></dd>",
            "<bdi>shop-web-1</bdi>",
            "<td><span class=\"state good\">running</span></td><td><span class=\"state good\">healthy</span></td>",
            "<small>limit 256 MiB</small>",
            "<time datetime=\"2026-02-20T08:00:01Z\">9 d</time> ago",
            "<a href=\"/metrics\">/metrics</a>",
        ],
    );
    assert!(!page.contains("hunter2"), "labels are not shown");
}

#[test]
fn the_content_policy_has_nothing_to_refuse() {
    let page = everything(index);
    for word in [" style=", "<style", " onclick=", " onload=", "javascript:", "src=\"http", "href=\"http", "<iframe"] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains("<script src=\"/app.js\"></script>"));
}

/// What a small host's page is, to the letter: `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn a_small_page_is_as_it_was() {
    let page = everything(index);
    let assets = format!("data-assets=\"{:016x}\"", assets::both());
    let version = format!("<p>spyhop {}</p>", crate::http::api::AGENT_VERSION);
    let page = page.replacen(&assets, "data-assets=\"\"", 1).replacen(&version, "<p>spyhop</p>", 1);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/page.html");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    } else {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == page, "{} is out of step: UPDATE_GOLDEN=1, and read the difference", path.display());
    }
}

#[test]
fn every_id_is_there_once_and_pieces_have_places() {
    let fragments = everything(fragments);
    let ids: BTreeSet<_> = fragments.iter().map(|fragment| &fragment.id).collect();
    assert_eq!(ids.len(), fragments.len(), "{fragments:?}");
    let page = everything(index);
    let mut seen = BTreeSet::new();
    for id in page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(seen.insert(id), "{id} is there twice");
    }
    for fragment in &fragments {
        assert!(fragment.html.contains(&format!(" id=\"{}\"", fragment.id)), "{}", fragment.id);
        assert!(fragment.parent.is_none_or(|parent| seen.contains(parent)), "{fragment:?}");
    }
    for id in [
        "verdict",
        "findings",
        "tiers",
        "services",
        "objectives",
        "isolation",
        "matrix",
        "map",
        "routes",
        "probes",
        "logs",
        "traces",
        "containers",
        "host",
        "connection",
        "search",
    ] {
        assert!(seen.contains(id), "{id}");
    }
    assert!(page.contains("data-project=\"shop\" data-service=\"web\""));
}

/// Lists that link to a place of the page link to one that is there.
#[test]
fn links_within_the_page_lead_somewhere() {
    let page = everything(index);
    for target in page.split(" href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.contains(&format!(" id=\"{target}\"")), "{target}");
    }
}

#[test]
fn the_verdict_says_how_bad_it_is_and_names_the_worst() {
    let verdict = |snapshot: &Snapshot| {
        let html = piece(&fragments(&view(snapshot)), "verdict");
        (html.contains("verdict good"), html.contains("verdict bad"), html)
    };
    assert!(verdict(&snapshot()).0);
    let (_, _, html) = verdict(&Snapshot::default());
    holds(&html, &["verdict warn", "Not known yet", "is waited for"]);

    let mut unhealthy = full();
    let health = unhealthy.container.health.take().unwrap();
    let failing = Some(4);
    unhealthy.container.health = Some(Health { status: HealthStatus::Unhealthy, failing_streak: failing, ..health });
    let (_, bad, html) = verdict(&Snapshot { containers: vec![Arc::new(unhealthy)], ..snapshot() });
    assert!(bad);
    holds(&html, &["1 thing is wrong", "<bdi>shop/web</bdi></b> unhealthy: its check failed 4 times in a row"]);

    let mut gone = full();
    gone.container.state = ContainerState::Exited;
    (gone.container.pid, gone.container.exit_code, gone.container.oom_killed) = (None, Some(137), Some(true));
    let key = gone.container.identity.key.clone();
    let service = ServiceEntry { key, expected: 1, ..ServiceEntry::default() };
    let down = Snapshot { containers: vec![Arc::new(gone)], services: vec![Arc::new(service.clone())], ..snapshot() };
    let (_, bad, html) = verdict(&down);
    assert!(bad);
    holds(&html, &["<bdi>shop/web</bdi></b> does not run; it ended with 137, killed for want of memory"]);
    // Whoever stopped it knows.
    let stopped = Arc::new(ServiceEntry { stopped: 1, ..service });
    assert!(verdict(&Snapshot { services: vec![stopped], ..down }).0);
}

#[test]
fn a_silent_engine_is_said_with_the_age_of_what_is_shown() {
    let mut snapshot = snapshot();
    snapshot.engine.connected = false;
    snapshot.engine.heard_at = "2026-03-01T11:48:00Z".parse().ok();
    snapshot.engine.trouble = Some("dial <unix>".into());
    holds(
        &index(&view(&snapshot)),
        &[
            "the container engine is silent: dial &lt;unix&gt;",
            "silent for <time datetime=\"2026-03-01T11:48:00Z\">12 min</time>",
            "docs/runbooks/agent.md#spyhopengineunreachable",
        ],
    );
    holds(&index(&view(&Snapshot::default())), &["has not answered yet", "None is known."]);
}

#[test]
fn states_have_the_words_of_the_metrics() {
    for (state, exit_code, policy, by_person, expected) in [
        (ContainerState::Exited, Some(0), RestartPolicy::No, false, "completed (0)"),
        (ContainerState::Exited, Some(0), RestartPolicy::No, true, "stopped (0)"),
        (ContainerState::Exited, Some(137), RestartPolicy::Always, true, "stopped (137)"),
        (ContainerState::Exited, Some(1), RestartPolicy::No, false, "exited (1)"),
        (ContainerState::Exited, None, RestartPolicy::No, false, "exited"),
        (ContainerState::Running, Some(0), RestartPolicy::No, false, "running"),
        (ContainerState::Dead, Some(1), RestartPolicy::No, false, "dead"),
    ] {
        let mut entry = bare("x");
        entry.container.state = state;
        entry.container.exit_code = exit_code;
        entry.container.restart_policy = policy;
        entry.stopped_by_person = by_person;
        let page = page_of([entry]);
        assert!(page.contains(&format!("\">{expected}</span></td>")), "{expected} is not in {page}");
    }
}

#[test]
fn health_of_a_stopped_container_is_not_shown() {
    let mut entry = full();
    entry.container.state = ContainerState::Exited;
    entry.container.pid = None;
    assert!(page_of([entry]).contains("data-state=\"exited\" data-health=\"none\""));
}

#[test]
fn the_table_has_an_end() {
    let many = (0..containers::ROWS + 3).map(|n| {
        let mut entry = bare("x");
        entry.container.id = ContainerId::new(format!("{n:012}"));
        entry
    });
    let page = page_of(many);
    assert_eq!(page.matches("<tr id=\"c-").count(), containers::ROWS);
    assert!(page.contains("3 more are left out here; <a href=\"/api/v1/containers\">"));
}

#[test]
fn figures_are_said_in_their_largest_unit() {
    for (seconds, expected) in [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
        (864_000, "10 d"),
    ] {
        assert_eq!(Age(SignedDuration::from_secs(seconds)).to_string(), expected);
    }
    for (bytes, expected) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (64 << 20, "64 MiB"),
        (1 << 30, "1.0 GiB"),
        (0x5fff_ffff, "1.4 GiB"),
    ] {
        assert_eq!(Size(bytes).to_string(), expected);
    }
    for (cores, expected) in [
        (0.0, "0"),
        (0.004, "0"),
        (0.016, "0.02"),
        (0.5, "0.5"),
        (0.997, "1"),
        (1.0, "1"),
        (1.52, "1.5"),
        (15.98, "16"),
    ] {
        assert_eq!(Cores(cores).to_string(), expected);
    }
    for (share, expected) in [(0.0, "0 %"), (0.0512, "5.1 %"), (0.5, "50 %"), (1.0, "100 %"), (-0.5, "-50 %")] {
        assert_eq!(Percent(share).to_string(), expected);
    }
}

#[test]
fn logs_are_shown_where_they_go_somewhere() {
    let (snapshot, board) = (snapshot(), board());
    let hidden = "<section id=\"logs\" hidden></section>";
    assert!(index(&view(&snapshot)).contains(hidden), "nothing is said of logs which go nowhere");
    let page = index(&View { logs: Some(&board), ..view(&snapshot) });
    holds(
        &page,
        &[
            "1 of 2 destinations up",
            "<bdi>loki:3100</bdi></th><td><span class=\"state good\">ok</span></td><td data-label=\"Taken\">41230</td>",
            "kept back: connect to logs.example.org: connection refused",
            "<td data-label=\"Waiting\">64 KiB</td><td data-label=\"On disk\">8 MiB</td>",
            "<bdi>shop/web</bdi></th><td><span class=\"state warn\">10 min old</span></td>",
            "lines are kept back: connect to",
        ],
    );
    let [_, second] = board.destinations() else { panic!("two were given") };
    second.set_trouble(Some(Trouble { kind: TroubleKind::Blocked, text: "<script>".into() }));
    board.service(&ServiceKey { project: "shop".into(), service: "web".into() }).set_oldest(1, None);
    let page = index(&View { logs: Some(&board), ..view(&snapshot) });
    holds(&page, &["kept back: &lt;script&gt;", "Nothing is late, lost or missing."]);
}

#[test]
fn probes_that_fail_come_first_with_reason_and_since_when() {
    let snapshot = snapshot();
    let board = probed();
    let page = index(&View { probes: Some(&board), ..view(&snapshot) });
    holds(
        &page,
        &[
            "1 of 4 fail",
            "<bdi>orders</bdi></th><td><span class=\"state bad\">failing</span> answered 503 for \
             <time datetime=\"2026-03-01T11:58:30Z\">1 min</time></td>",
            "<bdi>port</bdi></th><td><span class=\"state warn\">unreachable</span>",
            "<bdi>shop/web</bdi></b> probe orders: answered 503",
            "docs/runbooks/probes.md#spyhopprobefailing",
        ],
    );
    let at = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part}"));
    assert!(at("<bdi>orders</bdi></th>") < at("<bdi>port</bdi></th>"));
    // One that is well is told of because its certificate ends within three weeks, and then with when it does.
    let soon = View { now: "2026-03-20T12:00:00Z".parse().unwrap(), probes: Some(&board), ..view(&snapshot) };
    holds(&index(&soon), &["probe front: its certificate ends in 10 d"]);
    let over = View { now: "2026-04-02T00:00:00Z".parse().unwrap(), probes: Some(&board), ..view(&snapshot) };
    holds(&index(&over), &["probe front: its certificate ended 2 d ago"]);
    assert!(index(&view(&snapshot)).contains("<section id=\"probes\" hidden></section>"), "nobody is asked");
}

#[test]
fn isolation_is_a_number_a_coverage_and_a_matrix() {
    let page = everything(index);
    holds(
        &page,
        &[
            "<span class=\"bad\">3 violations</span>; 1 pair shares a network without a flow; 1 waived.",
            "<td><span class=\"state bad\">critical</span></td><th scope=\"row\"><bdi>shop</bdi></th>\
             <td>network back is not internal <small>internal_flag</small></td><td>static</td>",
            "<td>static, active</td>",
            "<td>passive</td><td><span class=\"state warn\">4 of 5</span></td>\
             <td>mail: its processes have gone while they were read</td>",
            "<th scope=\"row\"><bdi>web</bdi></th><td class=\"good\">u</td><td class=\"\">-</td><td class=\"bad\">X</td><td class=\"\">s</td></tr>",
            "<th scope=\"row\"><bdi>api</bdi></th><td>#</td><td class=\"bad\">!</td><td></td><td></td></tr>",
            "<b class=\"bad\">X</b> open or used, and no flow names it; ",
            "<b class=\"\">.</b> not allowed, and nobody has tried; ",
            "docs/runbooks/isolation.md#spyhopisolationviolation",
        ],
    );
    assert!(!page.contains("<b class=\"\">a</b>"), "the legend has no letter that is not there");
    let order = ["id=\"verdict\"", "id=\"findings\"", "id=\"tiers\"", "id=\"isolation\"", "id=\"containers\""];
    assert!(order.map(|mark| page.find(mark).unwrap()).is_sorted());
    let (snapshot, idle) = (snapshot(), crate::isolation::board::Board::default());
    let page = index(&View { isolation: Some(&idle), ..view(&snapshot) });
    assert!(page.contains("<section id=\"isolation\" hidden></section>"));
}

/// Tags with their attributes' names, in order: what a page is beside its texts.
fn skeleton(page: &str) -> String {
    let (mut bones, mut in_tag, mut in_value) = (String::new(), false, false);
    for character in page.chars() {
        match character {
            '"' if in_tag => in_value = !in_value,
            _ if in_value => continue,
            '<' => in_tag = true,
            _ => {}
        }
        if in_tag {
            bones.push(character);
        }
        in_tag &= character != '>' || in_value;
    }
    bones
}

/// A host on which everything that somebody outside may name is called so.
fn called(name: &str) -> Snapshot {
    let mut entry = full();
    let container = &mut entry.container;
    (container.name, container.image) = (name.into(), name.into());
    container.identity.key = ServiceKey { project: name.into(), service: name.into() };
    container.networks[0].network = name.into();
    container.ports[0].host_ip = name.into();
    container.labels = crate::model::Labels::new([("traefik.http.routers.x.rule".into(), name.into())]);
    entry.replica = name.into();
    let service =
        ServiceEntry { key: entry.container.identity.key.clone(), expected: 2, running: 1, ..Default::default() };
    let mut snapshot = Snapshot { containers: vec![Arc::new(entry)], services: vec![Arc::new(service)], ..snapshot() };
    (snapshot.engine.connected, snapshot.engine.trouble) = (false, Some(name.into()));
    snapshot
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_name_leaves_its_place(name in ".{1,60}") {
        let (hostile, harmless) = (called(&name), called("x"));
        let policies = crate::policy::Board::default();
        let page = |snapshot: &Snapshot| {
            index(&View { host: Some("h"), policy: Some(&policies), ..view(snapshot) })
        };
        prop_assert_eq!(skeleton(&page(&hostile)), skeleton(&page(&harmless)));
    }
}

#[test]
fn hostile_texts_stay_text() {
    let hostile = "</bdi><script>alert('x')</script>\"\u{202e}\0 data-list>";
    let snapshot = called(hostile);
    let page = index(&View { host: Some(hostile), ..view(&snapshot) });
    assert_eq!(page.matches("<script").count(), 1, "our own");
    assert!(
        !page.contains('\u{202e}') && !page.contains('\0') && page.matches("&lt;/bdi&gt;&lt;script&gt;").count() > 5
    );
    assert_eq!(skeleton(&page), skeleton(&index(&View { host: Some("x"), ..view(&called("x")) })));
}
