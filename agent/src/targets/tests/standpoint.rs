use std::fs;

use tempfile::TempDir;

use super::{
    super::tests::{container, id, network, network_id, snapshot, with_mode},
    *,
};

/// Roots of an agent's own /proc and /sys.
fn machine(mountinfo: &str, routes: &str, routes_v6: &str, bridges: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let net = root.path().join("proc/self/net");
    fs::create_dir_all(&net).unwrap();
    fs::write(root.path().join("proc/self/mountinfo"), mountinfo).unwrap();
    fs::write(net.join("route"), format!("Iface\tDestination\tGateway\tFlags\n{routes}")).unwrap();
    fs::write(net.join("ipv6_route"), routes_v6).unwrap();
    for bridge in bridges {
        fs::create_dir_all(root.path().join("sys/class/net").join(bridge).join("bridge")).unwrap();
    }
    root
}

fn stand(root: &TempDir, local: bool) -> Standpoint {
    Standpoint::with_roots(local, &root.path().join("proc"), &root.path().join("sys")).listening_on(9477)
}

fn in_container(name: &str) -> String {
    format!(
        "54 42 0:47 / / rw - overlay overlay rw\n100 54 8:1 /docker/containers/{}/hostname /etc/hostname rw - ext4 /dev/sda rw\n",
        id(name)
    )
}

fn address(way: &Result<Way, NoWay>) -> (String, Vantage) {
    let Ok(Way::Address { at, vantage, .. }) = way else { panic!("{way:?}") };
    (at.to_string(), *vantage)
}

const DOCKER0: &str = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";

#[test]
fn in_a_container_only_shared_networks_are_reached() {
    let root = machine(&in_container("spyhop"), DOCKER0, "", &["docker0"]);
    let standpoint = stand(&root, true);
    let picture = snapshot(
        vec![
            container("spyhop", &[], &[("monitoring", "172.20.0.9"), ("edge", "172.21.0.9"), ("ingress", "10.0.0.9")]),
            container("near", &[], &[("aaa", "172.19.0.2"), ("edge", "172.21.0.2")]),
            container("far", &[], &[("aaa", "172.19.0.3")]),
            container("v6", &[], &[("edge", "fd00::2")]),
            container("nowhere", &[], &[]),
            container("swarm", &[], &[("ingress", "10.0.0.5")]),
            with_mode(container("sidecar", &[], &[]), NetworkMode::Container(id("near").into())),
            with_mode(container("guest", &[], &[]), NetworkMode::Container(id("spyhop").into())),
            with_mode(container("host", &[], &[]), NetworkMode::Host),
            with_mode(container("loop", &[], &[]), NetworkMode::Container("loop".into())),
        ],
        vec![network("aaa", "bridge", "172.17.0.0/16")],
    );
    let view = standpoint.look(&picture);
    let at = |name: &str, port| view.way(by_id_or_name(&picture, name).unwrap(), port);
    let way = |name: &str| at(name, 80);
    assert_eq!(address(&way("near")), ("172.21.0.2:80".into(), Vantage::SharedNetwork));
    assert_eq!(address(&way("sidecar")), ("172.21.0.2:80".into(), Vantage::SharedNetwork));
    assert_eq!(address(&way("v6")), ("[fd00::2]:80".into(), Vantage::SharedNetwork));
    for name in ["spyhop", "guest"] {
        assert_eq!(at(name, 9477), Ok(Way::Itself), "{name}: on that port it is the agent who listens");
        assert_eq!(address(&way(name)), ("172.20.0.9:80".into(), Vantage::SharedNetwork), "{name}");
    }
    assert_eq!(address(&at("near", 9477)).0, "172.21.0.2:9477");
    for (name, reason) in [
        ("far", NoWay::NoSharedNetwork),
        ("swarm", NoWay::NoSharedNetwork),
        ("nowhere", NoWay::NoAddress),
        ("host", NoWay::HostNetwork),
        ("loop", NoWay::NoAddress),
    ] {
        assert_eq!(way(name), Err(reason), "{name}");
    }
}

