//! Kernel files that are none: pipes, folders, devices without end, loops, files cut off anywhere and files that grow.
//!
//! Promised: whatever stands below the configured roots, a reading ends, costs the figure of the broken file only, and holds a bounded
//! amount of memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use spyhop::{
    host::Gone,
    model::{ContainerId, ContainerSample, HostSample},
    telemetry::Metrics,
};
use support::tree::{HYBRID, Tree, V2, hybrid_id, target, v2_id};

/// Far longer than any reading takes, far shorter than for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every file of a tree.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// Reads all there is to read, twice, under a deadline: a reading that hangs fails the test instead of hanging it.
fn read_all(tree: &Tree, id: &str) -> (Result<ContainerSample, Gone>, HostSample, u64) {
    let metrics = Metrics::default();
    let (send, receive) = mpsc::sync_channel(1);
    let roots = spyhop::host::Roots { proc: tree.path("proc"), sys: tree.path("sys"), rootfs: Some(tree.path("")) };
    let (id, counted) = (id.to_owned(), metrics.clone());
    std::thread::spawn(move || {
        let mut host = spyhop::host::Host::open(roots, counted);
        let (mut container, mut root, mut node) = Default::default();
        host.track(&[target(&id)]);
        let mut read = Ok(());
        for _ in 0..2 {
            read = host.container(&ContainerId::new(id.as_str()), &mut container);
            host.root(&mut root);
            host.host(&mut node);
        }
        send.send((read.map(|()| container), node)).unwrap();
    });
    let (container, node) = receive.recv_timeout(PATIENCE).unwrap();
    (container, node, metrics.scrape_errors.get())
}

/// Puts something else in the place of one file after the other, and reads everything each time.
fn replace_each(fixture: &str, id: &str, put: impl Fn(&Path)) {
    let names: Vec<PathBuf> = {
        let tree = Tree::copy(fixture);
        files(&tree.path("")).iter().map(|path| path.strip_prefix(tree.path("")).unwrap().to_owned()).collect()
    };
    for name in names {
        let tree = Tree::copy(fixture);
        let path = tree.path(name.to_str().unwrap());
        fs::remove_file(&path).unwrap();
        put(&path);
        let (container, _, _) = read_all(&tree, id);
        let vital = name.ends_with("4242/cgroup");
        assert!(vital || container.is_ok(), "{} costs more than itself", name.display());
    }
}

#[test]
fn a_pipe_instead_of_any_file_holds_nobody_up() {
    for (fixture, id) in [(V2, v2_id()), (HYBRID, hybrid_id())] {
        replace_each(fixture, &id, |path| {
            rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        });
    }
}

#[test]
fn a_folder_a_loop_or_nothing_instead_of_any_file_costs_that_file() {
    for (fixture, id) in [(V2, v2_id()), (HYBRID, hybrid_id())] {
        replace_each(fixture, &id, |path| fs::create_dir(path).unwrap());
        replace_each(fixture, &id, |path| std::os::unix::fs::symlink(path, path).unwrap());
        replace_each(fixture, &id, |_| {});
    }
}

#[test]
fn a_file_without_end_costs_itself_and_little_memory() {
    let before = support::process::Usage::of(std::process::id()).unwrap().rss;
    replace_each(V2, &v2_id(), |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap());
    // `mountinfo` may be 4 MiB long; nothing else comes near.
    let grown = support::process::Usage::of(std::process::id()).unwrap().rss.saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
}

#[test]
fn a_file_cut_off_anywhere_is_read_as_far_as_it_goes() {
    for (fixture, id) in [(V2, v2_id()), (HYBRID, hybrid_id())] {
        let whole = Tree::copy(fixture).read(&id).unwrap();
        let tree = Tree::copy(fixture);
        for path in files(&tree.path("sys")) {
            let bytes = fs::read(&path).unwrap();
            // Every place in the small ones, some forty in the long ones.
            for end in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
                fs::write(&path, bytes.get(..end).unwrap()).unwrap();
                let read = tree.read(&id).unwrap_or_else(|_| panic!("{} cut at {end}", path.display()));
                // What is absent is absent; no counter is larger than it was, for a number cut off is smaller.
                for (cut, full) in [
                    (read.cpu.usage_ns, whole.cpu.usage_ns),
                    (read.memory.usage, whole.memory.usage),
                    (read.memory.pgfault, whole.memory.pgfault),
                    (read.pids.current, whole.pids.current),
                ] {
                    assert!(cut <= full, "{} cut at {end}: {cut:?} of {full:?}", path.display());
                }
            }
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_once() {
    let tree = Tree::copy(V2);
    let stop = Arc::new(AtomicBool::new(false));
    let growing = tree.path("proc/4242/net/dev");
    let writer = {
        let (stop, path) = (Arc::clone(&stop), growing);
        std::thread::spawn(move || {
            let mut file = fs::File::options().append(true).open(path).unwrap();
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) && number < 60_000 {
                number += 1;
                writeln!(file, "veth{number}: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0").unwrap();
            }
        })
    };
    let metrics = Metrics::default();
    let mut host = tree.host(&metrics);
    host.track(&[target(&v2_id())]);
    let mut sample = ContainerSample::default();
    for _ in 0..200 {
        host.container(&ContainerId::new(v2_id()), &mut sample).unwrap();
        assert!(sample.network.as_ref().is_none_or(|all| all.len() <= 256));
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[test]
fn a_loop_of_links_in_the_roots_is_nothing_there() {
    let tree = Tree::empty();
    for name in ["proc", "sys"] {
        std::os::unix::fs::symlink(tree.path(name), tree.path(name)).unwrap();
    }
    let (container, node, _) = read_all(&tree, &v2_id());
    assert_eq!((container, node), (Err(Gone), HostSample::default()));
}

#[test]
fn names_that_are_not_text_do_not_hide_the_figures() {
    let tree = Tree::copy(V2);
    let table = b"  head\n face |bytes\n\xff\xfe\"\\: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n eth0: 9 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n";
    fs::write(tree.path("proc/4242/net/dev"), table).unwrap();
    let network = tree.read(&v2_id()).unwrap().network.unwrap();
    assert_eq!(network.iter().map(|row| row.rx_bytes).collect::<Vec<_>>(), [1, 9]);
}
