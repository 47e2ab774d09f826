//! Rows of docs/reach.md on the real engine: what the agent predicts, what it finds out through the helper and what it sees in the
//! kernel's lists, held against a client that runs inside the containers.
//!
//! Promised: wherever the table says open or closed, the client finds the same; so does a probe, everywhere; and what the client does
//! is seen by who asked whom. Each row is printed with the engine it was found on.

#![expect(clippy::expect_used, reason = "a test which cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod lab;

use std::{collections::BTreeSet, net::IpAddr, path::Path};

use jiff::Timestamp;
use lab::{Lab, PORT, Told};
use spyhop::{
    inventory::{Entry, Snapshot},
    isolation::{
        End,
        passive::{Around, Sweeper},
        reach::{self, Family, Map, Over, Port, Reach},
    },
    model::{Attachment, NetworkMode, Protocol, ServiceKey},
};
use support::{
    compose::free_port,
    container::Running,
    wait::{eventually, holds},
};

/// One row: who asks whom at which address.
struct Row<'a> {
    name: &'static str,
    from: &'a Running,
    to: IpAddr,
    port: u16,
    /// Whom that is; `None` is the host itself.
    target: Option<&'a Running>,
}

/// What was found of a row.
struct Found {
    name: &'static str,
    predicted: Reach,
    told: Told,
    truth: bool,
    /// `None` on the network of the host, where the helper makes no sockets.
    probed: Option<bool>,
}

#[test]
fn predicted_probed_and_seen_as_it_is() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let Some(stage) = Stage::build(&mut lab) else { return };
    let rows = stage.rows(&lab);
    let everybody: Vec<&Running> = stage.everybody();
    let picture = lab.picture(&everybody);
    let engine = reach::Engine::of(&picture.engine);
    let found: Vec<Found> = rows.iter().map(|row| find(&lab, &picture, &engine, row)).collect();
    println!("| {} | predicted | a client inside | probed |\n|---|---|---|---|", engine.name());
    for Found { name, predicted, truth, probed, .. } in &found {
        let word = |open: &bool| if *open { "open" } else { "closed" };
        println!("| {name} | {predicted} | {} | {} |", word(truth), probed.as_ref().map_or("-", word));
    }
    let lies = |found: &&Found| {
        found.probed.is_some_and(|probed| probed != found.truth)
            || (!found.predicted.is_unknown() && found.predicted.is_open() != found.truth)
    };
    let wrong: Vec<_> = found.iter().filter(lies).map(|found| found.name).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    seen(&lab, &picture, &rows, &found);
}

fn find(lab: &Lab, picture: &Snapshot, engine: &reach::Engine, row: &Row<'_>) -> Found {
    let from = entry(picture, row.from);
    let own = is_own(picture, row);
    let told = lab.truth(row.from, row.to, row.port);
    Found {
        name: row.name,
        predicted: predict(picture, engine, row),
        told,
        // A closed port that answers tells that packets get there; at an address of the host it is the host that answers.
        truth: told == Told::Welcome || (own && told == Told::Refused),
        probed: (from.container.network_mode != NetworkMode::Host).then(|| lab.probed(from, row.to, row.port, own)),
    }
}

/// What the table says of this very address.
fn predict(picture: &Snapshot, engine: &reach::Engine, row: &Row<'_>) -> Reach {
    let map = Map::new(picture);
    let from = map.standing(entry(picture, row.from));
    let Some(target) = row.target else {
        return reach::to_host(engine, &from, Family::of(row.to));
    };
    let to = map.standing(entry(picture, target));
    let own = to.feet.iter().any(|foot| foot.addresses.contains(&row.to));
    let published = target_port(picture, target, row);
    let ways = reach::ways(
        engine,
        &from,
        &to,
        Port { number: if own || row.to.is_loopback() { row.port } else { published }, protocol: Protocol::Tcp },
    );
    let meant = |over: Over| match over {
        Over::Loopback => true,
        Over::Shared(address) | Over::Across(address) => address == row.to,
        Over::Published(at, port) => !own && port == row.port && Family::of(at) == Family::of(row.to),
    };
    let way = ways.iter().find(|way| meant(way.over));
    way.unwrap_or_else(|| panic!("{}: no way to {} port {} in {ways:#?}", row.name, row.to, row.port)).reach
}

