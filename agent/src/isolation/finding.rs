//! What a tier has against a service, before anybody has judged it.

use std::sync::Arc;

use super::End;
use crate::{
    model::{Protocol, ServiceKey},
    policy::Class,
};

/// Where a finding comes from. A later one is surer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Written down in the engine.
    Static,
    /// Seen in the kernel's lists of sockets.
    Passive,
    /// Found out by a connection.
    Active,
}

impl Tier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Static, Self::Passive, Self::Active];

    /// The label `mode`, and the word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Passive => "passive",
            Self::Active => "active",
        }
    }
}

/// Tiers that say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Evidence(u8);

impl Evidence {
    /// With one more.
    #[must_use]
    pub const fn with(self, tier: Tier) -> Self {
        Self(self.0 | 1 << tier as u8)
    }

    /// Whether this tier is among them.
    pub const fn has(self, tier: Tier) -> bool {
        self.0 & (1 << tier as u8) != 0
    }

    /// The tiers, the surest last.
    pub fn tiers(self) -> impl Iterator<Item = Tier> {
        Tier::ALL.into_iter().filter(move |tier| self.has(*tier))
    }
}

impl From<Tier> for Evidence {
    fn from(tier: Tier) -> Self {
        Self::default().with(tier)
    }
}

/// What one tier says is not as the policy wants it. Those of the same class, service, subject are one finding, with the evidence of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What kind of thing; one of the ten of isolation.
    pub class: Class,
    /// Whose: who begins, or who has too much open.
    pub service: ServiceKey,
    /// Whom it is about, where it is about somebody.
    pub to: Option<End>,
    /// Port there; `None` where it is about none.
    pub port: Option<(u16, Protocol)>,
    /// Which network, port, path or target: what an exception names (`db:5432/tcp`, `backend`, `/var/run/docker.sock`).
    pub subject: Arc<str>,
    /// What is so and what should be, for people, and why it is known: never a value from an environment.
    pub message: String,
    /// Who says so.
    pub tier: Tier,
}
