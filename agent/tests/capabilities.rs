//! What it takes to enter the network namespace of somebody else, by kernel and not by hearsay: the table in docs/decisions/0023-helper.md.
//!
//! Promised: with neither or one of the two capabilities there is no way in, with both there is; and the agent's own user, who has none,
//! gets in nowhere.

#![expect(clippy::expect_used, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::{fs::File, os::fd::OwnedFd, thread};

use rustix::{
    fs::{Gid, Uid},
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, LinkNameSpaceType, move_into_link_name_space, set_capabilities,
        set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};
use support::netns_helper::{Sleeper, is_root_or_skip};

/// Like the agent's.
const NOBODY: u32 = 65_534;

/// What came of opening the namespace of a process and entering it; and of entering one that root had opened, as a file that is mounted
/// somewhere would be.
#[derive(Debug, PartialEq)]
struct Row {
    open: Result<(), Errno>,
    enter: Option<Result<(), Errno>>,
    enter_opened: Result<(), Errno>,
}

/// Tries both as another user with these capabilities, on a thread that ends with it: credentials and namespaces belong to threads.
fn with(capabilities: CapabilitySet, pid: u32) -> Row {
    let opened = OwnedFd::from(File::open(format!("/proc/{pid}/ns/net")).expect("root may"));
    let tried = thread::spawn(move || {
        set_keep_capabilities(true).expect("any thread may");
        set_thread_groups(&[]).expect("root may");
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        set_thread_res_gid(gid, gid, gid).expect("root may");
        set_thread_res_uid(uid, uid, uid).expect("root may");
        let sets =
            CapabilitySets { effective: capabilities, permitted: capabilities, inheritable: CapabilitySet::empty() };
        set_capabilities(None, sets).expect("fewer than before");
        let enter = |namespace: &OwnedFd| {
            use std::os::fd::AsFd;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        };
        let found = File::open(format!("/proc/{pid}/ns/net")).map(OwnedFd::from);
        Row {
            open: found.as_ref().map(drop).map_err(|error| Errno::from_io_error(error).expect("of the system")),
            enter: found.ok().map(|namespace| enter(&namespace)),
            enter_opened: enter(&opened),
        }
    });
    tried.join().expect("nothing panics")
}

#[test]
fn two_capabilities_open_the_door_and_one_does_not() {
    if !is_root_or_skip() {
        return;
    }
    let (admin, ptrace) = (CapabilitySet::SYS_ADMIN, CapabilitySet::SYS_PTRACE);
    let no_look = |enter_opened| Row { open: Err(Errno::ACCESS), enter: None, enter_opened };
    let looks = |enter, enter_opened| Row { open: Ok(()), enter: Some(enter), enter_opened };
    let plain = Sleeper::start(&[]);
    let nested = Sleeper::start(&["--user", "--map-root-user"]);
    for (who, sleeper) in [("a container", &plain), ("a container in a user namespace of its own", &nested)] {
        let found = |capabilities| with(capabilities, sleeper.pid());
        let nothing = CapabilitySet::empty();
        assert_eq!(found(nothing), no_look(Err(Errno::PERM)), "{who}, none");
        assert_eq!(found(CapabilitySet::DAC_READ_SEARCH), no_look(Err(Errno::PERM)), "{who}, reading any file");
        assert_eq!(found(CapabilitySet::NET_ADMIN), no_look(Err(Errno::PERM)), "{who}, networks");
        assert_eq!(found(ptrace), looks(Err(Errno::PERM), Err(Errno::PERM)), "{who}, looking");
        let both_but_admin = ptrace | CapabilitySet::NET_ADMIN;
        assert_eq!(found(both_but_admin), looks(Err(Errno::PERM), Err(Errno::PERM)), "{who}, looking and networks");
        assert_eq!(found(admin), no_look(Ok(())), "{who}, entering");
        assert_eq!(found(admin | ptrace), looks(Ok(()), Ok(())), "{who}, both");
    }
}
