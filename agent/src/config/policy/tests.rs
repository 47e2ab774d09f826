//! The language: what a file with everything comes to, and every mistake with its place.

use std::{path::Path, sync::Arc};

use proptest::prelude::*;

use super::read_file;
use crate::{
    isolation::{Intent, fixed, learn},
    model::{Attachment, ContainerFilter, Limits, PublishedPort},
    policy::{
        Amount, Class, GatewayMode, ImagePin, Policy, RootFiles, Scene, Severity, With,
        examples::{now, published, snapshot, sound},
        judge,
        objectives::resolve,
    },
};

const EVERYTHING: &str = include_str!("../../../tests/fixtures/policy/everything.yml");

fn read(text: &str) -> (Policy, Vec<String>) {
    let mut mistakes = Vec::new();
    let policy = read_file(&Arc::from(Path::new("policy.yml")), text, &mut mistakes);
    (policy, mistakes.iter().map(ToString::to_string).collect())
}

#[test]
fn a_file_with_everything_is_understood() {
    let (policy, mistakes) = read(EVERYTHING);
    assert_eq!(mistakes, [] as [&str; 0]);
    let tier = policy.tier("critical").unwrap();
    assert_eq!(tier.severity, Severity::Critical);
    assert_eq!(tier.limits.memory, Some(Amount::exactly(2_147_483_648.0)));
    assert_eq!(tier.limits.cpus, Some(Amount { least: Some(0.5), most: Some(2.0) }));
    assert_eq!(tier.limits.pids, Some(Amount { least: None, most: Some(500.0) }));
    let shop = policy.project("shop").unwrap();
    assert_eq!(shop.base.services.len(), 6);
    let flows = shop.base.flows.as_deref().unwrap();
    assert_eq!(flows.len(), 3);
    assert!(flows[0].required && !flows[1].required);
    assert_eq!(flows[2].source_project.as_deref(), Some("monitoring"));
    assert_eq!(shop.base.host_reach.as_ref().map(Vec::len), Some(1));
    let rule = |name: &str| shop.base.services.iter().find(|rule| *rule.name == *name).unwrap();
    assert_eq!(rule("resolver").namespace.network, Some(With::Host));
    assert_eq!((&rule("debugger").namespace.network, &rule("debugger").namespace.pid), (&None, &Some(With::Host)));
    assert_eq!((rule("gateway").multihomed, rule("api").multihomed), (Some(true), None));
    assert_eq!(rule("api").egress.as_deref(), Some([].as_slice()));
    let edge = &shop.base.networks["edge"];
    assert_eq!((edge.icc, edge.ipv6, edge.driver.as_deref()), (Some(true), Some(false), Some("bridge")));
    assert_eq!(shop.base.networks["backend"].internal, Some(true));
    assert_eq!(shop.base.networks["backend"].gateway, Some(GatewayMode::Isolated));
    assert_eq!(shop.profiles[0].files.len(), 1);
    assert_eq!(policy.checks.severity(Class::WritableRoot), None);
    assert_eq!(policy.checks.severity(Class::RootUser), Some(Severity::Info));
    assert_eq!((policy.checks.overcommit.memory, policy.checks.overcommit.cpus), (1.2, 3.0));
    assert_eq!(policy.checks.image_pin, ImagePin::Digest);
    assert_eq!(policy.exceptions.len(), 1);
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let text = "\
version: 2
teirs: {}
tiers:
  critical: { severity: high, limits: { memory: lots, cpus: 2..1, disk: 1GiB } }
  \"a\\x1bb\": {}
projects:
  shop:
    services:
      web: { tier: critcal, publish: ['80:80'], replicas: -1, egress: [nowhere], job: perhaps }
      api: text
      odd: { namespace: { pid: none, userns: 'service:web', uts: host }, multihomed: maybe }
      lone: { namespace: nobody }
    networks: { backend: { gateway: closed, icc: perhaps, speed: fast } }
    host: { reach: [ssh] }
    flows: ['a to b']
    profiles: { dev: { files: [/srv/compose.yml] } }
checks:
  off: [root_usr]
  severity: { replicas: bad, nothing: info }
  overcommit: { memory: -1 }
  image_pin: yes
  secrets_max_age: 90
exceptions:
  - { finding: root_user, until: tomorrow }
  - text
  - { finding: root_user, reason: ' ', until: 2027-01-01T00:00 }
";
    let (_, mistakes) = read(text);
    let expected = [
        "policy.yml:2:1: teirs: no such key; did you mean tiers?",
        "policy.yml:1:10: version: \"2\" is not a version of the policy language; write 1",
        "policy.yml:4:25: tiers.critical.severity: \"high\" is not a severity; known are info, warning, critical",
        "policy.yml:4:49: tiers.critical.limits.memory: \"lots\" is not an amount; write 512MiB, <=2GiB, >=64MiB, 1GiB..2GiB or any",
        "policy.yml:4:61: tiers.critical.limits.cpus: \"2..1\" begins above its end; write the smaller one first",
        "policy.yml:4:67: tiers.critical.limits.disk: no such key; known are memory, cpus, pids, memory_reservation",
    ];
    for line in expected {
        assert!(mistakes.iter().any(|mistake| mistake == line), "{line}\nis not among\n{}", mistakes.join("\n"));
    }
    let parts = [
        "5:3: tiers.a\\u{1b}b: \"a\\u{1b}b\" is not a name",
        "services.web.tier: there is no tier \"critcal\"; did you mean critical?",
        "services.web.publish: \"80:80\" is not a port of the host",
        "services.web.replicas: \"-1\" is not an amount",
        "services.web.egress: \"nowhere\" is not a target outside",
        "services.web.job: \"perhaps\" is not a switch",
        "services.api: is a section, not a value",
        "services.odd.namespace.pid: \"none\" is nobody's namespace; write host, own, service:NAME or container:NAME",
        "services.odd.namespace.userns: \"service:web\" is nobody's namespace; write host or own",
        "services.odd.namespace.uts: no such key",
        "services.odd.multihomed: \"maybe\" is not a switch; write ok where",
        "services.lone.namespace: \"nobody\" is nobody's namespace; write host, none, own, service:NAME",
        "networks.backend.gateway: \"closed\" is not a gateway mode",
        "networks.backend.icc: \"perhaps\" is not a switch",
        "networks.backend.speed: no such key",
        "host.reach: \"ssh\" is not a port of the host",
        "flows: \"a to b\" is not a flow",
        "profiles.dev.files: \"/srv/compose.yml\" is not the name of a compose file",
        "checks.off: \"root_usr\" is not a finding; did you mean root_user?",
        "checks.severity.replicas: \"bad\" is not a severity",
        "checks.severity.nothing: \"nothing\" is not a finding",
        "checks.overcommit.memory: \"-1\" is not a number above 0",
        "checks.image_pin: \"yes\" does not pin an image",
        "checks.secrets_max_age: \"90\" is not a duration",
        "exceptions[0].until: \"tomorrow\" is not a day",
        "exceptions[0]: has no reason",
        "exceptions[1]: is a section, not a value",
        "exceptions[2].reason: says nothing",
        "exceptions[2].until: \"2027-01-01T00:00\" is not a day",
    ];
    for part in parts {
        assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part}\nis not in\n{}", mistakes.join("\n"));
    }
}