#[test]
fn with_a_helper_every_container_with_an_address_is_reached_from_inside() {
    let root = machine(&in_container("spyhop"), "", "", &[]);
    let proc = root.path().join("proc");
    let process = |pid: u32, of: &str| {
        let folder = proc.join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("stat"), format!("{pid} (x) S {}{} 0", "0 ".repeat(18), pid * 100)).unwrap();
        fs::write(folder.join("cgroup"), format!("0::/system.slice/docker-{}.scope\n", id(of))).unwrap();
    };
    [(2, "far"), (3, "both"), (4, "sidecar"), (5, "another"), (6, "host")]
        .iter()
        .for_each(|(pid, of)| process(*pid, of));
    let with_pid = |pid, mut entry: Entry| {
        entry.container.pid = Some(pid);
        entry
    };
    let picture = snapshot(
        vec![
            container("spyhop", &[], &[("edge", "172.21.0.9")]),
            with_pid(2, container("far", &[], &[("aaa", ""), ("inner", "fd00::3 172.19.0.3")])),
            with_pid(3, container("both", &[], &[("inner", "172.19.0.4"), ("edge", "172.21.0.4")])),
            with_pid(4, with_mode(container("sidecar", &[], &[]), NetworkMode::Container(id("far").into()))),
            with_pid(5, container("reused", &[], &[("inner", "172.19.0.5")])),
            with_pid(9, container("gone", &[], &[("inner", "172.19.0.6")])),
            with_pid(2, container("loopback", &[], &[])),
            with_pid(6, with_mode(container("host", &[], &[]), NetworkMode::Host)),
        ],
        Vec::new(),
    );
    let way =
        |standpoint: &Standpoint, name: &str| standpoint.look(&picture).way(by_id_or_name(&picture, name).unwrap(), 80);
    let helped = stand(&root, true).with_helper(&proc);
    let inside = |at: &str, pid: u32| {
        let process = Process { pid, start_time: u64::from(pid) * 100 };
        Ok(Way::Namespace { at: at.parse().unwrap(), network: "inner".into(), process })
    };
    assert_eq!(way(&helped, "far"), inside("172.19.0.3:80", 2));
    assert_eq!(way(&helped, "sidecar"), inside("172.19.0.3:80", 4), "a process of its own, the network of the other");
    assert_eq!(address(&way(&helped, "both")), ("172.21.0.4:80".into(), Vantage::SharedNetwork), "the nearer way");
    for (name, reason) in [
        ("reused", NoWay::NoSharedNetwork),
        ("gone", NoWay::NoSharedNetwork),
        ("loopback", NoWay::NoAddress),
        ("host", NoWay::HostNetwork),
    ] {
        assert_eq!(way(&helped, name), Err(reason), "{name}");
    }
    assert_eq!(way(&stand(&root, true), "far"), Err(NoWay::NoSharedNetwork), "nothing changes without a helper");
    assert!(way(&stand(&root, false).with_helper(&proc), "far").is_err(), "processes of another machine are not here");
    assert_eq!(way(&helped, "far").unwrap().vantage(), "namespace");
}

#[test]
fn networks_are_known_by_id_not_by_name() {
    let root = machine(&in_container("spyhop"), "", "", &[]);
    let standpoint = stand(&root, true);
    let mut twin = container("twin", &[], &[("monitoring", "10.9.9.9")]);
    twin.container.networks[0].network_id = Some(network_id("other"));
    let picture = snapshot(vec![container("spyhop", &[], &[("monitoring", "172.20.0.9")]), twin], Vec::new());
    let view = standpoint.look(&picture);
    assert_eq!(view.way(&picture.containers[1], 80), Err(NoWay::NoSharedNetwork));
}

