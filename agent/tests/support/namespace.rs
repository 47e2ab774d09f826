//! Sockets of this process in the network namespaces of containers, and the inventory's picture of some containers. Wants root.

use std::{fs::File, os::fd::AsFd as _, path::Path, sync::Arc};

use jiff::Timestamp;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use spyhop::{
    engine::{Address, Engine},
    inventory::{Entry, Snapshot},
    model::ContainerId,
    telemetry::Metrics,
};

/// Runs `work` on a thread of its own inside the network namespace of a process. Sockets made there stay there.
#[track_caller]
pub fn inside<T: Send>(pid: u32, work: impl FnOnce() -> T + Send) -> T {
    let file = File::open(format!("/proc/{pid}/ns/net")).expect("the namespace of a container");
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root enters namespaces");
            work()
        });
        thread.join().expect("the work inside is done")
    })
}

/// What the inventory would show of these containers and of all networks, asked for now.
#[track_caller]
pub fn picture(socket: &Path, ids: &[&str]) -> Snapshot {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let engine = Engine::new(Address::Unix(socket.into()), Metrics::default()).expect("a handle");
        engine.version().await.expect("the engine's version");
        let mut containers = Vec::new();
        for id in ids {
            let container = engine.container(&ContainerId::new(*id)).await.expect("an answer");
            containers.extend(container.map(|container| Arc::new(Entry::bare(container, Timestamp::now()))));
        }
        let networks = engine.networks().await.expect("networks").into_iter().map(Arc::new).collect();
        Snapshot { containers, networks, ..Snapshot::default() }
    })
}