#[test]
fn names_lead_to_something() {
    let text = "\
projects:
  shop:
    services: { web: { networks: [edge, back] }, '*-worker': {} }
    networks: { edge: {} }
    flows: ['web -> mail-worker:1', 'web -> db:5432', '* -> web:1']
    profiles: { dev: { services: { api: { networks: [edge] } }, flows: ['api -> web:1'] } }
";
    let (_, mistakes) = read(text);
    let expected = [
        "policy.yml:2:3: projects.shop: a flow names \"db\", which is no service of the project; add it, or correct the name",
        "policy.yml:2:3: projects.shop: a service is on network \"back\", which `networks` does not have; add it, or correct the name",
    ];
    assert_eq!(mistakes, expected);
}

/// Rules of which an engine keeps one at most, and flows that lead into other projects.
#[test]
fn what_no_engine_can_keep_is_told() {
    let text = "\
projects:
  shop:
    services:
      web: { networks: [edge, back], publish: [80] }
      db: { networks: [back], publish: [5432] }
      vpn: { networks: [edge], namespace: 'service:web' }
      side: { namespace: 'service:nobody' }
    networks: { edge: {}, back: { internal: true }, far: { gateway: isolated } }
    flows: ['web -> data/store:1', 'web -> data/nowhere:1', 'elsewhere/anybody -> web:80']
    profiles:
      dev: { networks: { back: { internal: false } } }
  data:
    services: { store: {} }
    flows:
    host:
";
    let (policy, mistakes) = read(text);
    let of = |name: &str| format!("policy.yml:2:3: projects.shop: {name}");
    let expected = [
        "\"db\" publishes a port and is on internal networks alone; the engine publishes nothing there: take `publish` away, or give it a network with a way out",
        "\"vpn\" has `namespace: service:web` and networks of its own; an engine gives it one of both: write networks: [], or take `namespace` away",
        "a service shares a namespace of \"nobody\", which is no service of the project; add it, or correct the name",
        "network \"far\" has an isolated gateway and is not internal; an engine refuses that: write internal: true beside it",
        "a flow names data/nowhere, which is no service; add it to that project, or correct the name",
    ];
    assert_eq!(mistakes, expected.map(of));
    let data = policy.project("data").unwrap();
    assert_eq!((&data.base.flows, &data.base.host_reach), (&None, &None), "a key without a value says nothing");
    assert!(!data.base.speaks_of_isolation() && policy.project("shop").unwrap().base.speaks_of_isolation());
}