#[test]
fn on_the_host_bridges_of_this_host_are_reached() {
    let own_bridge = format!("br-{}", network_id("shop").get(..12).unwrap());
    let routes = format!(
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n{DOCKER0}{own_bridge}\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\nmybr\t000013AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    );
    let v6 = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 docker0\n";
    let root = machine("54 42 0:47 / / rw - overlay overlay rw\n", &routes, v6, &["docker0", "mybr"]);
    let standpoint = stand(&root, true);
    let picture = snapshot(
        vec![
            container("plain", &[], &[("bridge", "172.17.0.2")]),
            container("shop", &[], &[("shop", "172.18.0.2")]),
            container("named", &[], &[("named", "172.19.0.2")]),
            container("v6", &[], &[("bridge6", "fd00::2")]),
            // The subnet of the office, on networks which are not bridges of this host.
            container("overlay", &[], &[("overlay", "10.0.0.5")]),
            container("rootless", &[], &[("rootless", "10.0.0.6")]),
            // No network of that id is known, and a route over the gateway is no proof.
            container("unknown", &[], &[("unknown", "172.17.0.3")]),
            container("remote", &[], &[("remote", "192.168.7.7")]),
            with_mode(container("host", &[], &[]), NetworkMode::Host),
        ],
        vec![
            network("bridge", "bridge", "172.17.0.0/16"),
            network("bridge6", "bridge", "fd00::/64"),
            network("named", "bridge", "172.19.0.0/16"),
            network("overlay", "overlay", "10.0.0.0/24"),
            network("remote", "bridge", "192.168.7.0/24"),
            network("rootless", "bridge", "10.0.0.0/24"),
            network("shop", "bridge", "172.18.0.0/16"),
        ],
    );
    let view = standpoint.look(&picture);
    let way = |name: &str| view.way(by_id_or_name(&picture, name).unwrap(), 80);
    for (name, at) in [
        ("plain", "172.17.0.2:80"),
        ("shop", "172.18.0.2:80"),
        ("named", "172.19.0.2:80"),
        ("v6", "[fd00::2]:80"),
        ("host", "127.0.0.1:80"),
    ] {
        assert_eq!(address(&way(name)), (at.to_owned(), Vantage::Host), "{name}");
    }
    for name in ["overlay", "rootless", "unknown", "remote"] {
        assert_eq!(way(name), Err(NoWay::NoBridge), "{name}");
    }
    let far = stand(&root, false);
    let view = far.look(&picture);
    for entry in &picture.containers {
        assert_eq!(view.way(entry, 80), Err(NoWay::RemoteEngine), "{}", entry.container.name);
    }
}

#[test]
fn an_agent_on_the_hosts_network_in_a_container_stands_on_the_host() {
    let root = machine(&in_container("spyhop"), DOCKER0, "", &["docker0"]);
    let standpoint = stand(&root, true);
    let spyhop = with_mode(container("spyhop", &[], &[]), NetworkMode::Host);
    let others =
        [container("web", &[], &[("bridge", "172.17.0.2")]), with_mode(container("host", &[], &[]), NetworkMode::Host)];
    let networks = vec![network("bridge", "bridge", "172.17.0.0/16")];
    let picture = snapshot([spyhop].into_iter().chain(others).collect(), networks);
    let view = standpoint.look(&picture);
    assert_eq!(address(&view.way(&picture.containers[1], 80)), ("172.17.0.2:80".into(), Vantage::Host));
    assert_eq!(address(&view.way(&picture.containers[2], 80)), ("127.0.0.1:80".into(), Vantage::Host));
    assert_eq!(view.way(&picture.containers[2], 9477), Ok(Way::Itself));
}

#[test]
fn a_container_the_engine_does_not_know_of_has_no_loopback_to_offer() {
    let root =
        machine(&in_container("excluded"), "eth0\t000014AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n", "", &[]);
    let standpoint = stand(&root, true);
    let near = container("near", &[], &[("monitoring", "172.20.0.2")]);
    let host = with_mode(container("host", &[], &[]), NetworkMode::Host);
    let picture = snapshot(vec![near, host], vec![network("monitoring", "bridge", "172.20.0.0/16")]);
    let view = standpoint.look(&picture);
    assert_eq!(view.way(&picture.containers[0], 80), Err(NoWay::NoSharedNetwork));
    assert_eq!(view.way(&picture.containers[1], 80), Err(NoWay::HostNetwork));
}

#[test]
fn the_own_container_is_known_by_the_files_mounted_into_it() {
    let of = |root: &str, at: &str| own_id(&format!("1 2 8:1 {root} {at} rw - ext4 /dev/sda rw\n"));
    let digits = "0123456789abcdef".repeat(4);
    let expected = Some(digits.clone());
    assert_eq!(of(&format!("/var/lib/docker/containers/{digits}/hosts"), "/etc/hosts"), expected);
    let podman = format!("/containers/storage/overlay-containers/{digits}/userdata/resolv.conf");
    assert_eq!(of(&podman, "/etc/resolv.conf"), expected);
    assert_eq!(of(&format!("/var/lib/docker/overlay2/{digits}/merged"), "/mnt"), None);
    assert_eq!(of("/var/lib/docker/containers/short/hosts", "/etc/hosts"), None);
    assert_eq!(own_id("half a line\n\n1 2 3"), None);
}
