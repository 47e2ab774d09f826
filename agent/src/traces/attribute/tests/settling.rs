//! Who is at the other end: what is waited for, what is asked of the kernel, and why somebody is nobody.

use std::time::Duration;

use tokio::time::{Instant, advance};

use super::{super::*, *};
use crate::model::ServiceKey;

const LOCAL: &str = "172.20.0.9";

fn peer(address: &str) -> SocketAddr {
    end(address, 40_000)
}

fn local() -> SocketAddr {
    end(LOCAL, DOOR)
}

async fn told(bench: &Bench, binding: &Binding) -> (Option<u32>, Result<Rule, Miss>) {
    let named = bench.named(binding, &resource(&[])).await;
    (number(&named), named.by)
}

fn started(number: u32) -> EventKind {
    EventKind::Started(ContainerId::new(id(number)))
}

fn died(number: u32) -> EventKind {
    EventKind::Died { id: ContainerId::new(id(number)), exit_code: Some(0) }
}

fn moved(number: u32) -> EventKind {
    EventKind::Changed(ContainerId::new(id(number)))
}

fn web() -> Container {
    at(compose(1, "web"), &["172.20.0.2"])
}

#[tokio::test(start_paused = true)]
async fn an_address_is_free_when_its_container_ends() {
    let mut bench = Bench::new(true, None);
    bench.describe(web());
    bench.connects(1, peer("172.20.0.2"), local());
    let binding = bench.accept(peer("172.20.0.2"), local());
    assert_eq!(told(&bench, &binding).await, (Some(1), Ok(Rule::Address)));
    // The end of an earlier run, heard again.
    bench.hear(&event(-90_000, died(1)));
    assert_eq!(told(&bench, &binding).await, (Some(1), Ok(Rule::Address)));
    bench.hear(&event(10, died(1)));
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::Ended)));
    // A picture made of what was known before does not bring it back.
    bench.describe_as_of(web(), 0);
    let late = bench.accept(peer("172.20.0.2"), local());
    assert_eq!(told(&bench, &late).await, (None, Err(Miss::UnknownIp)));
    // The next holder has the address, and not the connection.
    bench.hear(&event(20, started(2)));
    bench.describe(at(compose(2, "db"), &["172.20.0.2"]));
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::Ended)));
    // It starts again: another run.
    let again = Container { started_at: Some(time(30)), ..at(compose(1, "web"), &["172.20.0.7"]) };
    bench.describe(again);
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::Ended)));
    bench.connects(1, peer("172.20.0.7"), local());
    let binding = bench.accept(peer("172.20.0.7"), local());
    assert_eq!(told(&bench, &binding).await, (Some(1), Ok(Rule::Address)));
    bench.hear(&event(40, EventKind::Destroyed(ContainerId::new(id(1)))));
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::Ended)));
    bench.describe(web());
    assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await.0, None, "nothing is destroyed twice");
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_left_takes_its_address_along_and_the_run_goes_on() {
    let mut bench = Bench::new(true, None);
    bench.describe(web());
    bench.connects(1, peer("172.20.0.2"), local());
    let binding = bench.accept(peer("172.20.0.2"), local());
    assert_eq!(told(&bench, &binding).await, (Some(1), Ok(Rule::Address)));
    bench.hear(&event(10, moved(1)));
    let late = bench.accept(peer("172.20.0.2"), local());
    let begun = Instant::now();
    // This was asked before the event, and is no answer.
    bench.describe_as_of(web(), bench.heard - 1);
    assert_eq!(told(&bench, &late).await, (None, Err(Miss::NotDescribed)));
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    bench.describe(at(compose(1, "web"), &["172.21.0.2"]));
    assert_eq!(told(&bench, &binding).await, (Some(1), Ok(Rule::Address)), "the connection is its own still");
    let late = bench.accept(peer("172.20.0.2"), local());
    assert_eq!(told(&bench, &late).await, (None, Err(Miss::UnknownIp)));
}

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_for_a_description_and_no_other_does() {
    for sees_host in [true, false] {
        let mut bench = Bench::new(sees_host, None);
        bench.publish();
        bench.hear(&event(-5, started(1)));
        bench.connects(1, peer("172.20.0.2"), local());
        let binding = bench.accept(peer("172.20.0.2"), local());
        let (attributor, waiting) = (bench.attributor.clone(), binding.clone());
        let begun = Instant::now();
        let waiting = tokio::spawn(async move { attributor.settle(&waiting).await });
        advance(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished());
        bench.describe(web());
        waiting.await.unwrap();
        // Where the kernel cannot be asked, events of what was described are waited for.
        assert_eq!(begun.elapsed(), Duration::from_millis(if sees_host { 300 } else { 400 }));
        assert_eq!(told(&bench, &binding).await, (Some(1), Ok(Rule::Address)));

        // Nothing is described: passed on after a second, and asked again with later requests.
        bench.hear(&event(1, started(2)));
        bench.connects(2, peer("172.20.0.3"), local());
        let binding = bench.accept(peer("172.20.0.3"), local());
        let begun = Instant::now();
        assert_eq!(told(&bench, &binding).await, (None, Err(Miss::NotDescribed)));
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        assert_eq!(told(&bench, &binding).await, (None, Err(Miss::NotDescribed)));
        assert_eq!(begun.elapsed(), Duration::from_secs(1), "the second one does not wait");
        bench.describe(at(compose(2, "db"), &["172.20.0.3"]));
        advance(Duration::from_secs(1)).await;
        assert_eq!(told(&bench, &binding).await, (Some(2), Ok(Rule::Address)));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_watched_makes_nobody_wait() {
    let mut bench = Bench::new(true, None);
    bench.describe(web());
    bench.picture.excluded = vec![ServiceKey { project: "".into(), service: "some".into() }];
    bench.hear(&event(1, started(7)));
    bench.publish();
    bench.connects(1, peer("172.20.0.2"), local());
    let begun = Instant::now();
    assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await, (Some(1), Ok(Rule::Address)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // One that is never described does so for a while.
    bench.picture.excluded.clear();
    bench.hear(&event(2, started(8)));
    advance(Duration::from_secs(11)).await;
    bench.publish();
    let begun = Instant::now();
    assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await, (Some(1), Ok(Rule::Address)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_kernel_decides_whose_connection_it_is() {
    let mut bench = Bench::new(true, None);
    bench.describe(web());
    // It has waited to be accepted since the last holder of the address; that one is gone with all its sockets.
    let binding = bench.accept(peer("172.20.0.2"), local());
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::UnknownIp)));
    // Two networks with the same addresses.
    bench.describe(at(compose(2, "db"), &["172.20.0.2"]));
    bench.connects(2, peer("172.20.0.2"), local());
    assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await, (Some(2), Ok(Rule::Address)));
    // Who has had it for long has to have it still, and need not show the connection.
    bench.remove(2);
    advance(Duration::from_secs(61)).await;
    bench.kernel.world().sockets.clear();
    bench.kernel.world().addresses.insert((ContainerId::new(id(1)), ip("172.20.0.2")));
    assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await, (Some(1), Ok(Rule::Address)));
    bench.kernel.world().addresses.clear();
    assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await, (None, Err(Miss::UnknownIp)));
}

