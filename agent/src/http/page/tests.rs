use std::sync::Arc;

use super::*;
use crate::{
    http::api::tests::{bare, board, full, isolated, probed, snapshot, view},
    inventory::Snapshot,
    logs::board::{Trouble, TroubleKind},
    model::{ContainerId, RestartPolicy, ServiceKey},
};

/// The page of a host with these containers.
fn page_of(containers: impl IntoIterator<Item = Entry>) -> String {
    let snapshot = Snapshot { containers: containers.into_iter().map(Arc::new).collect(), ..snapshot() };
    index(&view(&snapshot))
}

/// The cells of the first row, markup taken away.
fn cells(page: &str) -> Vec<String> {
    let row = page.split("<tbody>\n<tr>").nth(1).unwrap().split("</tr>").next().unwrap();
    let cells = row.split_inclusive("</t").filter(|cell| cell.ends_with("</t"));
    cells.map(|cell| cell.trim_end_matches("</t").rsplit_once('>').map(|(_, text)| text).unwrap().to_owned()).collect()
}

#[test]
fn the_page_shows_host_engine_counts_containers_and_routes() {
    let page = page_of([full(), bare("forgotten")]);
    for part in [
        "<title>harbour - spyhop</title>",
        "Connected</span> to the container engine (version 28.5.1).",
        "<dt>Containers</dt><dd>2</dd>",
        "<dt>Running</dt><dd>1</dd>",
        "<dt>Unhealthy</dt><dd>0</dd>",
        "<bdi>shop-web-1</bdi>",
        "<td class=\"good\">running</td><td class=\"good\">healthy</td><td class=\"number\">2</td>",
        "<time datetime=\"2026-02-20T08:00:01Z\">9 d ago</time>",
        "<a href=\"/metrics\">/metrics</a>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("hunter2"), "labels are not shown");
    assert!(!page.contains("style=") && !page.contains("<script"), "the content policy allows neither");
}

#[test]
fn a_silent_engine_is_said_with_the_age_of_the_list() {
    let mut snapshot = snapshot();
    snapshot.engine.connected = false;
    snapshot.engine.heard_at = "2026-03-01T11:48:00Z".parse().ok();
    snapshot.engine.trouble = Some("dial <unix>".into());
    let page = index(&view(&snapshot));
    assert!(
        page.contains("is silent</span>; the list below is 12 min old (version 28.5.1): dial &lt;unix&gt;."),
        "{page}"
    );
    let page = index(&view(&Snapshot::default()));
    assert!(page.contains("has not answered yet</span>.") && page.contains("None is known."), "{page}");
}

#[test]
fn hostile_texts_stay_text() {
    let hostile = "</bdi><script>alert('x')</script>\"\u{202e}\0";
    let mut entry = full();
    entry.container.name = hostile.into();
    entry.container.image = hostile.into();
    entry.container.identity.key.project = hostile.into();
    entry.container.identity.key.service = hostile.into();
    entry.replica = hostile.into();
    let page = page_of([entry]);
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\0'), "{page}");
    assert_eq!(page.matches("&lt;/bdi&gt;&lt;script&gt;").count(), 5);
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
        assert_eq!(cells(&page_of([entry]))[4], expected);
    }
}

#[test]
fn health_of_a_stopped_container_is_not_shown() {
    let mut entry = full();
    entry.container.state = ContainerState::Exited;
    entry.container.pid = None;
    assert_eq!(cells(&page_of([entry]))[5], "");
}

#[test]
fn the_table_has_an_end() {
    let many = (0..ROWS + 3).map(|n| {
        let mut entry = bare("x");
        entry.container.id = ContainerId::new(n.to_string());
        entry
    });
    let page = page_of(many);
    assert_eq!(page.matches("<tr><th scope=\"row\">").count(), ROWS);
    assert!(page.contains("<p>3 more are left out here"));
}

#[test]
fn ages_are_said_in_their_largest_unit() {
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
}

