use super::{
    super::tests::{container, network, snapshot},
    *,
};
use crate::model::ContainerState;

/// An agent on a host without any route.
fn nowhere() -> Standpoint {
    let root = tempfile::tempdir().unwrap();
    Standpoint::with_roots(true, root.path(), root.path())
}

fn compose<'a>(
    project: &'a str,
    service: &'a str,
    number: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut labels = vec![
        ("com.docker.compose.project", project),
        ("com.docker.compose.service", service),
        ("com.docker.compose.container-number", number),
    ];
    labels.extend(more);
    labels
}

const PORT: (&str, &str) = ("spyhop.metrics.port", "80");

#[test]
fn paths_depend_on_nothing_but_replica_and_number() {
    let one = compose("shop", "web", "1", &[PORT, ("spyhop.metrics.3.port", "90")]);
    let two = compose("shop", "web", "2", &[PORT]);
    let all = vec![container("a", &one, &[]), container("b", &two, &[]), container("lone", &[PORT], &[])];
    let paths = |entries: Vec<Entry>| {
        let list = List::new(&snapshot(entries, Vec::new()), &nowhere(), false);
        list.targets.iter().map(|target| target.proxy_path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(paths(all), ["/proxy/shop/web/1", "/proxy/shop/web/1:3", "/proxy/shop/web/2", "/proxy/-/lone/1"]);
    // Replica 1 is being made again: replica 2 keeps its path meanwhile.
    assert_eq!(paths(vec![container("b", &two, &[])]), ["/proxy/shop/web/2"]);
}

#[test]
fn only_running_containers_that_declare_are_listed() {
    let mut stopped = container("stopped", &[PORT], &[]);
    stopped.container.state = ContainerState::Exited;
    let mut paused = container("paused", &[PORT], &[]);
    paused.container.state = ContainerState::Paused;
    let entries = vec![stopped, paused, container("silent", &[], &[]), container("speaks", &[PORT], &[])];
    let list = List::new(&snapshot(entries, Vec::new()), &nowhere(), false);
    assert_eq!(list.targets.len(), 1);
    let target = list.find("/proxy/-/speaks/1").unwrap();
    assert_eq!(target.labels.as_str(), r#"host="whale",project="",service="speaks",replica="1",target="1""#);
    for path in
        ["/proxy/-/stopped/1", "/proxy/-/speaks/2", "/proxy//speaks/1", "/proxy/-/speaks/1/", "/proxy/-/speaks/%31"]
    {
        assert!(list.find(path).is_none(), "{path}");
    }
}

#[test]
fn what_is_out_of_reach_or_wrong_says_why() {
    let entries = vec![
        container("far", &[PORT], &[("x", "172.30.0.2")]),
        container("wrong", &[("spyhop.metrics.port", "80@10.0.0.1")], &[]),
    ];
    let list = List::new(&snapshot(entries, vec![network("x", "overlay", "172.30.0.0/16")]), &nowhere(), false);
    let reasons: Vec<_> = list.targets.iter().map(|target| target.end.as_ref().unwrap_err().as_str()).collect();
    assert_eq!(reasons, ["no_bridge", "bad_port"]);
    assert!(list.targets.iter().all(|target| target.fetchable().is_none()));
}

#[test]
fn colliding_long_and_doubled_declarations_are_refused_and_counted() {
    let long = "x".repeat(300);
    let liar = compose("shop", "web", "1:2", &[PORT]);
    let entries = vec![
        container("a", &compose("shop", "web", "1", &[PORT, ("spyhop.metrics.2.port", "81")]), &[]),
        container("liar", &liar, &[]),
        container("long", &compose("shop", &long, "1", &[PORT]), &[]),
        container("twice", &[PORT, ("spyhop.metrics.2.port", "80"), ("spyhop.metrics.99.port", "82")], &[]),
    ];
    let list = List::new(&snapshot(entries, Vec::new()), &nowhere(), false);
    let names: Vec<_> = list.targets.iter().map(|target| &*target.entry.container.name).collect();
    assert_eq!((names, list.refused), (vec!["a", "a", "twice"], 4));
}

#[test]
fn targets_have_a_ceiling() {
    let entries = (0..MAX_TARGETS + 5).map(|n| container(&format!("c{n}"), &[PORT], &[])).collect();
    let list = List::new(&snapshot(entries, Vec::new()), &nowhere(), false);
    assert_eq!((list.targets.len(), list.refused), (MAX_TARGETS, 5));
}
