//! What containers ask for against what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Backend, Health, Middleware, Networks, Options, Protocol, Reason, Router,
    answer::Status,
    labels::{Asked, Wanted, wanted},
};

/// Most missing routes that are told one by one, and most findings.
pub const MAX_TOLD: usize = 200;
/// The provider whose routers come from labels.
const DOCKER: &str = "docker";
/// The provider of Traefik's own routers.
const INTERNAL: &str = "internal";
/// Longest text of Traefik's that is passed on, in bytes, and how many of them.
const ERROR_BYTES: usize = 200;
const ERRORS: usize = 3;
/// How deep chains of middlewares are followed.
const CHAIN_DEPTH: usize = 8;
/// Types of middlewares that authenticate.
const AUTHENTICATE: [&str; 3] = ["basicauth", "digestauth", "forwardauth"];
/// Types of middlewares that send to another address.
const REDIRECT: [&str; 2] = ["redirectscheme", "redirectregex"];

/// What Traefik answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Routers of all three kinds, all pages.
    pub routers: Vec<Router>,
    /// Middlewares of HTTP, all pages; `None` where they were not asked for: then nothing is said about authentication, and redirects are
    /// not told from other routers.
    pub middlewares: Option<Vec<Middleware>>,
}

/// The outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Routers that containers ask for, each once.
    pub expected: usize,
    /// Those of them which Traefik uses.
    pub found: usize,
    /// Those which it does not, at most [`MAX_TOLD`].
    pub missing: Vec<Missing>,
    /// What is wrong with those that are there, at most [`MAX_TOLD`].
    pub findings: Vec<(Finding, Place)>,
    /// Missing routes, findings and routers of one container beyond the bounds.
    pub left_out: usize,
}

impl Report {
    /// Routers found of those expected, 0 to 1; `None` where none is expected.
    pub fn complete_ratio(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 routers")]
        (self.expected > 0).then(|| self.found as f64 / self.expected as f64)
    }
}

/// A route that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Who asks for it.
    pub place: Place,
    /// Why it is not there.
    pub reason: Reason,
    /// What Traefik says of it, cut short; with [`Reason::Disabled`] only.
    pub errors: Vec<String>,
}

/// A router and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Project of the container, empty without one, and for routers that no container asks for.
    pub project: String,
    /// Its service, likewise.
    pub service: String,
    /// Kind of the router.
    pub protocol: Protocol,
    /// Its name: without provider where a container asks for it, else in full.
    pub router: String,
}

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

/// A router and the containers which ask for it, in the order given.
struct Expected<'b, 'a> {
    askers: Vec<(&'b Backend<'a>, usize, usize)>,
}

