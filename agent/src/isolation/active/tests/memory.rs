//! What holds from round to round.

use std::time::{Duration, Instant};

use super::*;
use crate::isolation::active::{
    Answer, Probed,
    memory::Memory,
    plan::{MAX_QUESTIONS, Pace},
    run::Found,
};

/// A memory and a clock.
struct Scene {
    memory: Memory,
    now: Instant,
    asked: usize,
}

impl Scene {
    fn new() -> Self {
        Self { memory: Memory::default(), now: Instant::now(), asked: 0 }
    }

    /// One round in which everybody answers like that, ten seconds after the last.
    fn round(
        &mut self,
        asking: &Asking,
        picture: &Snapshot,
        answer: impl Fn(&str) -> Result<Answer, &'static str>,
    ) -> Probed {
        self.now += Duration::from_secs(10);
        let plan = asking.with(picture, |input| self.memory.plan(input, self.now));
        self.asked = plan.iter().map(|visit| visit.questions.len()).sum();
        let found = |visit: &Visit| Found {
            answers: visit.questions.iter().map(|one| answer(&one.to.to_string()).map_err(Into::into)).collect(),
            resolved: visit.asks_name.then_some(false),
        };
        let found = plan.iter().map(found).collect();
        self.memory.took(plan, found, self.now)
    }
}

fn edge(from: &str, to: &str, port: u16) -> Edge {
    Edge { from: key(from), to: End::Service(key(to)), port, protocol: Protocol::Tcp }
}

fn dropped(_: &str) -> Result<Answer, &'static str> {
    Ok(Answer::Dropped)
}

#[test]
fn of_all_addresses_the_worst_answer_counts() {
    let picture = two_networks(web(), db());
    let mut scene = Scene::new();
    let by_family = |to: &str| Ok(if to.starts_with('[') { Answer::Refused } else { Answer::Dropped });
    let probed = scene.round(&asking(), &picture, by_family);
    assert_eq!(probed.edges.get(&edge("web", "db", 5432)), Some(&Answer::Refused));
    assert_eq!(probed.edges.get(&edge("db", "web", 8080)), Some(&Answer::Dropped));
    assert_eq!(probed.asked, [0, 1, 2, 0, 0]);
    let probed = scene.round(&asking(), &picture, dropped);
    assert_eq!(probed.edges.get(&edge("web", "db", 5432)), Some(&Answer::Dropped), "and the newest of each");
}

#[test]
fn neighbours_are_left_alone_for_ten_minutes() {
    let beside = exposing(container("db", 2, &[("front", &["172.20.0.3"])]), 5432);
    let picture = two_networks(web(), beside);
    let mut scene = Scene::new();
    scene.round(&asking(), &picture, |_| Ok(Answer::Open));
    assert_eq!(scene.asked, 2);
    for _ in 0..59 {
        let probed = scene.round(&asking(), &picture, |_| Err("nobody is asked"));
        assert_eq!((scene.asked, probed.edges.get(&edge("web", "db", 5432))), (0, Some(&Answer::Open)));
    }
    scene.round(&asking(), &picture, |_| Ok(Answer::Open));
    assert_eq!(scene.asked, 2, "ten minutes later");
    let moved = exposing(container("db", 2, &[("front", &["172.20.0.9"])]), 5432);
    scene.round(&asking(), &two_networks(web(), moved), dropped);
    assert_eq!(scene.asked, 1, "a new address has not been asked");
}

#[test]
fn whoever_comes_to_hang_beside_another_is_asked_at_once() {
    let side = |networks: &[(&str, &[&str])]| exposing(container("db", 2, networks), 5432);
    let [front, back]: [(&str, &[&str]); 2] = [("front", &["172.20.0.3"]), ("back", &["172.21.0.2"])];
    let (apart, beside) = (two_networks(web(), side(&[back])), two_networks(web(), side(&[front, back])));
    let joined = |mut picture: Snapshot| {
        let entry = Arc::make_mut(&mut picture.containers[1]);
        assert_eq!(&*entry.container.identity.key.service, "web");
        entry.container.networks.push(container("web", 1, &[("back", &["172.21.0.9"])]).networks.remove(0));
        picture
    };
    let mut scene = Scene::new();
    let to_back = |probed: &Probed| probed.edges.get(&edge("web", "db", 5432)).copied();
    assert_eq!(to_back(&scene.round(&asking(), &apart, dropped)), Some(Answer::Dropped));
    assert_eq!(to_back(&scene.round(&asking(), &joined(apart.clone()), |_| Ok(Answer::Open))), Some(Answer::Open));
    assert_eq!(to_back(&scene.round(&asking(), &apart, dropped)), Some(Answer::Dropped), "and when it leaves");
    scene.round(&asking(), &beside, dropped);
    scene.round(&asking(), &beside, dropped);
    assert_eq!(scene.asked, 3, "whom nobody has heard asks again");
}

