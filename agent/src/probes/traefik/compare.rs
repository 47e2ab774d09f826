//! What containers ask for against what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Backend, Health, Middleware, Networks, Options, Protocol, Reason, Router,
    answer::Status,
    findings::{Finding, Judge, redirected},
    labels::{Asked, Wanted, wanted},
};
use crate::model::IntoTree as _;

/// Most missing routes that are told one by one, and most findings.
pub const MAX_TOLD: usize = 200;
/// The provider whose routers come from labels.
pub(super) const DOCKER: &str = "docker";
/// Longest text of Traefik's that is passed on, in bytes, and how many of them.
const ERROR_BYTES: usize = 200;
const ERRORS: usize = 3;
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
    let middlewares: Option<BTreeMap<_, _>> =
        answers.middlewares.as_ref().map(|all| all.iter().map(|known| (known.name.as_str(), known)).into_map());
    let redirected = redirected(answers, middlewares.as_ref());
    let judge = Judge { options, middlewares, redirected };
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
        for finding in findings.into_set() {
            if self.findings.len() < MAX_TOLD {
                self.findings.push((finding, place.clone()));
            } else {
                self.left_out += 1;
            }
        }
    }
}

/// A container which asks for a router.
pub(super) struct Asker<'b, 'a> {
    pub(super) backend: &'b Backend<'a>,
    pub(super) wanted: &'b Wanted<'a>,
    pub(super) asked: &'b Asked<'a>,
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
        let said: BTreeSet<&str> = there.iter().flat_map(|router| router.errors.iter().map(String::as_str)).into_set();
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
pub(super) fn passed_over(asker: &Asker<'_, '_>) -> Option<Reason> {
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
