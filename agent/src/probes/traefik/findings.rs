//! What is wrong with routes that are there.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Middleware, Networks, Options, Protocol, Router,
    answer::Status,
    compare::{Answers, Asker, DOCKER, passed_over},
};
use crate::model::IntoTree as _;

/// The provider of Traefik's own routers.
const INTERNAL: &str = "internal";
/// How deep chains of middlewares are followed, and how many names at each depth: an answer may hold circles, and chains of thousands.
const CHAIN_DEPTH: usize = 8;
const CHAIN_NAMES: usize = 256;
/// Types of middlewares that authenticate.
const AUTHENTICATE: [&str; 3] = ["basicauth", "digestauth", "forwardauth"];
/// Types of middlewares that send to another address.
const REDIRECT: [&str; 2] = ["redirectscheme", "redirectregex"];

/// Something wrong with a router that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// The container is on no network that Traefik is on: requests end in a timeout.
    NoSharedNetwork,
    /// The container is not on the network its label names: Traefik takes another.
    NetworkNotAttached,
    /// The container is on several networks, Traefik not on all of them, and no label says which: it takes any.
    NetworkByChance,
    /// No label says which of several exposed ports: Traefik takes the lowest.
    PortGuessed,
    /// Traefik uses it, and warns.
    Warning,
    /// It takes requests without TLS, and does more than redirect them.
    NoTls,
    /// Nothing authenticates its requests.
    NoAuth,
    /// Its provider is not among those allowed.
    ForeignProvider,
    /// The docker provider has it, and no container seen here asks for it.
    Unexpected,
}

impl Finding {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NoSharedNetwork,
        Self::NetworkNotAttached,
        Self::NetworkByChance,
        Self::PortGuessed,
        Self::Warning,
        Self::NoTls,
        Self::NoAuth,
        Self::ForeignProvider,
        Self::Unexpected,
    ];

    /// One word, for a label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoSharedNetwork => "no_shared_network",
            Self::NetworkNotAttached => "network_not_attached",
            Self::NetworkByChance => "network_by_chance",
            Self::PortGuessed => "port_guessed",
            Self::Warning => "warning",
            Self::NoTls => "no_tls",
            Self::NoAuth => "no_auth",
            Self::ForeignProvider => "foreign_provider",
            Self::Unexpected => "unexpected",
        }
    }
}

/// What is held against routers that are there.
pub(super) struct Judge<'o> {
    pub(super) options: &'o Options,
    pub(super) middlewares: Option<BTreeMap<&'o str, &'o Middleware>>,
    /// Entry points at which everything is redirected before any router of a container sees it.
    pub(super) redirected: BTreeSet<&'o str>,
}

impl Judge<'_> {
    /// Findings about the routers that one became.
    pub(super) fn routers(&self, routers: &[&Router]) -> BTreeSet<Finding> {
        let mut findings = BTreeSet::new();
        for router in routers {
            if router.status == Status::Warning || router.status == Status::Disabled {
                findings.insert(Finding::Warning);
            }
            if router.status == Status::Disabled || self.only_redirects(router) {
                continue;
            }
            if self.options.require_tls && !router.tls && router.protocol != Protocol::Udp {
                findings.insert(Finding::NoTls);
            }
            let known = self.middlewares.is_some() && router.protocol == Protocol::Http;
            if self.options.require_auth && known && !self.authenticates(router) {
                findings.insert(Finding::NoAuth);
            }
        }
        findings
    }

    /// Whether no request of a router gets past a redirect.
    fn only_redirects(&self, router: &Router) -> bool {
        let everywhere = |router: &Router| {
            !router.entry_points.is_empty()
                && router.entry_points.iter().all(|at| self.redirected.contains(at.as_str()))
        };
        router.protocol == Protocol::Http
            && (everywhere(router) || self.goes_through(router, |kind, _| REDIRECT.contains(&kind)))
    }

    fn authenticates(&self, router: &Router) -> bool {
        let by_name = |name: &str| self.options.auth_middlewares.iter().any(|known| known == name);
        self.goes_through(router, |kind, name| AUTHENTICATE.contains(&kind) || by_name(name))
    }

    fn goes_through(&self, router: &Router, is_it: impl Fn(&str, &str) -> bool) -> bool {
        let Some(all) = &self.middlewares else { return false };
        let mut names: BTreeSet<&str> = router.middlewares.iter().map(String::as_str).into_set();
        for _ in 0..CHAIN_DEPTH {
            let met = || names.iter().take(CHAIN_NAMES).filter_map(|name| all.get(name));
            if met().any(|known| is_it(&known.kind, &known.name)) {
                return true;
            }
            names = met().flat_map(|known| known.chain.iter().take(CHAIN_NAMES).map(String::as_str)).into_set();
        }
        false
    }

    /// Findings about the way from Traefik to the containers behind a router.
    pub(super) fn networks(&self, askers: &[Asker<'_, '_>]) -> BTreeSet<Finding> {
        let mut findings = BTreeSet::new();
        for asker in askers.iter().filter(|asker| passed_over(asker).is_none()) {
            if asker.wanted.portless && asker.backend.exposed.is_some_and(|exposed| exposed > 1) {
                findings.insert(Finding::PortGuessed);
            }
            let Networks::Own(own) = &asker.backend.networks else { continue };
            let attached = asker.wanted.network.filter(|named| own.iter().any(|(name, _)| name == named));
            if asker.wanted.network.is_some() && attached.is_none() {
                findings.insert(Finding::NetworkNotAttached);
            }
            let Some(traefik) = &self.options.traefik_networks else { continue };
            let shared = |name: &str| traefik.iter().any(|known| known == name);
            let reached = match attached {
                Some(named) => usize::from(shared(named)),
                None => own.iter().filter(|(name, _)| shared(name)).count(),
            };
            if reached == 0 && !own.is_empty() {
                findings.insert(Finding::NoSharedNetwork);
            } else if attached.is_none() && reached < own.len() {
                findings.insert(Finding::NetworkByChance);
            }
        }
        findings
    }

    /// What is wrong with the presence of a router.
    pub(super) fn stranger(&self, router: &Router, asked_for: bool) -> Option<Finding> {
        match router.provider() {
            INTERNAL => None,
            DOCKER => (!asked_for).then_some(Finding::Unexpected),
            other => {
                let allowed = self.options.allowed_providers.as_ref();
                allowed
                    .is_some_and(|allowed| !allowed.iter().any(|known| known == other))
                    .then_some(Finding::ForeignProvider)
            }
        }
    }
}

/// Entry points with a redirection of their own: Traefik makes an internal router for each, which takes every host.
pub(super) fn redirected<'a>(
    answers: &'a Answers,
    middlewares: Option<&BTreeMap<&str, &Middleware>>,
) -> BTreeSet<&'a str> {
    let redirects = |name: &String| {
        middlewares.and_then(|all| all.get(name.as_str())).is_some_and(|known| known.kind == "redirectscheme")
    };
    let internal = |router: &&Router| router.provider() == INTERNAL && router.protocol == Protocol::Http;
    answers
        .routers
        .iter()
        .filter(internal)
        .filter(|router| router.middlewares.iter().any(redirects))
        .flat_map(|router| router.entry_points.iter().map(String::as_str))
        .into_set()
}