#[test]
fn empty_files_say_nothing() {
    for text in ["", "# nothing\n", "tiers:\nprojects:\nchecks:\nexceptions:\n", "version: 1\n"] {
        let (policy, mistakes) = read(text);
        assert_eq!(mistakes, [] as [&str; 0], "{text:?}");
        assert!(policy.names_nobody());
    }
    assert_eq!(read("[a]").1, ["policy.yml:1:1: is not a policy; begin with a section such as `tiers:`"]);
}

/// What `init` writes is understood, and nothing is found by it: what was wrong is excepted by name.
#[test]
fn what_is_learnt_is_clean() {
    let mut broken = sound("shop", "web");
    (broken.health, broken.confinement.user) = (None, Some("".into()));
    broken.confinement.secret_variables.push("DB_PASSWORD".into());
    broken.ports.push(published(8080));
    let mut lone = sound("", "no: 'quotes\"");
    lone.limits = Limits::default();
    // Somebody's joke of a label is left out.
    let star = sound("shop", "*");
    let mut odd = sound("shop", "true");
    let on =
        |network: &str| Attachment { network: network.into(), network_id: None, addresses: vec![], aliases: vec![] };
    odd.networks = vec![on("shop_back"), on("back"), on("shop_edge")];
    (odd.limits.memory_bytes, odd.limits.cpu_cores) = (Some(123_456_789), Some(0.25));
    let picture = snapshot(vec![broken, sound("shop", "api"), lone, odd, star]);
    let text = learn(&picture, None, now());
    let (policy, mistakes) = read(&text);
    assert_eq!(mistakes, [] as [&str; 0], "{text}");
    let (files, filter) = (RootFiles::default(), ContainerFilter::default());
    let scene = Scene { snapshot: &picture, now: now(), files: &files, filter: &filter };
    let policy = Arc::new(policy);
    let verdict = judge(&policy, &scene);
    let unlisted: Vec<_> = verdict.findings.iter().map(|finding| finding.place()).collect();
    assert!(unlisted.iter().all(|place| place == "shop/*"), "{text}\n{:#?}", verdict.findings);
    assert_eq!(verdict.excepted.len(), 5, "{text}");
    assert_eq!(policy.tiers.len(), 3, "{text}");
    // Of what lies between networks nothing is left either.
    let drafts = fixed::judge(&Intent::resolve(&policy, &picture), &picture);
    assert!(drafts.iter().all(|draft| draft.class.severity() == Severity::Info), "{text}\n{drafts:#?}");
    let later = jiff::Timestamp::from_second(now().as_second() + 100 * 86_400).unwrap();
    assert!(judge(&policy, &Scene { now: later, ..scene }).is_violated(), "exceptions end");
    let (nothing, mistakes) = read(&learn(&snapshot(vec![]), None, now()));
    assert!(mistakes.is_empty() && nothing.names_nobody());
}

