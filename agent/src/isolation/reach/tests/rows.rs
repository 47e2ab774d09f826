//! The rows: a situation, and the answer in each version.

use crate::{
    isolation::reach::{Engine, Family, Port, Why},
    model::Protocol,
};

/// Versions that a row says something of, one letter each: `o` open, `-` closed, `?` not known.
pub(super) const VERSIONS: [(u16, u16, u16); 9] =
    [(20, 10, 24), (23, 0, 6), (24, 0, 9), (25, 0, 5), (26, 1, 5), (27, 5, 1), (28, 0, 0), (28, 5, 2), (29, 0, 0)];
pub(super) const PODMAN: [(u16, u16, u16); 3] = [(4, 3, 1), (5, 8, 6), (6, 0, 0)];
pub(super) const PORT: Port = Port { number: 80, protocol: Protocol::Tcp };

/// What a row asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asks {
    /// The address of the target, of either kind.
    Address(Family),
    /// A published port, whatever kind it is bound to.
    Published,
    /// Services of the host.
    Host(Family),
    /// The world outside.
    Outside,
}

/// A row: what is asked in which situation, and the answers.
pub(super) struct Row {
    pub(super) says: &'static str,
    /// `name word word`: a network and its options.
    pub(super) networks: &'static [&'static str],
    /// Networks of the source, or `host`, `none`, `=to`.
    pub(super) from: &'static str,
    /// Networks of the target, with `pub=ADDRESS` for a published port and `exposed` for one that is not.
    pub(super) to: &'static str,
    pub(super) asks: Asks,
    pub(super) engine: fn(&mut Engine),
    pub(super) answers: &'static str,
    /// Why, in the newest version.
    pub(super) why: Why,
}

fn asked(_: &mut Engine) {}

pub(super) const V4: Asks = Asks::Address(Family::V4);
const V6: Asks = Asks::Address(Family::V6);

