//! Pairs, halves and what becomes of both.

use super::*;

fn who(service: &str, project: &str) -> Arc<Who> {
    of(service, project, &Arc::default())
}

fn of(service: &str, project: &str, origin: &Arc<Share>) -> Arc<Who> {
    let origin = Arc::clone(origin);
    Arc::new(Who { service: service.into(), project: project.into(), compose_service: service.into(), origin })
}

/// A call that each of them says was made.
fn call(graph: &mut Graph, client: &Arc<Who>, server: &Arc<Who>, second: u32) {
    graph.take(half(CLIENT, 1, client, 1, 0), second);
    graph.take(half(SERVER, 1, server, 1, ERROR), second);
}

fn half(kind: u64, call: u8, who: &Arc<Who>, ns: u64, status: u64) -> Half {
    let (trace_id, id) = ([7; 16], [call; 8]);
    let (span_id, parent_span_id): (&[u8], &[u8]) = match kind {
        CLIENT | PRODUCER => (&id, &[]),
        _ => (&[9; 8], &id),
    };
    let span = Span { trace_id: &trace_id, span_id, parent_span_id, kind, status, ..Span::default() };
    Half::of(&span, who, ns, None).unwrap()
}

#[test]
fn a_call_is_two_halves_in_either_order() {
    let (web, api) = (who("web", "shop"), who("api", "shop"));
    let mut graph = Graph::default();
    graph.take(half(CLIENT, 1, &web, 30, 0), 0);
    graph.take(half(SERVER, 1, &api, 20, 0), 3);
    graph.take(half(SERVER, 2, &api, 5, ERROR), 3);
    graph.take(half(CLIENT, 2, &web, 10, 0), 12);
    let edges = graph.edges();
    let [edge] = edges.as_slice() else { panic!("{edges:?}") };
    assert_eq!((&*edge.client.0, &*edge.server.0, edge.connection_type), ("web", "api", ""));
    assert_eq!((edge.calls.failed, edge.calls.server.count(), edge.calls.client.count()), (1, 2, 2));
    assert_eq!((edge.calls.server.sum_ns, edge.calls.client.sum_ns), (25, 40));
    assert_eq!(graph.counts, Counts::default());
}

#[test]
fn messages_are_calls_of_another_type() {
    let (web, mail) = (who("web", "shop"), who("mail", "shop"));
    let mut graph = Graph::default();
    graph.take(half(PRODUCER, 1, &web, 1, 0), 0);
    graph.take(half(CONSUMER, 1, &mail, 1, 0), 0);
    graph.take(half(CLIENT, 2, &web, 1, 0), 0);
    graph.take(half(SERVER, 2, &mail, 1, 0), 0);
    let mut types: Vec<_> = graph.edges().iter().map(|edge| edge.connection_type).collect();
    types.sort_unstable();
    assert_eq!(types, ["", "messaging_system"]);
}

#[test]
fn the_same_half_twice_is_no_call() {
    let web = who("web", "shop");
    let mut graph = Graph::default();
    graph.take(half(CLIENT, 1, &web, 1, 0), 0);
    graph.take(half(CLIENT, 1, &web, 1, 0), 0);
    assert!(graph.edges().is_empty());
    graph.take(half(SERVER, 1, &who("api", "shop"), 1, 0), 0);
    assert_eq!(graph.edges().len(), 1);
}

#[test]
fn projects_and_lengths_part_names_that_look_alike() {
    let mut graph = Graph::default();
    for (call, (client, server)) in
        [(("ab", ""), ("c", "")), (("a", ""), ("bc", "")), (("a", "b"), ("c", ""))].into_iter().enumerate()
    {
        let call = u8::try_from(call).unwrap();
        graph.take(half(CLIENT, call, &who(client.0, client.1), 1, 0), 0);
        graph.take(half(SERVER, call, &who(server.0, server.1), 1, 0), 0);
    }
    assert_eq!(graph.edges().len(), 3);
}

#[test]
fn a_half_waits_one_to_two_turns() {
    let (web, api) = (who("web", "shop"), who("api", "shop"));
    let mut graph = Graph::default();
    graph.take(half(CLIENT, 1, &web, 1, 0), WAIT - 1);
    graph.take(half(SERVER, 1, &api, 1, 0), 2 * WAIT - 1);
    assert_eq!((graph.edges().len(), graph.counts.unpaired), (1, 0));
    graph.take(half(CLIENT, 2, &web, 1, 0), 2 * WAIT);
    graph.take(half(SERVER, 2, &api, 1, 0), 4 * WAIT);
    assert_eq!((graph.edges()[0].calls.server.count(), graph.counts.unpaired), (1, 1));
    graph.forget_idle(0, u32::MAX);
    assert_eq!(graph.counts.unpaired, 2, "the lone server too, however long nobody looked");
}