proptest! {
    #[test]
    fn no_text_panics_the_reader(text in any::<String>()) {
        let _policy = read(&text);
    }

    /// Whatever names containers, networks and variables have: what `init` writes is read back.
    #[test]
    fn what_is_learnt_is_understood(names in proptest::collection::vec(any::<String>(), 6)) {
        let [project, service, network, variable, port, image] = names.try_into().unwrap();
        let mut container = sound("shop", "web");
        container.identity.key.project = project.as_str().into();
        container.identity.key.service = service.as_str().into();
        container.image = image.as_str().into();
        container.confinement.secret_variables.push(variable.as_str().into());
        container.ports.push(PublishedPort { host_ip: port.as_str().into(), ..published(1) });
        container.networks = vec![Attachment { network: network.as_str().into(), network_id: None, addresses: vec![], aliases: vec![] }];
        let text = learn(&snapshot(vec![container]), None, now());
        let (_, mistakes) = read(&text);
        prop_assert!(mistakes.is_empty(), "{mistakes:?}\n{text}");
    }

    #[test]
    fn no_likely_text_panics_the_reader(
        words in proptest::collection::vec("(tiers|projects|services|checks|exceptions|severity|limits|memory|flows|a -> b:1|80|x|<=1|1..2|\\[|\\]|\\{|\\}|:|,|- |\n|  ){1,4}", 0..40)
    ) {
        let _policy = read(&words.concat());
    }
}

#[test]
fn objectives_of_every_kind_are_understood() {
    let path: Arc<Path> =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/policy/objectives.yml")).into();
    let mut mistakes = Vec::new();
    let policy = read_file(&path, include_str!("../../../tests/fixtures/policy/objectives.yml"), &mut mistakes);
    assert_eq!(mistakes, []);
    let (all, faults) = resolve(&policy);
    assert_eq!(faults, []);
    let slos: Vec<&str> = all.iter().map(|objective| &*objective.slo).collect();
    let expected = [
        "site-site",
        "shop-checkout-payments",
        "shop-checkout-queue",
        "shop-api-orders",
        "shop-api-answers",
        "shop-api-fast",
        "shop-api-health-checks",
        "shop-api-start",
        "shop-api-availability",
        "shop-db-availability",
        "shop-worker-availability",
    ];
    assert_eq!(slos, expected);
}

#[test]
fn mistakes_in_objectives_are_told_at_once_with_their_places() {
    let text = "\
tiers:
  gold: { objectives: { availability: 100%, other: 99%, p: { probe: x, availability: healthy, target: 99% } } }
projects:
  shop:
    services:
      api:
        tier: gold
        objectives:
          answers: { probe: nobody, target: 99.9% }
          availability: { target: 99.99% }
          start: { within: 31s, target: 99% }
          ratio: { bad: 'rate(x[5m])', total: y, target: 99% }
          half: { bad: x, target: 99% }
          empty: { window: 30d }
          odd: { target: 99%, health_checks: on, page: loud, ticket: off, unknown: worse, min_events: 0, window: 1y, colour: red }
    objectives:
      availability: 99%
      up: { availability: running, target: 99% }
objectives:
  x: { good: x_total, total: y_total, target: 92% }
openslo: [nowhere.yml]
";
    let (_, mistakes) = read(text);
    for part in [
        "2:39: tiers.gold.objectives.availability: \"100%\" is not a share below all",
        "2:52: tiers.gold.objectives.other: \"other\" does not say what is counted; write a section",
        "tiers.gold.objectives.p.probe: is counted by another key already",
        "9:11: projects.shop.services.api.objectives.answers: there is no probe \"nobody\"; declare it",
        "10:11: projects.shop.services.api.objectives.availability: would page on a single bad sample",
        "objectives.start.within: \"31s\" is not a bound that starts are counted by; write one of 500ms, 1s, 2s500ms",
        "objectives.ratio.bad: \"rate(x[5m])\" is neither a counter nor an expression about a window",
        "objectives.half: has no total",
        "objectives.empty: does not say what is counted",
        "objectives.empty: has no target; write target: 99.9%",
        "objectives.odd.page: \"loud\" is not a severity; write critical, warning, info or off",
        "objectives.odd.unknown: \"worse\" is not a way to count unknown time",
        "objectives.odd.min_events: \"0\" is not a number of events",
        "objectives.odd.colour: no such key",
        "objectives.odd: is about less than an hour, or more than 90 days",
        "17:21: projects.shop.objectives.availability: \"availability\" does not say what is counted",
        "projects.shop.objectives.up.availability: no such key",
        "20:3: objectives.x: 14.4 times the budget of 92% is more than everything",
        "21:10: openslo: read nowhere.yml: ",
    ] {
        assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part}\nis not in\n{}", mistakes.join("\n"));
    }
}