#[test]
fn an_answer_goes_with_what_it_was_about() {
    let open = |_: &str| Ok(Answer::Open);
    let mut scene = Scene::new();
    let apart = two_networks(web(), db());
    assert_eq!(scene.round(&asking(), &apart, open).edges.len(), 2);
    // The database leaves its network: there is no address to ask, and none that was open.
    let gone = two_networks(web(), container("db", 2, &[]));
    let probed = scene.round(&asking(), &gone, open);
    assert_eq!(probed.edges.get(&edge("web", "db", 5432)), None, "{probed:?}");
    scene.round(&asking(), &apart, open);
    // The policy has come to allow it.
    let allowed = Asking { verdict: |edge| Some(edge.port == 5432), ..asking() };
    let probed = scene.round(&allowed, &apart, open);
    assert_eq!(probed.edges.keys().collect::<Vec<_>>(), [&edge("db", "web", 8080)]);
}

#[test]
fn what_could_not_be_tried_is_told_and_nothing_else_said() {
    let picture = two_networks(web(), db());
    let mut scene = Scene::new();
    scene.round(&asking(), &picture, |_| Ok(Answer::Open));
    let probed = scene.round(&asking(), &picture, |_| Err("the helper is gone"));
    assert_eq!(probed.edges, [].into());
    assert_eq!(probed.untried.get(&edge("web", "db", 5432)).map(String::as_str), Some("the helper is gone"));
    assert_eq!(probed.asked, [0; 5]);
}

#[test]
fn an_open_pair_of_replicas_does_not_come_and_go_with_the_turns() {
    let db = |number, address: &'static str| exposing(container("db", number, &[("back", &[address])]), 5432);
    let with = |second: &'static str| {
        snapshot(vec![web(), db(2, "172.21.0.2"), db(3, second)], vec![network("front", &[]), network("back", &[])])
    };
    let picture = with("172.21.0.3");
    let one_open = |to: &str| Ok(if to == "172.21.0.3:5432" { Answer::Open } else { Answer::Dropped });
    let mut scene = Scene::new();
    let said: Vec<_> = (0..6)
        .map(|_| scene.round(&asking(), &picture, one_open).edges.get(&edge("web", "db", 5432)).copied().unwrap())
        .collect();
    assert_eq!(said, [Answer::Dropped, Answer::Open, Answer::Open, Answer::Open, Answer::Open, Answer::Open]);
    // Made anew elsewhere, at once.
    let probed = scene.round(&asking(), &with("172.21.0.4"), one_open);
    assert_eq!(probed.edges.get(&edge("web", "db", 5432)), Some(&Answer::Dropped));
}

#[test]
fn too_many_questions_take_turns() {
    let many: Vec<_> = (0u32..70)
        .map(|n| exposing(container(&format!("s{n}"), n + 1, &[(&format!("n{n}"), &[&format!("172.20.{n}.2")])]), 80))
        .collect();
    let networks = (0..70).map(|n| network(&format!("n{n}"), &[])).collect();
    let picture = snapshot(many, networks);
    let mut scene = Scene::new();
    let probed = scene.round(&asking(), &picture, dropped);
    assert_eq!((scene.asked, probed.edges.len()), (MAX_QUESTIONS, MAX_QUESTIONS));
    assert_eq!(probed.untried.len(), 70 * 69 - MAX_QUESTIONS);
    assert!(probed.untried.values().all(|why| why.starts_with("its turn comes")));
    let probed = scene.round(&asking(), &picture, dropped);
    assert_eq!((probed.edges.len(), probed.untried.len()), (70 * 69, 0), "all of them after two rounds");
    assert!(asking().plan(&picture, 0).iter().all(|visit| visit.questions.iter().all(|one| one.pace == Pace::Always)));
}