#[tokio::test(start_paused = true)]
async fn without_the_kernel_late_events_are_waited_for() {
    let mut bench = Bench::new(false, None);
    bench.describe(web());
    let begun = Instant::now();
    let binding = bench.accept(peer("172.20.0.2"), local());
    let (attributor, waiting) = (bench.attributor.clone(), binding.clone());
    let settled = tokio::spawn(async move { attributor.settle(&waiting).await });
    advance(Duration::from_millis(50)).await;
    bench.hear(&event(-40, died(1)));
    settled.await.unwrap();
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::UnknownIp)));
    assert_eq!(begun.elapsed(), Duration::from_millis(50));
    // Somebody gets an address after the connection was there: it is not his.
    bench.hear(&event(1, moved(2)));
    bench.hear(&event(2, started(2)));
    bench.describe(at(compose(2, "db"), &["172.20.0.2"]));
    advance(Duration::from_secs(2)).await;
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::UnknownIp)));
    // What an engine does that is not heard nobody knows.
    bench.picture.engine.connected = false;
    bench.publish();
    let binding =
        bench.attributor.bind_at(&Caller { way: Way::Tcp { peer: peer("172.20.0.2"), local: local() } }, time(9));
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::NotDescribed)));
    bench.picture.engine.connected = true;
    bench.publish();
    advance(Duration::from_secs(1)).await;
    assert_eq!(told(&bench, &binding).await, (Some(2), Ok(Rule::Address)));
    // Two of one address.
    bench.describe(at(compose(3, "x"), &["172.20.0.2"]));
    let binding =
        bench.attributor.bind_at(&Caller { way: Way::Tcp { peer: peer("172.20.0.2"), local: local() } }, time(9));
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::Ambiguous)));
}