#[test]
fn everything_has_a_ceiling() {
    let (web, api) = (who("web", "shop"), who("api", "shop"));
    let mut graph = Graph::default();
    for call in 0..MAX_HALVES + 5 {
        let mut half = half(CLIENT, 1, &web, 1, 0);
        half.key[..8].copy_from_slice(&call.to_le_bytes());
        graph.take(half, 0);
    }
    assert_eq!((graph.young.len(), graph.counts.dropped), (MAX_HALVES, 5));

    let mut graph = Graph::default();
    let origin = Arc::default();
    for edge in 0..MAX_EDGES + 3 {
        call(&mut graph, &of(&edge.to_string(), "shop", &origin), &api, 0);
    }
    let overflow = graph.overflow().unwrap();
    assert_eq!((graph.edges().len(), graph.counts.overflow), (MAX_EDGES, 3));
    assert_eq!((overflow.failed, overflow.server.count()), (3, 3));
}

/// Names of services one calls and is called by.
fn known(graph: &Graph, service: &str) -> usize {
    graph.edges().iter().filter(|edge| [&edge.client.0, &edge.server.0].iter().any(|name| &***name == service)).count()
}

#[test]
fn one_that_makes_up_names_takes_no_edge_of_others() {
    let (noisy, web, api) = (Arc::new(Share::default()), who("web", "shop"), who("api", "shop"));
    let mut graph = Graph::default();
    call(&mut graph, &web, &api, 0);
    for number in 0..3 * MAX_EDGES {
        noisy.names.fetch_add(1, Relaxed);
        let made_up = of(&number.to_string(), "shop", &noisy);
        // It calls one, and is called by the other.
        let (client, server) = if number % 2 == 0 { (&made_up, &api) } else { (&web, &made_up) };
        call(&mut graph, client, server, 1);
    }
    // A hundred that come later have edges of their own, and what was there first is there still.
    for number in 0..100 {
        call(&mut graph, &web, &who(&format!("late-{number}"), "shop"), 2);
    }
    assert_eq!(graph.edges().iter().filter(|edge| edge.server.0.starts_with("late-")).count(), 100);
    assert_eq!(
        (known(&graph, "web") > 100, noisy.edges.load(Relaxed) > 100, graph.edges().len() <= MAX_EDGES),
        (true, true, true)
    );
    assert!(graph.edges().iter().any(|edge| (&*edge.client.0, &*edge.server.0) == ("web", "api")));
}

#[test]
fn halves_that_nobody_answers_leave_room_for_those_of_others() {
    let (web, api, noisy) = (who("web", "shop"), who("api", "shop"), who("noisy", "shop"));
    let mut graph = Graph::default();
    graph.take(half(CLIENT, 1, &web, 1, 0), 0);
    for number in 0..2 * MAX_HALVES {
        let mut half = half(CLIENT, 1, &noisy, 1, 0);
        half.key[..8].copy_from_slice(&number.to_le_bytes());
        graph.take(half, 0);
    }
    graph.take(half(SERVER, 1, &api, 1, 0), 0);
    call(&mut graph, &web, &api, 0);
    assert_eq!(graph.edges()[0].calls.server.count(), 2);
    assert_eq!(graph.counts.dropped, (MAX_HALVES + MAX_HALVES / 8 + 1) as u64);
    graph.forget_idle(0, 10 * WAIT);
    assert_eq!([&web, &api, &noisy].map(|who| who.origin.halves.load(Relaxed)), [0; 3]);
}

#[test]
fn idle_edges_go() {
    let mut graph = Graph::default();
    graph.take(half(CLIENT, 1, &who("web", ""), 1, 0), 5);
    graph.take(half(SERVER, 1, &who("api", ""), 1, 0), 5);
    graph.forget_idle(5, 6);
    assert_eq!(graph.edges().len(), 1);
    graph.forget_idle(6, 6);
    assert!(graph.edges().is_empty());
}

#[test]
fn only_ends_of_calls_with_ids_are_halves() {
    let who = who("web", "");
    let span = Span { trace_id: &[1; 16], span_id: &[2; 8], kind: CLIENT, ..Span::default() };
    assert!(Half::of(&span, &who, 1, None).is_some());
    assert!(Half::of(&Span { kind: 1, ..span }, &who, 1, None).is_none());
    assert!(Half::of(&Span { kind: SERVER, ..span }, &who, 1, None).is_none(), "a root is called by nobody");
    assert!(Half::of(&Span { trace_id: &[1; 15], ..span }, &who, 1, None).is_none());
}
