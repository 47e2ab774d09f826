//! What is said of a container, and which rule says whose resource it is.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{super::*, *};

/// A bench with a container, and a connection of it that is known.
async fn known(container: Container) -> (Bench, Binding) {
    let mut bench = Bench::new(true, None);
    bench.describe(at(container, &["172.20.0.2"]));
    let binding = bound(&bench, 1, "172.20.0.2").await;
    (bench, binding)
}

/// A connection of a container from its address.
async fn bound(bench: &Bench, number: u32, address: &str) -> Binding {
    let (peer, local) = (end(address, 40_000), end("172.20.0.9", DOOR));
    bench.connects(number, peer, local);
    let binding = bench.accept(peer, local);
    bench.attributor.settle(&binding).await;
    binding
}

fn rich() -> Container {
    let mut container = compose(1, "web");
    container.image = "reg.example:5000/team/web:1.4".into();
    container.image_id = Some("sha256:beef".into());
    let labels = container.labels.iter().map(|(key, value)| (key.into(), value.into()));
    let more = [("team", "blue"), ("secret", "no"), ("com.docker.compose.long", "")];
    let long = [("com.docker.compose.long".into(), "x".repeat(2000).into())];
    container.labels = Labels::new(labels.chain(more.map(|(key, value)| (key.into(), value.into()))).chain(long));
    container
}