#[tokio::test(start_paused = true)]
async fn a_sleeping_neighbour_is_given_time_to_show_itself() {
    let mut bench = Bench::new(true, None);
    bench.describe(web());
    let asleep = Container { state: ContainerState::Exited, pid: None, ..joining(compose(2, "helper"), 1) };
    bench.describe(asleep);
    bench.connects(1, peer("172.20.0.2"), local());
    let begun = Instant::now();
    assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await, (Some(1), Ok(Rule::Address)));
    assert_eq!(begun.elapsed(), Duration::from_millis(100));
    let binding = bench.accept(peer("172.20.0.2"), local());
    let (attributor, waiting) = (bench.attributor.clone(), binding.clone());
    let settled = tokio::spawn(async move { attributor.settle(&waiting).await });
    advance(Duration::from_millis(20)).await;
    bench.hear(&event(-1, started(2)));
    bench.describe(joining(compose(2, "helper"), 1));
    settled.await.unwrap();
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::Ambiguous)));
}

#[tokio::test(start_paused = true)]
async fn who_comes_from_the_host_is_asked_for_by_its_socket() {
    let mut bench = Bench::new(true, None);
    bench.describe(on_host(container(1, "node", &[])));
    let (loopback, gateway) = (end("127.0.0.1", 40_000), end("172.20.0.1", 40_001));
    let here = end("127.0.0.1", DOOR);
    let owner = |owner| bench.kernel.world().owners.insert(loopback, owner);
    owner(Owner::Container(vec![id(1)]));
    assert_eq!(told(&bench, &bench.accept(loopback, here)).await, (Some(1), Ok(Rule::HostSocket)));
    for (whose, miss) in [
        (Owner::Container(vec![id(77)]), Miss::NoSuchContainer),
        (Owner::Process, Miss::HostNet),
        (Owner::Unknown, Miss::HostNet),
        (Owner::Agent, Miss::AgentItself),
    ] {
        owner(whose);
        assert_eq!(told(&bench, &bench.accept(loopback, here)).await, (None, Err(miss)));
    }
    // What is known of it is that it is here.
    owner(Owner::Process);
    let named = bench.named(&bench.accept(loopback, here), &resource(&[("host.id", "own")])).await;
    let said = changed(&resource(&[("host.id", "own")]), &named);
    let expected =
        [("host.id", "own"), ("deployment.environment.name", "test"), ("host.name", "box"), ("os.type", "linux")];
    assert_eq!(said, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    // An address of the host to itself, and the host's end of a network.
    assert_eq!(told(&bench, &bench.accept(end("192.0.2.1", 1), end("192.0.2.1", DOOR))).await.1, Err(Miss::HostNet));
    assert_eq!(told(&bench, &bench.accept(gateway, local())).await, (None, Err(Miss::GatewayIp)));
    // One that only the kernel knows of: translated on its way from the host to itself.
    let other = end("198.51.100.7", 40_000);
    assert_eq!(told(&bench, &bench.accept(other, local())).await, (None, Err(Miss::UnknownIp)));
    bench.kernel.world().host.insert(other.ip());
    assert_eq!(told(&bench, &bench.accept(other, local())).await, (None, Err(Miss::HostNet)));
    // Ends that the engine has chosen and does not say.
    for chosen in ["172.21.0.1", "fd00:7::1"] {
        assert_eq!(told(&bench, &bench.accept(end(chosen, 1), local())).await.1, Err(Miss::GatewayIp));
    }
    bench.kernel.world().owners.insert(gateway, Owner::Container(vec![id(1)]));
    assert_eq!(told(&bench, &bench.accept(gateway, local())).await, (Some(1), Ok(Rule::HostSocket)));

    let mut blind = Bench::new(false, None);
    blind.describe(on_host(container(1, "node", &[])));
    assert_eq!(told(&blind, &blind.accept(loopback, here)).await, (None, Err(Miss::HostNet)));
    assert_eq!(told(&blind, &blind.accept(gateway, local())).await, (None, Err(Miss::GatewayIp)));
}

#[tokio::test(start_paused = true)]
async fn the_agent_is_nobody_in_its_own_namespace() {
    let mut bench = Bench::new(true, Some(9));
    let (loopback, here) = (end("127.0.0.1", 40_000), end("127.0.0.1", DOOR));
    bench.publish();
    assert_eq!(told(&bench, &bench.accept(loopback, here)).await, (None, Err(Miss::Loopback)));
    bench.describe(at(container(9, "spyhop", &[]), &[LOCAL]));
    for peer in [loopback, peer(LOCAL)] {
        assert_eq!(
            told(&bench, &bench.accept(peer, end(&peer.ip().to_string(), DOOR))).await,
            (None, Err(Miss::AgentItself))
        );
    }
    // Somebody has joined it.
    bench.describe(joining(compose(1, "web"), 9));
    assert_eq!(told(&bench, &bench.accept(loopback, here)).await, (Some(1), Ok(Rule::Address)));
    bench.describe(joining(compose(2, "db"), 9));
    assert_eq!(told(&bench, &bench.accept(loopback, here)).await, (None, Err(Miss::Ambiguous)));
    // The agent's own spans are its own.
    let inside = bench.attributor.bind(&Caller { way: Way::Inside });
    assert_eq!(told(&bench, &inside).await, (Some(9), Ok(Rule::Socket)));
    // The agent has joined somebody.
    let mut bench = Bench::new(true, Some(9));
    bench.describe(web());
    bench.describe(joining(container(9, "spyhop", &[]), 1));
    assert_eq!(told(&bench, &bench.accept(loopback, here)).await, (Some(1), Ok(Rule::Address)));
}

#[tokio::test(start_paused = true)]
async fn a_unix_socket_leads_to_a_process_and_its_container() {
    let mut bench = Bench::new(true, Some(9));
    bench.describe(joining(compose(1, "web"), 2));
    bench.describe(at(container(9, "spyhop", &[]), &[LOCAL]));
    let ended = Container { state: ContainerState::Exited, pid: None, ..compose(3, "ended") };
    bench.describe(ended);
    for (pid, ids) in [
        (10, vec![id(1)]),
        (11, vec![id(1), id(88)]),
        (12, vec![id(88)]),
        (13, vec![]),
        (14, vec![id(9)]),
        (15, vec![id(3)]),
    ] {
        bench.kernel.world().processes.insert(pid, ids);
    }
    for (pid, expected) in [
        (Some(10), (Some(1), Ok(Rule::Socket))),
        // An engine inside of a container.
        (Some(11), (Some(1), Ok(Rule::Socket))),
        (Some(12), (None, Err(Miss::NoSuchContainer))),
        (Some(13), (None, Err(Miss::HostProcess))),
        (Some(14), (None, Err(Miss::AgentItself))),
        (Some(15), (None, Err(Miss::Ended))),
        (Some(99), (None, Err(Miss::UnknownProcess))),
        (None, (None, Err(Miss::UnknownProcess))),
    ] {
        let (binding, begun) = (bench.attributor.bind(&Caller { way: Way::Unix { pid, uid: 0 } }), Instant::now());
        assert_eq!(told(&bench, &binding).await, expected, "{pid:?}");
        // That a container is made or runs may be about to be told.
        let waited = match expected.1 {
            Err(Miss::NoSuchContainer) => 100,
            Err(Miss::Ended) => 1000,
            _ => 0,
        };
        assert_eq!(begun.elapsed(), Duration::from_millis(waited), "{pid:?}");
    }
    // It has ended meanwhile, and was asked for when it connected.
    let binding = bench.attributor.bind(&Caller { way: Way::Unix { pid: Some(10), uid: 0 } });
    bench.kernel.world().processes.clear();
    assert_eq!(told(&bench, &binding).await, (Some(1), Ok(Rule::Socket)));
}

#[tokio::test(start_paused = true)]
async fn who_passes_an_address_on_is_believed_as_far_as_that() {
    for sees_host in [true, false] {
        let mut bench = Bench::new(sees_host, None);
        bench.describe(web());
        bench.kernel.world().addresses.insert((ContainerId::new(id(1)), ip("172.20.0.2")));
        assert_eq!(told(&bench, &bench.accept(end("172.20.0.2", 0), local())).await, (Some(1), Ok(Rule::Address)));
        // Whose loopback that is nobody says.
        assert_eq!(told(&bench, &bench.accept(end("127.0.0.1", 0), local())).await, (None, Err(Miss::Loopback)));
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_behind_a_proxy_waits_and_those_after_it_do_not() {
    let mut bench = Bench::new(false, None);
    bench.describe(web());
    let request = async |bench: &Bench| {
        let from = Instant::now();
        let told = told(bench, &bench.accept(end("172.20.0.2", 0), local())).await;
        (told, from.elapsed() >= Duration::from_millis(100))
    };
    let (one, other) = ((Some(1), Ok(Rule::Address)), (Some(2), Ok(Rule::Address)));
    assert_eq!(request(&bench).await, (one, true));
    for _ in 0..3 {
        assert_eq!(request(&bench).await, (one, false));
    }
    // It changes hands: no request is taken for who had it before.
    bench.hear(&event(10, moved(1)));
    assert_ne!(request(&bench).await.0, one);
    bench.describe(at(compose(1, "web"), &[]));
    bench.hear(&event(20, started(2)));
    bench.describe(at(compose(2, "db"), &["172.20.0.2"]));
    advance(Duration::from_secs(1)).await;
    assert_eq!(request(&bench).await, (other, true));
    assert_eq!(request(&bench).await, (other, false));
    // Somebody is started who may be beside it, and is.
    bench.hear(&event(30, started(3)));
    bench.describe(joining(compose(3, "side"), 2));
    assert_eq!(request(&bench).await.0, (None, Err(Miss::Ambiguous)));
    bench.hear(&event(40, died(2)));
    assert_eq!(request(&bench).await.0.0, None);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_addresses_behind_proxies_are_remembered() {
    let mut bench = Bench::new(false, None);
    bench.describe(web());
    for number in 0..3_000_u32 {
        let address = IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number));
        bench.accept(SocketAddr::new(address, 0), local());
        if number % 500 == 0 {
            let web = bench.accept(end("172.20.0.2", 0), local());
            assert_eq!(told(&bench, &web).await, (Some(1), Ok(Rule::Address)));
        }
    }
    assert!(bench.attributor.0.told.len() <= super::super::told::MAX_TOLD);
}

#[tokio::test(start_paused = true)]
async fn addresses_of_another_machine_mean_nothing_here() {
    let around = Around {
        proc: "/nowhere".into(),
        own: None,
        local_engine: false,
        labels: Vec::new(),
        environment: None,
        host_id: None,
    };
    let mut bench = Bench::around(true, around);
    bench.describe(web());
    bench.connects(1, peer("172.20.0.2"), local());
    let binding = bench.accept(peer("172.20.0.2"), local());
    assert_eq!(told(&bench, &binding).await, (None, Err(Miss::RemoteEngine)));
    let named = bench.named(&binding, &resource(&[("container.id", &id(1))])).await;
    assert_eq!((number(&named), named.by), (Some(1), Ok(Rule::ContainerId)));
}

#[tokio::test(start_paused = true)]
async fn an_address_in_a_network_that_the_agent_is_not_on_may_be_somebody_elses() {
    for sees_host in [true, false] {
        let mut bench = Bench::new(sees_host, Some(9));
        let mut far = web();
        far.networks.iter_mut().for_each(|attachment| attachment.network_id = Some("another".into()));
        bench.describe(far);
        bench.describe(at(container(9, "spyhop", &[]), &[LOCAL]));
        bench.kernel.world().addresses.insert((ContainerId::new(id(1)), ip("172.20.0.2")));
        advance(Duration::from_secs(100)).await;
        assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await, (None, Err(Miss::UnknownIp)));
        bench.describe(web());
        advance(Duration::from_secs(100)).await;
        assert_eq!(told(&bench, &bench.accept(peer("172.20.0.2"), local())).await, (Some(1), Ok(Rule::Address)));
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_before_the_first_inventory_waits_for_it() {
    let mut bench = Bench::new(true, None);
    bench.connects(1, peer("172.20.0.2"), local());
    let binding = bench.accept(peer("172.20.0.2"), local());
    let (attributor, waiting) = (bench.attributor.clone(), binding.clone());
    let settled = tokio::spawn(async move { attributor.settle(&waiting).await });
    advance(Duration::from_millis(700)).await;
    assert!(!settled.is_finished());
    bench.describe(web());
    settled.await.unwrap();
    assert_eq!(told(&bench, &binding).await, (Some(1), Ok(Rule::Address)));
}
