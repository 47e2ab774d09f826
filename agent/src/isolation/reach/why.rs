//! An answer and its reason, one for each row of the table in `docs/reach.md`.

use std::fmt;

macro_rules! whys {
    ($($id:ident $text:literal;)*) => {
        /// Why a way is open, closed or not known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Why {
            $(#[doc = $text] $id,)*
        }

        impl Why {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$id),*];

            /// The reason as the end of a sentence.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$id => $text,)* }
            }
        }
    };
}

whys! {
    SameNamespace "both are in one network namespace";
    SameBridge "both are on one network, whose containers may talk to each other";
    Linked "a link opens the exposed ports between them";
    IccOff "containers of the network may not talk to each other";
    IccUnfiltered "containers of the network may not talk to each other, but packets on bridges are not filtered here";
    SameSegment "both are on one segment of the LAN";
    SameParent "both networks hang on one interface of the host";
    SameOverlay "both are on one overlay network";
    Apart "the engine keeps the networks apart";
    FromInternal "it is on internal networks alone, which nothing leaves";
    ToInternal "the target's network is internal, which nothing enters";
    Routed "the target's network is routed, and published ports answer at the container's own address";
    Unpublished "the target's network is routed, and the port is not published";
    Unprotected "the gateway mode nat-unprotected leaves every port open to other networks";
    Ipv6Unfiltered "an engine before 27 writes no rules for IPv6 unless it is told to";
    PodmanOpen "Podman keeps networks apart only where both ask for it, or one asks to be apart from all";
    PodmanApart "Podman keeps these networks apart";
    Published "the port is published on an address of the host";
    PublishedByProxy "the port is published, and the userland proxy takes what comes from other networks";
    NoProxy "the port is published, but without the userland proxy other networks do not get to it";
    LoopbackPublished "the port is published on loopback alone";
    InternalPublished "what comes from an internal network to a published port is dropped";
    ProxyOnIpv6 "the userland proxy answers on the IPv6 address of the gateway, and no rule for IPv6 is written";
    HostOnBridge "the host has an address on each bridge";
    HostNotOnBridge "the host has no address on the bridge";
    ParentAndChild "the kernel lets nothing pass between the host and what hangs on its interface";
    ThroughGateway "the gateway of a network is an address of the host";
    NoGateway "no network of it has an address of the host";
    NoNetwork "it has loopback alone";
    NoAddress "one of both has no address of this kind";
    WayOut "a network of it has a way out";
    Untranslated "a network of it lets packets out, with addresses nobody answers to";
    OnLan "it is on the LAN";
    OnHost "it is on the network of the host";
    ForeignDriver "nothing is known of the network's driver";
    Overlay "what an overlay network lets through is decided on more hosts than this one";
    UnknownNetwork "the engine did not describe the network";
    UnknownNamespace "it is in the namespace of a container that is not in the picture";
    Rootless "the engine runs in a namespace of a user's own";
    Desktop "the engine runs in a machine of its own";
    UnknownVersion "the engine's version is not known";
    UnknownMode "the gateway mode of the network is not known";
    RawOff "rules that keep others from containers' own addresses are switched off";
    RoutedPublication "the network is routed, and whether the exposed port is published is not told";
    PodmanInternal "what Podman does with a published port that is asked for from an internal network was not tried";
    Ipv6Unknown "whether an engine before 27 in experimental mode writes rules for IPv6 is not told";
}

/// Whether a way is open, as far as the engine's networks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Nothing gets through.
    Closed(Why),
    /// It cannot be said from what the engine tells.
    Unknown(Why),
    /// It gets through, where somebody listens.
    Open(Why),
}

impl Reach {
    /// The best of several ways, for whoever wants to get through; `None` of none. Of equals the first reason stands.
    pub fn best(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|best, other| if other.rank() > best.rank() { other } else { best })
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Closed(_) => 0,
            Self::Unknown(_) => 1,
            Self::Open(_) => 2,
        }
    }

    /// The reason.
    pub const fn why(self) -> Why {
        match self {
            Self::Closed(why) | Self::Unknown(why) | Self::Open(why) => why,
        }
    }

    /// Whether something is known to get through.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Whether nothing is known.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// `open`, `closed` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed(_) => "closed",
            Self::Unknown(_) => "unknown",
            Self::Open(_) => "open",
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.as_str(), self.why().as_str())
    }
}