/// Holds labels against answers.
///
/// A router that several containers ask for (replicas) is expected once; where it is missing, the reason is that of the container which
/// came nearest to having it.
pub fn compare(options: &Options, backends: &[Backend<'_>], answers: &Answers) -> Report {
    let wants: Vec<(&Backend<'_>, Wanted<'_>)> =
        backends.iter().filter_map(|backend| Some((backend, wanted(options, backend)?))).collect();
    let mut expected: BTreeMap<(Protocol, &str), Expected<'_, '_>> = BTreeMap::new();
    let mut report = Report::default();
    for (at, (backend, wanted)) in wants.iter().enumerate() {
        report.left_out += wanted.left_out;
        for (number, asked) in wanted.routers.iter().enumerate() {
            let expected =
                expected.entry((asked.protocol, &asked.name)).or_insert_with(|| Expected { askers: Vec::new() });
            expected.askers.push((backend, at, number));
        }
    }
    let ours = Ours::new(&answers.routers);
    let judge = Judge { options, middlewares: answers.middlewares.as_deref(), redirected: redirected(answers) };
    let mut seen = BTreeSet::new();
    for ((protocol, name), expected) in &expected {
        let askers: Vec<Asker<'_, '_>> = expected
            .askers
            .iter()
            .filter_map(|(backend, at, number)| {
                let (_, wanted) = wants.get(*at)?;
                Some(Asker { backend, wanted, asked: wanted.routers.get(*number)? })
            })
            .collect();
        let Some(first) = askers.first() else { continue };
        let there = ours.named(*protocol, name);
        seen.extend(there.iter().map(|router| (router.protocol, router.name.as_str())));
        report.expected += 1;
        let place = place(first.backend, *protocol, name);
        if there.iter().any(|router| router.status != Status::Disabled) {
            report.found += 1;
            report.find(judge.routers(&there).into_iter().chain(judge.networks(&askers)), &place);
        } else {
            let (reason, errors) = why(&askers, &there);
            report.miss(Missing { place, reason, errors });
        }
    }
    for router in &answers.routers {
        if let Some(finding) = judge.stranger(router, seen.contains(&(router.protocol, router.name.as_str()))) {
            let place = Place {
                project: String::new(),
                service: String::new(),
                protocol: router.protocol,
                router: quoted(&router.name),
            };
            report.find([finding].into_iter(), &place);
        }
    }
    report
}

impl Report {
    fn miss(&mut self, missing: Missing) {
        if self.missing.len() < MAX_TOLD {
            self.missing.push(missing);
        } else {
            self.left_out += 1;
        }
    }

    fn find(&mut self, findings: impl Iterator<Item = Finding>, place: &Place) {
        for finding in findings.collect::<BTreeSet<_>>() {
            if self.findings.len() < MAX_TOLD {
                self.findings.push((finding, place.clone()));
            } else {
                self.left_out += 1;
            }
        }
    }
}

/// A container which asks for a router.
struct Asker<'b, 'a> {
    backend: &'b Backend<'a>,
    wanted: &'b Wanted<'a>,
    asked: &'b Asked<'a>,
}

/// Routers of the docker provider by their short names.
struct Ours<'a>(BTreeMap<(Protocol, &'a str), Vec<&'a Router>>);

impl<'a> Ours<'a> {
    fn new(routers: &'a [Router]) -> Self {
        let mut ours: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for router in routers.iter().filter(|router| router.provider() == DOCKER) {
            let name = router.short_name();
            ours.entry((router.protocol, name)).or_default().push(router);
            // `websecure-api` is `api` at an entry point with settings of its own.
            let renamed =
                router.entry_points.first().and_then(|entry| name.strip_prefix(entry.as_str())?.strip_prefix('-'));
            if let (Some(original), 1) = (renamed, router.entry_points.len()) {
                ours.entry((router.protocol, original)).or_default().push(router);
            }
        }
        Self(ours)
    }

    fn named(&self, protocol: Protocol, name: &str) -> Vec<&'a Router> {
        self.0.get(&(protocol, name)).cloned().unwrap_or_default()
    }
}

/// Why a router is missing that these ask for, and what Traefik says of it.
fn why(askers: &[Asker<'_, '_>], there: &[&Router]) -> (Reason, Vec<String>) {
    if !there.is_empty() {
        let said: BTreeSet<&str> = there.iter().flat_map(|router| router.errors.iter().map(String::as_str)).collect();
        return (Reason::Disabled, said.into_iter().take(ERRORS).map(quoted).collect());
    }
    let reasons: Vec<Option<Reason>> = askers.iter().map(passed_over).collect();
    let kept: Vec<&Asker<'_, '_>> =
        askers.iter().zip(&reasons).filter(|(_, reason)| reason.is_none()).map(|(a, _)| a).collect();
    let Some(first) = kept.first() else {
        // Nearest first: one that starts will be there by itself, one that is stopped is the farthest.
        let order = |reason: &Reason| match reason {
            Reason::Starting => 0,
            Reason::Unhealthy => 1,
            Reason::NotRunning => 3,
            _ => 2,
        };
        return (reasons.into_iter().flatten().min_by_key(order).unwrap_or(Reason::Unknown), Vec::new());
    };
    let conflict = kept.iter().any(|asker| asker.asked.definition != first.asked.definition);
    let reason = match first.asked {
        _ if conflict => Reason::Conflict,
        Asked { no_rule: true, .. } => Reason::NoRule,
        Asked { ambiguous: true, .. } => Reason::AmbiguousService,
        _ => Reason::Unknown,
    };
    (reason, Vec::new())
}