#[test]
fn logs_are_shown_where_they_go_somewhere() {
    let (snapshot, board) = (snapshot(), board());
    assert!(!index(&view(&snapshot)).contains("id=\"logs\""), "nothing is said of logs which go nowhere");
    let page = index(&View { logs: Some(&board), ..view(&snapshot) });
    for part in [
        "<th scope=\"row\"><bdi>loki:3100</bdi></th><td class=\"good\">ok</td><td class=\"number\">41230</td>",
        "<td class=\"bad\">kept back: connect to logs.example.org: connection refused</td>",
        "<td class=\"number\">64 KiB</td><td class=\"number\">8 MiB</td>",
        "<bdi>web</bdi></td><td class=\"warn\">10 min old</td><td class=\"number\">0</td>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let [_, second] = board.destinations() else { panic!("two were given") };
    second.set_trouble(Some(Trouble { kind: TroubleKind::Blocked, text: "<script>".into() }));
    board.service(&ServiceKey { project: "shop".into(), service: "web".into() }).set_oldest(1, None);
    let page = index(&View { logs: Some(&board), ..view(&snapshot) });
    assert!(page.contains("kept back: &lt;script&gt;") && page.contains("Nothing is late, lost or missing."), "{page}");
}

#[test]
fn probes_that_fail_come_first_with_reason_and_since_when() {
    let snapshot = snapshot();
    let board = probed();
    let page = index(&View { probes: Some(&board), ..view(&snapshot) });
    for part in [
        "<dt>Probes failing</dt><dd>1 of 4</dd>",
        "<th scope=\"row\"><bdi>orders</bdi></th><td class=\"bad\">failing</td><td>\
         <time datetime=\"2026-03-01T11:58:30Z\">1 min ago</time></td><td>answered 503</td>",
        "<th scope=\"row\"><bdi>port</bdi></th><td class=\"warn\">unreachable</td>",
        "2 of 4 probes; <a href=\"/api/v1/probes\">",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let at = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part}"));
    assert!(at("<bdi>orders</bdi>") < at("<bdi>port</bdi>") && at("id=\"probes\"") < at("id=\"containers\""));
    // One that is well is shown because its certificate ends within three weeks, and then with when it does.
    let soon = View { now: "2026-03-20T12:00:00Z".parse().unwrap(), probes: Some(&board), ..view(&snapshot) };
    assert!(index(&soon).contains("<span class=\"warn\">its certificate ends in 10 d</span>"));
    let over = View { now: "2026-04-02T00:00:00Z".parse().unwrap(), probes: Some(&board), ..view(&snapshot) };
    assert!(index(&over).contains("<span class=\"bad\">its certificate ended 2 d ago</span>"));
    assert!(!index(&view(&snapshot)).contains("id=\"probes\""), "nobody is asked");
}

#[test]
fn isolation_is_a_number_a_coverage_and_a_matrix() {
    let (snapshot, board, policies) = (snapshot(), isolated(), crate::policy::Board::default());
    let page = index(&View { isolation: Some(&board), policy: Some(&policies), ..view(&snapshot) });
    for part in [
        "<dt><a href=\"#isolation\">Isolation</a></dt><dd class=\"bad\">3</dd>",
        "<span class=\"bad\">3 violations</span>; 1 pairs share a network without a flow; 1 waived.",
        "<td class=\"bad\">critical</td><th scope=\"row\"><bdi>shop</bdi></th><td>internal_flag</td><td>network back is not internal</td><td>static</td><td>2 min</td>",
        "<bdi>shop/web</bdi></th><td>unexpected_reachability</td>",
        "<td>static, active</td>",
        "<td>passive</td><td class=\"warn\">4 of 5</td><td>mail: its processes have gone while they were read</td>",
        "<th scope=\"row\"><bdi>web</bdi></th><td class=\"good\">u</td><td class=\"\">-</td><td class=\"bad\">X</td><td class=\"\">s</td></tr>",
        "<th scope=\"row\"><bdi>api</bdi></th><td>#</td><td class=\"bad\">!</td><td></td><td></td></tr>",
        "<b class=\"bad\">X</b> open or used, and no flow names it; ",
        "<b class=\"\">.</b> not allowed, and nobody has tried; ",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("<b class=\"\">a</b>"), "the legend has no letter that is not there");
    let order = ["id=\"isolation\"", "id=\"findings\""].map(|mark| page.find(mark).unwrap());
    assert!(order.is_sorted());
    let idle = crate::isolation::board::Board::default();
    assert!(!index(&View { isolation: Some(&idle), ..view(&snapshot) }).contains("id=\"isolation\""));
}
