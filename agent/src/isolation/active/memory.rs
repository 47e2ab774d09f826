//! What earlier rounds have found: who was asked when, and what still holds. Pure.
//!
//! An answer holds until the same connection is tried again, while its container runs and its address is where it was. So an edge between
//! services of several replicas does not come and go with the turns of these.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use super::{
    Answer, Probed,
    plan::{self, Input, MAX_QUESTIONS, Pace, Question, Visit},
    run::Found,
};
use crate::{
    inventory::Snapshot,
    isolation::{Edge, End},
    model::{ContainerId, ServiceKey},
};

/// Time between two tries of what an application sees.
const SELDOM: Duration = Duration::from_secs(600);

/// Answers kept.
const MAX_KEPT: usize = 65_536;

/// Edges told of that were not tried.
const MAX_UNTRIED: usize = 2_000;

/// Who asked whom for what.
type Pair = (ContainerId, SocketAddr, Edge);

/// An answer that was given.
#[derive(Debug)]
struct Held {
    answer: Answer,
    pace: Pace,
    at: Instant,
    /// The last round in which somebody wanted to know.
    planned: usize,
    /// After so many rounds its turn comes again.
    turns: usize,
}

/// What is known from round to round.
#[derive(Debug, Default)]
pub(super) struct Memory {
    round: usize,
    /// Where among all questions the next round begins, when there are too many for one.
    turn: usize,
    answers: HashMap<Pair, Held>,
    names: BTreeMap<ServiceKey, (bool, Instant)>,
    /// Edges that had no turn this round.
    waiting: Vec<Edge>,
    /// Addresses of the host.
    hosts: HashSet<IpAddr>,
}

impl Memory {
    /// What this round asks: what is due of what there is.
    pub(super) fn plan(&mut self, input: &Input<'_>, now: Instant) -> Vec<Visit> {
        let mut visits = plan::plan(input, self.round);
        for visit in &mut visits {
            let container = visit.container.clone();
            visit.questions.retain(|question| {
                let pair = (container.clone(), question.to, question.edge.clone());
                let Some(held) = self.answers.get_mut(&pair) else { return true };
                // It has come to hang beside the other, or does so no more: another question, in the same words.
                let same = held.pace == question.pace;
                (held.planned, held.turns, held.pace) = (self.round, question.turns, question.pace);
                // Whom no application has noticed may come again.
                let noticed = matches!(held.answer, Answer::Open | Answer::Unknown);
                let rests = question.pace == Pace::Seldom && noticed && now.saturating_duration_since(held.at) < SELDOM;
                !(same && rests)
            });
        }
        self.forget(input.snapshot, &visits, now);
        self.round += 1;
        self.give_turns(&mut visits);
        visits
    }

    /// At most so many at a time, everybody's turn coming after a few rounds.
    fn give_turns(&mut self, visits: &mut [Visit]) {
        self.waiting.clear();
        let total: usize = visits.iter().map(|visit| visit.questions.len()).sum();
        if total <= MAX_QUESTIONS {
            self.turn = 0;
            return;
        }
        let (first, mut at) = (self.turn % total, 0);
        self.turn = first + MAX_QUESTIONS;
        for visit in visits {
            visit.questions.retain(|question| {
                let has_turn = (at + total - first) % total < MAX_QUESTIONS;
                at += 1;
                if !has_turn {
                    self.waiting.push(question.edge.clone());
                }
                has_turn
            });
        }
    }

    /// Answers that nobody would ask for any more: of containers that are gone, about addresses that are another's by now, of edges that were
    /// not planned when their turn came.
    fn forget(&mut self, snapshot: &Snapshot, visits: &[Visit], now: Instant) {
        let running = snapshot.containers.iter().filter(|entry| entry.container.has_processes());
        let running: HashSet<_> = running.map(|entry| &entry.container.id).collect();
        let addresses = plan::addresses(snapshot);
        self.hosts = addresses.iter().filter(|(_, whose)| whose.is_none()).map(|(address, _)| *address).collect();
        let is_there = |(container, to, edge): &Pair| {
            let whose = addresses.get(&to.ip());
            let theirs = match &edge.to {
                // The host's address: a port that is published, or one of a service on its network.
                End::Service(key) => whose.is_some_and(|whose| whose.is_none_or(|whose| whose == key)),
                _ => whose.is_some_and(Option::is_none),
            };
            theirs && running.contains(container)
        };
        let round = self.round;
        self.answers.retain(|pair, held| round - held.planned < held.turns && is_there(pair));
        let asking: HashSet<_> = visits.iter().filter(|visit| visit.asks_name).map(|visit| &visit.service).collect();
        self.names.retain(|key, (_, at)| asking.contains(key) && now.saturating_duration_since(*at) < SELDOM);
    }

    /// What is known after a round.
    pub(super) fn took(&mut self, plan: Vec<Visit>, found: Vec<Found>, now: Instant) -> Probed {
        let mut probed = Probed::default();
        let planned = self.round.saturating_sub(1);
        for (visit, found) in plan.into_iter().zip(found) {
            for (Question { edge, to, turns, pace }, answer) in visit.questions.into_iter().zip(found.answers) {
                let pair = (visit.container.clone(), to, edge);
                match answer {
                    Ok(answer) => {
                        probed.count(answer);
                        // A closed port of the host says nothing of a service behind it.
                        let is_of_host = matches!(pair.2.to, End::Service(_)) && self.hosts.contains(&pair.1.ip());
                        let answer = if is_of_host && answer == Answer::Refused { Answer::Dropped } else { answer };
                        if self.answers.len() < MAX_KEPT || self.answers.contains_key(&pair) {
                            self.answers.insert(pair, Held { answer, pace, at: now, planned, turns });
                        }
                    }
                    Err(reason) => {
                        self.answers.remove(&pair);
                        if probed.untried.len() < MAX_UNTRIED {
                            probed.untried.insert(pair.2, reason.to_string());
                        }
                    }
                }
            }
            if let Some(resolved) = found.resolved {
                self.names.insert(visit.service, (resolved, now));
            }
        }
        for ((_, _, edge), held) in &self.answers {
            let worst = probed.edges.entry(edge.clone()).or_insert(held.answer);
            *worst = worst.or_worse(held.answer);
            if held.pace == Pace::Seldom {
                probed.beside.insert(edge.clone());
            }
        }
        // One way across is enough to have come across.
        for ((_, _, edge), held) in &self.answers {
            if held.pace == Pace::Always && held.answer.is_reachable() {
                probed.beside.remove(edge);
            }
        }
        let known = std::mem::take(&mut self.waiting).into_iter().filter(|edge| !probed.edges.contains_key(edge));
        for edge in known.take(MAX_UNTRIED) {
            probed
                .untried
                .entry(edge)
                .or_insert_with(|| "its turn comes: there are too many edges for one round".into());
        }
        probed.untried.retain(|edge, _| !probed.edges.contains_key(edge));
        probed.resolves = self.names.iter().map(|(key, (resolved, _))| (key.clone(), *resolved)).collect();
        probed
    }
}

impl Probed {
    fn count(&mut self, answer: Answer) {
        let at = Answer::ALL.iter().position(|one| *one == answer);
        if let Some(counted) = at.and_then(|at| self.asked.get_mut(at)) {
            *counted += 1;
        }
    }
}