#[rustfmt::skip]
pub(super) const DOCKER: &[Row] = &[
    Row { says: "one network", networks: &["a"], from: "a", to: "a", asks: V4, engine: asked, answers: "ooooooooo", why: Why::SameBridge },
    Row { says: "one internal network", networks: &["a internal"], from: "a", to: "a", asks: V4, engine: asked, answers: "ooooooooo", why: Why::SameBridge },
    Row { says: "one network, `enable_icc=false`", networks: &["a noicc"], from: "a", to: "a", asks: V4, engine: asked, answers: "---------", why: Why::IccOff },
    Row { says: "one network, `enable_icc=false`, bridge-nf-call-iptables off", networks: &["a noicc"], from: "a", to: "a", asks: V4, engine: |e| e.firewall.bridge_v4_off = true, answers: "ooooooooo", why: Why::IccUnfiltered },
    Row { says: "one network, `enable_icc=false`, IPv6", networks: &["a noicc v6"], from: "a", to: "a", asks: V6, engine: asked, answers: "ooooo----", why: Why::IccOff },
    Row { says: "the default bridge, `icc=false`, linked to an exposed port", networks: &["bridge noicc default"], from: "bridge link", to: "bridge exposed", asks: V4, engine: asked, answers: "ooooooooo", why: Why::Linked },
    Row { says: "a network of one's own, `enable_icc=false`, linked", networks: &["a noicc"], from: "a link", to: "a exposed", asks: V4, engine: asked, answers: "---------", why: Why::IccOff },
    Row { says: "two networks, the container's address", networks: &["a", "b"], from: "a", to: "b", asks: V4, engine: asked, answers: "---------", why: Why::Apart },
    Row { says: "two networks, the container's address, port published", networks: &["a", "b"], from: "a", to: "b pub=0.0.0.0", asks: V4, engine: asked, answers: "---------", why: Why::Apart },
    Row { says: "two networks, port published, `DOCKER_INSECURE_NO_IPTABLES_RAW`", networks: &["a", "b"], from: "a", to: "b pub=0.0.0.0", asks: V4, engine: |e| e.firewall.raw_off = true, answers: "--------?", why: Why::RawOff },
    Row { says: "two networks, IPv6", networks: &["a v6", "b v6"], from: "a", to: "b", asks: V6, engine: asked, answers: "ooooo----", why: Why::Apart },
    Row { says: "two networks, IPv6, experimental features on", networks: &["a v6", "b v6"], from: "a", to: "b", asks: V6, engine: |e| e.firewall.experimental = Some(true), answers: "?????----", why: Why::Apart },
    Row { says: "two networks, port published on 0.0.0.0", networks: &["a", "b"], from: "a", to: "b pub=0.0.0.0", asks: Asks::Published, engine: asked, answers: "ooooooooo", why: Why::Published },
    Row { says: "two networks, port published, userland proxy known to be off", networks: &["a", "b"], from: "a", to: "b pub=0.0.0.0", asks: Asks::Published, engine: |e| e.firewall.userland_proxy = Some(false), answers: "--------o", why: Why::Published },
    Row { says: "two networks, port published on 127.0.0.1", networks: &["a", "b"], from: "a", to: "b pub=127.0.0.1", asks: Asks::Published, engine: asked, answers: "---------", why: Why::LoopbackPublished },
    Row { says: "two networks, port published on `[::]`", networks: &["a v6", "b"], from: "a", to: "b pub=::", asks: Asks::Published, engine: asked, answers: "ooooooooo", why: Why::Published },
    Row { says: "one network, `enable_icc=false`, the published port", networks: &["a noicc"], from: "a", to: "a pub=0.0.0.0", asks: Asks::Published, engine: asked, answers: "ooooooooo", why: Why::Published },
    Row { says: "to a `routed` network, port published", networks: &["a", "b routed"], from: "a", to: "b pub=0.0.0.0", asks: V4, engine: asked, answers: "------ooo", why: Why::Routed },
    Row { says: "to a `routed` network, port exposed", networks: &["a", "b routed"], from: "a", to: "b exposed", asks: V4, engine: asked, answers: "------???", why: Why::RoutedPublication },
    Row { says: "to a `routed` network, any other port", networks: &["a", "b routed"], from: "a", to: "b", asks: V4, engine: asked, answers: "---------", why: Why::Unpublished },
    Row { says: "to a `nat-unprotected` network", networks: &["a", "b unprotected"], from: "a", to: "b", asks: V4, engine: asked, answers: "--------o", why: Why::Unprotected },
    Row { says: "from an internal network to another, the container's address", networks: &["a internal", "b"], from: "a", to: "b", asks: V4, engine: asked, answers: "---------", why: Why::FromInternal },
    Row { says: "to an internal network, the container's address", networks: &["a", "b internal"], from: "a", to: "b", asks: V4, engine: asked, answers: "---------", why: Why::ToInternal },
    Row { says: "from an internal network to another, IPv6", networks: &["a internal v6", "b v6"], from: "a", to: "b", asks: V6, engine: asked, answers: "ooo------", why: Why::FromInternal },
    Row { says: "to an internal network, IPv6", networks: &["a v6", "b internal v6"], from: "a", to: "b", asks: V6, engine: asked, answers: "ooo------", why: Why::ToInternal },
    Row { says: "from an internal network to a published port", networks: &["a internal", "b"], from: "a", to: "b pub=0.0.0.0", asks: Asks::Published, engine: asked, answers: "---------", why: Why::InternalPublished },
    Row { says: "from an internal network to a published port, IPv6", networks: &["a internal v6", "b"], from: "a", to: "b pub=::", asks: Asks::Published, engine: asked, answers: "ooooo----", why: Why::InternalPublished },
    Row { says: "from two networks, one of them the target's", networks: &["a internal", "b"], from: "a b", to: "a", asks: V4, engine: asked, answers: "ooooooooo", why: Why::SameBridge },
    Row { says: "from an internal network to services of the host", networks: &["a internal"], from: "a", to: "a", asks: Asks::Host(Family::V4), engine: asked, answers: "ooooooooo", why: Why::ThroughGateway },
    Row { says: "the same, gateway mode `isolated` for IPv4", networks: &["a internal isolated"], from: "a", to: "a", asks: Asks::Host(Family::V4), engine: asked, answers: "oooooo---", why: Why::NoGateway },
    Row { says: "the same over IPv6", networks: &["a internal isolated v6"], from: "a", to: "a", asks: Asks::Host(Family::V6), engine: asked, answers: "ooooooooo", why: Why::ThroughGateway },
    Row { says: "the same over IPv6, `isolated` for both", networks: &["a internal isolated isolated6 v6"], from: "a", to: "a", asks: Asks::Host(Family::V6), engine: asked, answers: "oooooo---", why: Why::NoGateway },
    Row { says: "to services of the host, `inhibit_ipv4`", networks: &["a inhibit"], from: "a", to: "a", asks: Asks::Host(Family::V4), engine: asked, answers: "---------", why: Why::NoGateway },
    Row { says: "to services of the host, rootless", networks: &["a"], from: "a", to: "a", asks: Asks::Host(Family::V4), engine: |e| e.rootless = true, answers: "?????????", why: Why::Rootless },
    Row { says: "to services of the host, Docker Desktop", networks: &["a"], from: "a", to: "a", asks: Asks::Host(Family::V4), engine: |e| e.desktop = true, answers: "?????????", why: Why::Desktop },
    Row { says: "`network_mode: host` to a container", networks: &["b internal"], from: "host", to: "b", asks: V4, engine: asked, answers: "ooooooooo", why: Why::HostOnBridge },
    Row { says: "`network_mode: host` to a container behind an isolated gateway", networks: &["b internal isolated"], from: "host", to: "b", asks: V4, engine: asked, answers: "oooooo---", why: Why::HostNotOnBridge },
    Row { says: "`network_mode: host` to a port published on 127.0.0.1", networks: &["b"], from: "host", to: "b pub=127.0.0.1", asks: Asks::Published, engine: asked, answers: "ooooooooo", why: Why::Published },
    Row { says: "to a container with `network_mode: host`", networks: &["a internal"], from: "a", to: "host", asks: V4, engine: asked, answers: "ooooooooo", why: Why::ThroughGateway },
    Row { says: "`network_mode: service:` of the target", networks: &["b"], from: "=to", to: "b", asks: V4, engine: asked, answers: "ooooooooo", why: Why::SameNamespace },
    Row { says: "`network_mode: none` to a container", networks: &["b"], from: "none", to: "b", asks: V4, engine: asked, answers: "---------", why: Why::NoNetwork },
    Row { says: "one macvlan or ipvlan network", networks: &["a macvlan"], from: "a", to: "a", asks: V4, engine: asked, answers: "ooooooooo", why: Why::SameSegment },
    Row { says: "two macvlan networks on one interface", networks: &["a macvlan", "b macvlan"], from: "a", to: "b", asks: V4, engine: asked, answers: "ooooooooo", why: Why::SameParent },
    Row { says: "two macvlan networks on two interfaces", networks: &["a macvlan", "b ipvlan2"], from: "a", to: "b", asks: V4, engine: asked, answers: "?????????", why: Why::OnLan },
    Row { says: "from a bridge to macvlan", networks: &["a", "b macvlan"], from: "a", to: "b", asks: V4, engine: asked, answers: "---------", why: Why::ParentAndChild },
    Row { says: "from macvlan to a bridge", networks: &["a macvlan", "b"], from: "a", to: "b", asks: V4, engine: asked, answers: "---------", why: Why::ParentAndChild },
    Row { says: "from macvlan to services of the host", networks: &["a macvlan"], from: "a", to: "a", asks: Asks::Host(Family::V4), engine: asked, answers: "---------", why: Why::ParentAndChild },
    Row { says: "one overlay network", networks: &["a overlay"], from: "a", to: "a", asks: V4, engine: asked, answers: "ooooooooo", why: Why::SameOverlay },
    Row { says: "two overlay networks", networks: &["a overlay", "b overlay"], from: "a", to: "b", asks: V4, engine: asked, answers: "?????????", why: Why::Overlay },
    Row { says: "a network of a plugin", networks: &["a plugin"], from: "a", to: "a", asks: V4, engine: asked, answers: "?????????", why: Why::ForeignDriver },
    Row { says: "outside from a bridge", networks: &["a"], from: "a", to: "a", asks: Asks::Outside, engine: asked, answers: "ooooooooo", why: Why::WayOut },
    Row { says: "outside, `enable_ip_masquerade=false`", networks: &["a nomasq"], from: "a", to: "a", asks: Asks::Outside, engine: asked, answers: "ooooooooo", why: Why::Untranslated },
    Row { says: "outside from an internal network", networks: &["a internal"], from: "a", to: "a", asks: Asks::Outside, engine: asked, answers: "---------", why: Why::FromInternal },
    Row { says: "outside from an internal network with IPv6", networks: &["a internal v6"], from: "a", to: "a", asks: Asks::Outside, engine: asked, answers: "ooo------", why: Why::FromInternal },
    Row { says: "outside from macvlan", networks: &["a macvlan"], from: "a", to: "a", asks: Asks::Outside, engine: asked, answers: "ooooooooo", why: Why::OnLan },
    Row { says: "outside from `network_mode: host`", networks: &["a"], from: "host", to: "a", asks: Asks::Outside, engine: asked, answers: "ooooooooo", why: Why::OnHost },
];