/// Whether the address is the target's own, and not one of the host.
fn is_own(picture: &Snapshot, row: &Row<'_>) -> bool {
    let on =
        |target: &Running| entry(picture, target).container.networks.iter().any(|on| on.addresses.contains(&row.to));
    row.to.is_loopback() || row.target.is_some_and(on)
}

/// The container's port behind a published one.
fn target_port(picture: &Snapshot, target: &Running, row: &Row<'_>) -> u16 {
    let ports = &entry(picture, target).container.ports;
    ports.iter().find(|bound| bound.host_port == row.port).map_or(row.port, |bound| bound.container_port)
}

fn entry<'a>(picture: &'a Snapshot, container: &Running) -> &'a Entry {
    let mut entries = picture.containers.iter();
    entries.find(|entry| entry.container.id.as_str() == container.id).expect("it is in the picture")
}

/// Everybody asks again and again; whom each asks, and whether they got through, is seen.
fn seen(lab: &Lab, picture: &Snapshot, rows: &[Row<'_>], found: &[Found]) {
    for row in rows {
        lab.keep_asking(row.from, row.to, row.port);
    }
    let mut sweeper = Sweeper::new();
    let mut flows = BTreeSet::new();
    let mut attempts = BTreeSet::new();
    let key = |container: &Running| ServiceKey { project: "".into(), service: container.name.as_str().into() };
    eventually("everybody is seen asking", || {
        let around = Around { proc: Path::new("/proc"), now: Timestamp::now(), own: None, ours: &|_, _, _| false };
        let observed = sweeper.sweep(picture, &around);
        flows.extend(observed.flows.into_keys());
        attempts.extend(observed.attempts.into_keys());
        let unseen: Vec<_> = rows
            .iter()
            .zip(found)
            .filter(|(row, found)| {
                // A kernel that knows no way sends nothing, a refusal leaves nothing; within one namespace everything is its own.
                let nothing = lacks_route(picture, row) || found.told == Told::Refused;
                let on_host = entry(picture, row.from).container.network_mode == NetworkMode::Host;
                let quiet = row.to.is_loopback() || on_host || (!found.truth && nothing);
                let to = row.target.map_or(End::Host, |target| End::Service(key(target)));
                let port = row.target.map_or(row.port, |target| target_port(picture, target, row));
                let edge = spyhop::isolation::Edge { from: key(row.from), to, port, protocol: Protocol::Tcp };
                let wanted = if found.truth { &flows } else { &attempts };
                !quiet && !wanted.contains(&edge)
            })
            .map(|(row, _)| row.name)
            .collect();
        holds(unseen.is_empty(), || format!("{unseen:#?}\nflows {flows:#?}\nattempts {attempts:#?}"))
    });
}

/// Whether the source has no route to the address: it is on internal networks alone.
fn lacks_route(picture: &Snapshot, row: &Row<'_>) -> bool {
    let map = Map::new(picture);
    let from = map.standing(entry(picture, row.from));
    from.is_internal() || from.feet.is_empty()
}

/// Networks and who is on them.
struct Stage {
    client: Running,
    neighbour: Running,
    other: Running,
    wide: (Running, u16),
    narrow: (Running, u16),
    shy: Option<(Running, Running)>,
    inside: Running,
    inside_too: Running,
    elsewhere_inside: Running,
    sharer: Running,
    on_host: (Running, u16),
    alone: Running,
    both: Running,
    v6: Option<(Running, Running)>,
    v6_apart: Option<Running>,
    lan: Option<(Running, Running)>,
    routed: Option<(Running, u16)>,
    unprotected: Option<Running>,
    isolated: Option<(Running, String)>,
    first: String,
    internal: String,
}

impl Stage {
    fn build(lab: &mut Lab) -> Option<Self> {
        let (first, second) = (lab.network("first", &[])?, lab.network("second", &[])?);
        let (internal, hidden) = (lab.network("internal", &["--internal"])?, lab.network("hidden", &["--internal"])?);
        let on = |network: &str| ["--network".to_owned(), network.to_owned()];
        let start = |stem: &str, network: &str, more: &[&str]| {
            let network = on(network);
            lab.listener(stem, &[&[network[0].as_str(), network[1].as_str()], more].concat())
        };
        let client = start("client", &first, &[]);
        let sharing = format!("container:{}", client.id);
        let (wide_port, narrow_port, host_port) = (free_port(), free_port(), free_port());
        let wide = start("wide", &second, &["--publish", &format!("0.0.0.0:{wide_port}:{PORT}")]);
        let narrow = start("narrow", &second, &["--publish", &format!("127.0.0.1:{narrow_port}:{PORT}")]);
        let (neighbour, other) = (start("neighbour", &first, &[]), start("other", &second, &[]));
        let (inside, inside_too) = (start("inside", &internal, &[]), start("inside-too", &internal, &[]));
        let elsewhere_inside = start("elsewhere-inside", &hidden, &[]);
        let sharer = lab.listener_on("sharer", &["--network", &sharing], PORT + 1);
        let alone = lab.listener("alone", &["--network", "none"]);
        let both = start("both", &first, &[]);
        lab.docker.run(&["network", "connect", &second, &both.id]);
        let on_host = (lab.listener_on("on-host", &["--network", "host"], host_port), host_port);
        let mut stage = Self {
            wide: (wide, wide_port),
            narrow: (narrow, narrow_port),
            shy: None,
            v6: None,
            routed: None,
            unprotected: None,
            isolated: None,
            client,
            neighbour,
            other,
            inside,
            inside_too,
            elsewhere_inside,
            sharer,
            on_host,
            first,
            internal,
            alone,
            both,
            v6_apart: None,
            lan: None,
        };
        stage.options(lab);
        Some(stage)
    }

    /// What not every engine makes.
    fn options(&mut self, lab: &mut Lab) {
        const GATEWAY: &str = "com.docker.network.bridge.gateway_mode_ipv4";
        let picture = lab.picture(&[&self.client]);
        let engine = reach::Engine::of(&picture.engine);
        let product = lab.docker.product();
        if !product.leaves_out(product.is_podman(), "it has no such option: one network whose containers may not talk")
            && let Some(network) = lab.network("shy", &["--opt", "com.docker.network.bridge.enable_icc=false"])
        {
            let pair = ["shy", "shy-too"].map(|stem| lab.listener(stem, &["--network", &network]));
            self.shy = Some(pair.into());
        }
        let subnet = format!("fd00:{:x}:{:x}::/64", std::process::id() & 0xffff, free_port());
        if let Some(network) = lab.network("six", &["--ipv6", "--subnet", &subnet]) {
            let pair = ["six", "six-too"].map(|stem| lab.listener(stem, &["--network", &network]));
            self.v6 = Some(pair.into());
        }
        let subnet = format!("fd00:{:x}:{:x}::/64", std::process::id() & 0xffff, free_port());
        if self.v6.is_some()
            && let Some(network) = lab.network("six-apart", &["--ipv6", "--subnet", &subnet])
        {
            self.v6_apart = Some(lab.listener("six-apart", &["--network", &network]));
        }
        // Without a parent of its own it hangs on an interface which the engine makes up.
        if !product.leaves_out(product.is_podman(), "it wants a real interface below a macvlan network")
            && let Some(network) = lab.network("lan", &["--driver", "macvlan"])
        {
            let pair = ["lan", "lan-too"].map(|stem| lab.listener(stem, &["--network", &network]));
            self.lan = Some(pair.into());
        }
        if product.leaves_out(engine.podman || engine.since(28, 0) != Some(true), "gateway modes came with Docker 28") {
            return;
        }
        if let Some(network) = lab.network("routed", &["--opt", &format!("{GATEWAY}=routed")]) {
            // A port of a routed network is published at the container's own address.
            let container = lab.listener("routed", &["--network", &network, "--publish", &PORT.to_string()]);
            self.routed = Some((container, PORT));
        }
        if let Some(network) = lab.network("unprotected", &["--opt", &format!("{GATEWAY}=nat-unprotected")]) {
            self.unprotected = Some(lab.listener("unprotected", &["--network", &network]));
        }
        let isolated = format!("{GATEWAY}=isolated");
        if let Some(network) = lab.network("isolated", &["--internal", "--opt", &isolated]) {
            self.isolated = Some((lab.listener("isolated", &["--network", &network]), network));
        }
    }

    fn everybody(&self) -> Vec<&Running> {
        let mut all = vec![
            &self.client,
            &self.neighbour,
            &self.other,
            &self.wide.0,
            &self.narrow.0,
            &self.inside,
            &self.inside_too,
            &self.elsewhere_inside,
            &self.sharer,
            &self.on_host.0,
        ];
        all.extend(self.shy.iter().flat_map(|(a, b)| [a, b]));
        all.extend(self.v6.iter().flat_map(|(a, b)| [a, b]));
        all.extend([&self.alone, &self.both]);
        all.extend(&self.v6_apart);
        all.extend(self.lan.iter().flat_map(|(a, b)| [a, b]));
        all.extend(self.routed.iter().map(|(container, _)| container));
        all.extend(&self.unprotected);
        all.extend(self.isolated.iter().map(|(container, _)| container));
        all
    }

    fn rows(&self, lab: &Lab) -> Vec<Row<'_>> {
        let picture = lab.picture(&self.everybody());
        let address = |container: &Running, v6: bool| {
            let networks: &[Attachment] = &entry(&picture, container).container.networks;
            let mut all = networks.iter().flat_map(|on| &on.addresses).copied();
            all.find(|address| address.is_ipv6() == v6).expect("an address")
        };
        fn row<'a>(
            name: &'static str,
            from: &'a Running,
            to: IpAddr,
            port: u16,
            target: Option<&'a Running>,
        ) -> Row<'a> {
            Row { name, from, to, port, target }
        }
        let own = |name: &'static str, from, target| row(name, from, address(target, false), PORT, Some(target));
        let gateway = lab.gateway(&self.first, false).expect("a gateway");
        let inner = lab.gateway(&self.internal, false);
        let (wide, narrow) = (&self.wide, &self.narrow);
        let mut rows = vec![
            own("one network", &self.client, &self.neighbour),
            own("two networks, the container's address", &self.client, &self.other),
            own("two networks, the container's address, port published", &self.client, &wide.0),
            row("two networks, port published on 0.0.0.0", &self.client, gateway, wide.1, Some(&wide.0)),
            row("two networks, port published on 127.0.0.1", &self.client, gateway, narrow.1, Some(&narrow.0)),
            own("one internal network", &self.inside, &self.inside_too),
            own("from an internal network to another, the container's address", &self.inside, &self.elsewhere_inside),
            own("from an internal network to one that is not", &self.inside, &self.other),
            own("to an internal network, the container's address", &self.client, &self.inside),
            row("services of the host", &self.client, gateway, self.on_host.1, None),
            row(
                "`network_mode: service:` of the target",
                &self.client,
                IpAddr::from([127, 0, 0, 1]),
                PORT + 1,
                Some(&self.sharer),
            ),
        ];
        if let Some(inner) = inner {
            rows.push(row(
                "from an internal network to services of the host",
                &self.inside,
                inner,
                self.on_host.1,
                None,
            ));
            rows.push(row("from an internal network to a published port", &self.inside, inner, wide.1, Some(&wide.0)));
        }
        if let Some((a, b)) = &self.shy {
            rows.push(own("one network, `enable_icc=false`", a, b));
        }
        if let Some((a, b)) = &self.v6 {
            rows.push(row("one network, IPv6", a, address(b, true), PORT, Some(b)));
        }
        rows.push(own("from two networks, one of them the target's", &self.both, &self.other));
        rows.push(own("`network_mode: none` to a container", &self.alone, &self.neighbour));
        rows.push(own("`network_mode: host` to a container", &self.on_host.0, &self.neighbour));
        rows.push(own("`network_mode: host` to one on an internal network", &self.on_host.0, &self.inside));
        if let (Some((a, _)), Some(apart)) = (&self.v6, &self.v6_apart) {
            rows.push(row("two networks, IPv6", a, address(apart, true), PORT, Some(apart)));
        }
        if let Some((a, b)) = &self.lan {
            rows.push(own("one macvlan network", a, b));
        }
        if let Some((container, port)) = &self.routed {
            rows.push(row(
                "to a `routed` network, port published",
                &self.client,
                address(container, false),
                *port,
                Some(container),
            ));
            rows.push(row(
                "to a `routed` network, any other port",
                &self.client,
                address(container, false),
                PORT + 7,
                Some(container),
            ));
        }
        if let Some(container) = &self.unprotected {
            rows.push(own("to a `nat-unprotected` network", &self.client, container));
        }
        if let Some((container, _)) = &self.isolated {
            rows.push(row(
                "from an internal network with an isolated gateway to services of the host",
                container,
                gateway,
                self.on_host.1,
                None,
            ));
        }
        rows
    }
}