#[tokio::test]
async fn everything_there_is_to_say() {
    let (bench, binding) = known(rich()).await;
    let group = resource(&[]);
    let named = bench.named(&binding, &group).await;
    let expected = [
        ("service.name", "web"),
        ("service.namespace", "shop"),
        ("service.instance.id", "shop.web.1"),
        ("deployment.environment.name", "test"),
        ("container.id", &id(1)),
        ("container.name", "shop-web-1"),
        ("container.image.name", "reg.example:5000/team/web"),
        ("container.image.id", "sha256:beef"),
        ("container.runtime.name", "docker"),
        ("container.runtime.version", "28.5.1"),
        ("container.image.tags", "[1.4]"),
        ("host.name", "box"),
        ("host.id", "machine"),
        ("os.type", "linux"),
        ("container.label.com.docker.compose.container-number", "1"),
        ("container.label.com.docker.compose.project", "shop"),
        ("container.label.com.docker.compose.service", "web"),
        ("container.label.team", "blue"),
    ];
    assert_eq!(changed(&group, &named), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(named.by, Ok(Rule::Address));
    let who = named.who.unwrap();
    assert_eq!((&*who.project, &*who.service, &*who.replica), ("shop", "web", "1"));
    assert_eq!(who.attributes, named.change.add, "nothing was copied");
}

#[tokio::test]
async fn a_service_is_named_by_what_is_nearest() {
    let task = [
        ("com.docker.swarm.service.name", "stack_api"),
        ("com.docker.stack.namespace", "stack"),
        ("com.docker.swarm.task.name", "stack_api.2.abc"),
    ];
    let swarm = container(1, "stack_api.2.abc", &task);
    let said = container(
        1,
        "x",
        &[("resource.opentelemetry.io/service.name", "checkout"), ("com.docker.compose.service", "web")],
    );
    let mut imaged = container(1, "x", &[]);
    imaged.image = "reg.example/team/app:3".into();
    let mut bare = container(1, "eager_fermi", &[]);
    bare.image = "sha256:0123456789abcdef".into();
    for (container, name, instance) in [
        (said, "checkout", "web.1"),
        (compose(1, "web"), "web", "shop.web.1"),
        (swarm, "api", "stack.api.2"),
        (imaged, "app", "x"),
        (bare, "eager_fermi", "eager_fermi"),
    ] {
        let (bench, binding) = known(container).await;
        let group = resource(&[]);
        let said: BTreeMap<_, _> = changed(&group, &bench.named(&binding, &group).await).into_iter().collect();
        assert_eq!((&*said["service.name"], &*said["service.instance.id"]), (name, instance));
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_replaced_and_no_other() {
    let (bench, binding) = known(compose(1, "web")).await;
    for (own, expected) in [
        ("", "web"),
        ("unknown_service", "web"),
        ("unknown_service:node", "web"),
        ("unknown_services", "unknown_services"),
        ("unknown", "unknown"),
        ("checkout", "checkout"),
    ] {
        let group = resource(&[("service.name", own)]);
        let names: Vec<_> = changed(&group, &bench.named(&binding, &group).await)
            .into_iter()
            .filter(|(key, _)| key == "service.name")
            .map(|(_, value)| value)
            .collect();
        assert_eq!(names, [expected], "{own:?}");
    }
    // A name of another type is the sender's affair; two names are, too, if one is good.
    let mut resource = Resource { attributes: vec![pair("service.name", "")], ..Resource::default() };
    resource.attributes.push(pair("service.name", "good"));
    let group = ResourceSpans { resource: Some(resource), ..ResourceSpans::default() }.encode_to_vec();
    assert!(bench.named(&binding, &group).await.change.without.is_empty());
}

#[tokio::test]
async fn the_container_is_told_in_the_order_of_the_rules() {
    let mut bench = Bench::new(true, Some(9));
    bench.describe(at(compose(1, "web"), &["172.20.0.2"]));
    bench.describe(at(compose(2, "db"), &["172.20.0.3"]));
    bench.describe(at(container(3, "collector", &[("spyhop.otlp.relay", "true")]), &["172.20.0.4"]));
    bench.describe(at(compose(5, "pod"), &["172.20.0.5"]));
    bench.describe(joining(compose(6, "sidecar"), 5));
    bench.describe(at(container(9, "spyhop", &[]), &["172.20.0.9"]));
    let [web, relay, pod] = [(1, "172.20.0.2"), (3, "172.20.0.4"), (5, "172.20.0.5")];
    let [web, relay, pod] =
        [bound(&bench, web.0, web.1).await, bound(&bench, relay.0, relay.1).await, bound(&bench, pod.0, pod.1).await];
    let [one, two, six, nine] = [1, 2, 6, 9].map(id);
    let [short_two, short_five, short_nine] = [2, 5, 9].map(|number| id(number)[..12].to_owned());
    let foreign = "f".repeat(64);
    let table: [(&Binding, &[(&str, &str)], Option<u32>, Result<Rule, Miss>); 17] = [
        (&web, &[], Some(1), Ok(Rule::Address)),
        (&web, &[("container.id", &two)], Some(2), Ok(Rule::ContainerId)),
        (&web, &[("container.id", &short_two)], Some(2), Ok(Rule::ContainerId)),
        (&web, &[("container.id", "0000")], None, Err(Miss::NoSuchContainer)),
        (&web, &[("container.id", "")], Some(1), Ok(Rule::Address)),
        (&web, &[("container.id", "000000000000000")], None, Err(Miss::NoSuchContainer)),
        (&web, &[("container.id", &foreign)], None, Err(Miss::NoSuchContainer)),
        (&web, &[("container.id", &nine)], None, Err(Miss::AgentItself)),
        (&web, &[("host.name", "web.example")], Some(1), Ok(Rule::Address)),
        (&web, &[("host.name", &one[..12])], Some(1), Ok(Rule::Address)),
        // Nobody but a relay has another container's name of its host.
        (&web, &[("host.name", &short_two)], Some(2), Ok(Rule::HostName)),
        (&web, &[("host.name", &short_nine)], Some(1), Ok(Rule::Address)),
        (&relay, &[], None, Err(Miss::Relay)),
        (&relay, &[("container.id", &six)], Some(6), Ok(Rule::ContainerId)),
        (&relay, &[("host.name", &short_two)], Some(2), Ok(Rule::HostName)),
        (&pod, &[], None, Err(Miss::Ambiguous)),
        // Both have the name of the host that the first one gave.
        (&pod, &[("host.name", &short_five)], None, Err(Miss::Ambiguous)),
    ];
    for (binding, pairs, expected, by) in table {
        let named = bench.named(binding, &resource(pairs)).await;
        assert_eq!((number(&named), named.by), (expected, by), "{pairs:?}");
        assert!(expected.is_some() || by == Err(Miss::Ambiguous) || named.change == Change::default(), "{pairs:?}");
    }
}

#[tokio::test]
async fn containers_in_one_namespace_get_what_they_share() {
    let mut bench = Bench::new(true, None);
    bench.describe(at(compose(5, "pod"), &["172.20.0.5"]));
    bench.describe(joining(compose(6, "sidecar"), 5));
    let binding = bound(&bench, 5, "172.20.0.5").await;
    let group = resource(&[("telemetry.sdk.name", "opentelemetry"), ("host.name", "own")]);
    let said: BTreeMap<_, _> = changed(&group, &bench.named(&binding, &group).await).into_iter().collect();
    let keys: Vec<_> = said.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "container.label.com.docker.compose.container-number",
            "container.label.com.docker.compose.project",
            "container.runtime.name",
            "container.runtime.version",
            "deployment.environment.name",
            "host.id",
            "host.name",
            "os.type",
            "service.namespace",
            "telemetry.sdk.name",
        ]
    );
    assert_eq!((&*said["service.namespace"], &*said["host.name"]), ("shop", "own"));
    // A name that is none stays where there is no better one.
    let named = bench.named(&binding, &resource(&[("service.name", "unknown_service")])).await;
    assert_eq!(named.change.without, Vec::<&str>::new());
}

#[tokio::test]
async fn a_new_name_is_told_to_connections_that_are_there() {
    let (mut bench, binding) = known(container(1, "old", &[])).await;
    bench.describe(at(container(1, "new", &[]), &["172.20.0.2"]));
    let named = bench.named(&binding, &resource(&[])).await;
    assert_eq!(named.who.map(|who| who.container_name.to_string()).as_deref(), Some("new"));
}

#[tokio::test]
async fn what_cannot_be_read_is_not_touched() {
    let (bench, binding) = known(container(1, "web", &[])).await;
    let mut writer = crate::otlp::wire::Writer::new();
    writer.message(1, |resource| resource.bytes(1, &[0x0a, 0xff]));
    let named = bench.named(&binding, writer.as_bytes()).await;
    assert_eq!((named.by, named.change), (Err(Miss::Malformed), Change::default()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a sender says is left as it is, and whatever it does not say is there once.
    #[test]
    fn only_what_is_missing_is_added(
        picked in proptest::sample::subsequence(
            vec![
                "service.name", "service.namespace", "service.instance.id", "deployment.environment.name",
                "host.name", "host.id", "os.type", "container.id", "container.name", "container.image.name",
                "container.image.tags", "container.image.id", "container.runtime.name", "container.runtime.version",
                "container.label.team", "container.label.com.docker.compose.project", "container.label.other", "x",
            ],
            0..18,
        ).prop_shuffle(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (before, after, whole) = runtime.block_on(async {
            let (bench, binding) = known(rich()).await;
            let pairs: Vec<(&str, String)> =
                picked.iter().map(|key| (*key, if *key == "container.id" { id(1) } else { "own".into() })).collect();
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| (*key, &**value)).collect();
            let group = resource(&pairs);
            let mut after = Vec::new();
            // The second time it comes from memory.
            for _ in 0..2 {
                after.push(changed(&group, &bench.named(&binding, &group).await));
            }
            let empty = resource(&[]);
            (changed(&group, &Named::missed(Miss::UnknownIp)), after, changed(&empty, &bench.named(&binding, &empty).await))
        });
        prop_assert_eq!(&after[0], &after[1]);
        let after = &after[0];
        prop_assert_eq!(&after[..before.len()], &before[..]);
        let expected = whole.iter().filter(|(key, _)| !picked.contains(&key.as_str())).cloned();
        prop_assert_eq!(after[before.len()..].to_vec(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut writer = crate::otlp::wire::Writer::new();
        writer.bytes(1, &bytes);
        if let Ok(group) = Group::parse(writer.as_bytes()) {
            std::hint::black_box(Said::read(&group).is_ok());
        }
    }

    #[test]
    fn a_beginning_leads_to_one_or_to_none(ids in proptest::collection::btree_set("[0-3]{14}", 0..40), asked in "[0-3]{12,14}") {
        let common = who::Common::default();
        let row = |id: &String| {
            let entry = Entry::bare(Container::bare(id.as_str(), "x", Labels::default()), time(0));
            names::Row { who: Arc::new(Who::new(&entry, &common, &[])), life: None, alone: true }
        };
        let index = Index::new(ids.iter().rev().map(row).collect(), None);
        let matching: Vec<_> = ids.iter().filter(|id| id.starts_with(&asked)).collect();
        let found = index.find(&asked).map(|row| row.who.container_id.to_string());
        prop_assert_eq!(found.as_ref(), if let [one] = &*matching { Some(*one) } else { None });
    }
}
