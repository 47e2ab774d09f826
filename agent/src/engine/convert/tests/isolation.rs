//! What isolation looks at: options of networks, what a container may do, rules of the engine.

use serde_json::{Value, json};

use super::{super::*, read};
use crate::model::{Capabilities, Firewall, Gateway, LinkOptions, Protocol, Release, Shared};

/// As three engines write them.
#[test]
fn options_of_networks() {
    let read = |value: Value| network(serde_json::from_value(value).unwrap()).unwrap();
    let of = |options: Value| read(json!({ "Name": "a", "Id": "1", "Options": options })).options;
    let bridge = |name: &str, value: &str| of(json!({ format!("com.docker.network.bridge.{name}"): value }));
    assert_eq!(of(json!({})), LinkOptions::default());
    assert_eq!(bridge("enable_icc", "false").icc, Some(false));
    assert_eq!(bridge("enable_icc", "1").icc, Some(true));
    assert_eq!(bridge("enable_icc", "perhaps").icc, None);
    assert_eq!(bridge("enable_ip_masquerade", "False").masquerade, Some(false));
    assert_eq!(bridge("host_binding_ipv4", "127.0.0.1").host_binding, "127.0.0.1".parse().ok());
    assert_eq!(bridge("inhibit_ipv4", "true").inhibit_ipv4, Some(true));
    assert_eq!(bridge("trusted_host_interfaces", "eth0:eth1").trusted_interfaces.as_deref(), Some("eth0:eth1"));
    for (word, mode) in [
        ("nat", Gateway::Nat),
        ("routed", Gateway::Routed),
        ("nat-unprotected", Gateway::NatUnprotected),
        ("isolated", Gateway::Isolated),
        ("tunnelled", Gateway::Unknown),
    ] {
        assert_eq!(bridge("gateway_mode_ipv4", word).gateway_v4, Some(mode), "{word}");
        assert_eq!(bridge("gateway_mode_ipv6", word).gateway_v6, Some(mode), "{word}");
    }
    assert_eq!(of(json!({ "encrypted": "" })).encrypted, Some(true));
    assert_eq!(of(json!({ "encrypted": "false" })).encrypted, Some(false));
    assert_eq!(of(json!({ "parent": "eth0", "isolate": "strict" })).isolate.as_deref(), Some("strict"));
    let back = read(json!({
        "Name": "shop_back", "Id": "1", "EnableIPv4": true, "EnableIPv6": true, "Attachable": true, "Ingress": false, "ConfigOnly": false,
        "IPAM": { "Config": [{ "Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1" }, { "Subnet": "fd00::/64", "Gateway": "fd00::1/64" }, { "Gateway": "" }] },
        "Labels": { "com.docker.compose.project": "shop", "com.docker.compose.network": "back" },
    }));
    let gateways: Vec<_> = back.gateways.iter().map(ToString::to_string).collect();
    assert_eq!(gateways, ["172.18.0.1", "fd00::1"]);
    assert_eq!((back.ipv4, back.ipv6, back.attachable), (Some(true), Some(true), Some(true)));
    assert_eq!((back.ingress, back.config_only), (Some(false), Some(false)));
    assert_eq!((back.project.as_deref(), back.short.as_deref()), (Some("shop"), Some("back")));
    let recorded: Vec<bollard::models::Network> =
        serde_json::from_str(include_str!("../../../../tests/fixtures/engine/1.51/networks.json")).unwrap();
    let docker0 = recorded.into_iter().filter_map(network).find(|network| *network.name == *"bridge").unwrap();
    assert_eq!(docker0.options.bridge.as_deref(), Some("docker0"));
    assert_eq!((docker0.options.default_bridge, docker0.options.icc), (Some(true), Some(true)));
}