/// Why Traefik passes over a whole container; `None` where nothing here says so.
fn passed_over(asker: &Asker<'_, '_>) -> Option<Reason> {
    let Asker { backend, wanted, .. } = asker;
    if wanted.any_state && (!backend.running || backend.health.is_some_and(|health| health != Health::Healthy)) {
        return None;
    }
    match (backend.running, backend.health) {
        (false, _) => return Some(Reason::NotRunning),
        (true, Some(Health::Starting)) => return Some(Reason::Starting),
        (true, Some(Health::Unhealthy)) => return Some(Reason::Unhealthy),
        _ => {}
    }
    let Networks::Own(networks) = &backend.networks else {
        return no_port(asker).then_some(Reason::NoPort);
    };
    let named = networks.iter().find(|(name, _)| Some(*name) == wanted.network);
    let addressed = named.map_or_else(|| networks.iter().any(|(_, address)| *address), |(_, address)| *address);
    if !addressed {
        return Some(Reason::NoAddress);
    }
    no_port(asker).then_some(Reason::NoPort)
}

fn no_port(asker: &Asker<'_, '_>) -> bool {
    asker.wanted.portless && asker.backend.exposed == Some(0)
}

/// What is held against routers that are there.
struct Judge<'o> {
    options: &'o Options,
    middlewares: Option<&'o [Middleware]>,
    /// Entry points at which everything is redirected before any router of a container sees it.
    redirected: BTreeSet<&'o str>,
}

impl Judge<'_> {
    /// Findings about the routers that one became.
    fn routers(&self, routers: &[&Router]) -> BTreeSet<Finding> {
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
        let all = self.middlewares.unwrap_or_default();
        let mut names: Vec<&str> = router.middlewares.iter().map(String::as_str).collect();
        // Chains may hold chains, and a hostile answer a circle of them.
        for _ in 0..CHAIN_DEPTH {
            let these: BTreeSet<&str> = names.iter().copied().collect();
            let met: Vec<&Middleware> = all.iter().filter(|known| these.contains(known.name.as_str())).collect();
            if met.iter().any(|known| is_it(&known.kind, &known.name)) {
                return true;
            }
            names = met.iter().flat_map(|known| known.chain.iter().map(String::as_str)).collect();
        }
        false
    }

    /// Findings about the way from Traefik to the containers behind a router.
    fn networks(&self, askers: &[Asker<'_, '_>]) -> BTreeSet<Finding> {
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
    fn stranger(&self, router: &Router, asked_for: bool) -> Option<Finding> {
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
fn redirected(answers: &Answers) -> BTreeSet<&str> {
    let redirects = |name: &String| {
        let (kind, all) = ("redirectscheme", answers.middlewares.as_deref().unwrap_or_default());
        all.iter().any(|known| known.name == *name && known.kind == kind)
    };
    let internal =
        answers.routers.iter().filter(|router| router.provider() == INTERNAL && router.protocol == Protocol::Http);
    internal
        .filter(|router| router.middlewares.iter().any(redirects))
        .flat_map(|router| router.entry_points.iter().map(String::as_str))
        .collect()
}

fn place(backend: &Backend<'_>, protocol: Protocol, router: &str) -> Place {
    Place { project: backend.project.to_owned(), service: backend.service.to_owned(), protocol, router: quoted(router) }
}

/// What somebody else wrote, short and fit for a label or a log line.
fn quoted(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    let end = text.floor_char_boundary(ERROR_BYTES);
    let short = text.get(..end).unwrap_or_default();
    short.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
