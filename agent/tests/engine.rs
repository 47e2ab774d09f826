//! The engine edge against a scripted engine on a real socket.

mod support;

use support::fake_engine::{FakeContainer, FakeEngine, Fault, Route, World};

#[test]
fn the_fake_starts_and_stops() {
    let fake = FakeEngine::start(
        World::new().with(FakeContainer::new("web").compose("shop", "web", 1).health("healthy").running(42)),
    );
    fake.fault(Route::Ping, Fault::Reset);
    fake.die("web", 3);
    assert!(fake.socket().exists());
    assert_eq!(fake.count(Route::Ping), 0);
}