#[test]
fn what_a_container_may_do_with_networks() {
    let of = |host: Value| read(json!({ "HostConfig": host })).confinement;
    let caps = |add: Value, drop: Value, privileged: bool| {
        let given = of(json!({ "CapAdd": add, "CapDrop": drop, "Privileged": privileged })).capabilities;
        (given.net_raw, given.net_admin)
    };
    let (yes, no) = (Some(true), Some(false));
    for (add, drop, privileged, expected) in [
        (Value::Null, Value::Null, false, (yes, no)),
        (json!([]), json!(["NET_RAW"]), false, (no, no)),
        (Value::Null, json!(["ALL"]), false, (no, no)),
        (json!(["CAP_NET_RAW"]), json!(["all"]), false, (yes, no)),
        (json!(["net_admin"]), Value::Null, false, (yes, yes)),
        (json!(["ALL"]), json!(["CAP_NET_RAW"]), false, (no, yes)),
        (Value::Null, json!(["ALL"]), true, (yes, yes)),
    ] {
        assert_eq!(caps(add.clone(), drop.clone(), privileged), expected, "{add} {drop}");
    }
    assert_eq!(of(json!({})).capabilities, Capabilities::default(), "an engine that does not say it");
    let modes =
        of(json!({ "PidMode": "host", "IpcMode": "container:abc", "UsernsMode": "host", "Links": ["/db:/web/db"] }));
    assert_eq!((modes.pid, modes.ipc, modes.userns_host), (Shared::Host, Shared::Container("abc".into()), true));
    assert_eq!(modes.links.iter().map(|link| &**link).collect::<Vec<_>>(), ["/db:/web/db"]);
    for word in ["", "private", "shareable", "none"] {
        assert_eq!(of(json!({ "IpcMode": word })).ipc, Shared::Own, "{word}");
    }
    for (value, expected) in [("0", no), ("1", yes), (" 0 ", no), ("", None)] {
        assert_eq!(of(json!({ "Sysctls": { "net.ipv4.ip_forward": value } })).forwards, expected, "{value:?}");
    }
    let ports =
        json!({ "443/tcp": null, "53/udp": [{ "HostPort": "53" }], "80/tcp": null, "9/sctp": null, "odd": null });
    let exposed = read(json!({ "State": { "Pid": 7 }, "NetworkSettings": { "Ports": ports } })).confinement.exposed;
    assert_eq!(*exposed, [(Protocol::Tcp, 80), (Protocol::Tcp, 443), (Protocol::Udp, 53)]);
}

#[test]
fn what_an_engine_says_of_its_rules() {
    let of = |value: Value| info(&serde_json::from_value(value).unwrap());
    assert_eq!(of(json!({})).firewall, Firewall::default());
    let warned = of(json!({ "Warnings": [
        "WARNING: bridge-nf-call-iptables is disabled", "WARNING: bridge-nf-call-ip6tables is disabled",
        "WARNING: DOCKER_INSECURE_NO_IPTABLES_RAW is set", "WARNING: No swap limit support",
    ]}));
    let Firewall { raw_off, bridge_v4_off, bridge_v6_off, .. } = warned.firewall;
    assert!(raw_off && bridge_v4_off && bridge_v6_off);
    let backend =
        json!({ "Driver": "nftables", "Info": [["ReloadedAt", "x"], ["EnableUserlandProxy", "false"], ["odd"]] });
    let newest = of(
        json!({ "FirewallBackend": backend, "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless", "name=userns"] }),
    );
    assert_eq!((newest.firewall.backend.as_deref(), newest.firewall.userland_proxy), (Some("nftables"), Some(false)));
    assert!(newest.rootless && newest.userns && !newest.swarm);
    assert!(of(json!({ "Swarm": { "LocalNodeState": "active" } })).swarm);
    let old: api::SystemInfo =
        serde_json::from_str(include_str!("../../../../tests/fixtures/engine/1.41/info.json")).unwrap();
    let firewall = info(&old).firewall;
    assert_eq!(firewall, Firewall { experimental: Some(false), ..Firewall::default() });
    let spoken = "1.41".parse().unwrap();
    let podman: bollard::models::SystemVersion =
        serde_json::from_str(include_str!("../../../../tests/fixtures/engine/podman-5.8/version.json")).unwrap();
    let podman = version(&podman, spoken);
    assert!(podman.podman && podman.release() == Some(Release::new(5, 8, 6)));
    let docker: bollard::models::SystemVersion =
        serde_json::from_str(include_str!("../../../../tests/fixtures/engine/1.41/version.json")).unwrap();
    let docker = version(&docker, spoken);
    assert!(!docker.podman && docker.release() == Some(Release::new(20, 10, 24)));
}