#[rustfmt::skip]
pub(super) const PODMAN_ROWS: &[Row] = &[
    Row { says: "one network", networks: &["a"], from: "a", to: "a", asks: V4, engine: asked, answers: "ooo", why: Why::SameBridge },
    Row { says: "two networks", networks: &["a", "b"], from: "a", to: "b", asks: V4, engine: asked, answers: "oo-", why: Why::PodmanApart },
    Row { says: "two networks, both `isolate=true`", networks: &["a isolate", "b isolate"], from: "a", to: "b", asks: V4, engine: asked, answers: "---", why: Why::PodmanApart },
    Row { says: "two networks, one `isolate=true`, the other `isolate=false`", networks: &["a isolate", "b noisolate"], from: "a", to: "b", asks: V4, engine: asked, answers: "ooo", why: Why::PodmanOpen },
    Row { says: "two networks, one `isolate=strict`", networks: &["a strict", "b noisolate"], from: "a", to: "b", asks: V4, engine: asked, answers: "---", why: Why::PodmanApart },
    Row { says: "two networks, port published", networks: &["a isolate", "b isolate"], from: "a", to: "b pub=0.0.0.0", asks: Asks::Published, engine: asked, answers: "ooo", why: Why::Published },
    Row { says: "from an internal network to another", networks: &["a internal", "b"], from: "a", to: "b", asks: V4, engine: asked, answers: "---", why: Why::FromInternal },
    Row { says: "from an internal network to a published port", networks: &["a internal", "b"], from: "a", to: "b pub=0.0.0.0", asks: Asks::Published, engine: asked, answers: "???", why: Why::PodmanInternal },
    Row { says: "from an internal network to services of the host", networks: &["a internal"], from: "a", to: "a", asks: Asks::Host(Family::V4), engine: asked, answers: "ooo", why: Why::ThroughGateway },
];
