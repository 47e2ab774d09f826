//! Filters of system calls (seccomp(2)).
//!
//! The broker's is a list of what is allowed: it reads and writes sockets and little else, and the whole of it is exercised by the tests of
//! a static program. The agent's and the helper's are lists of what is refused: they read files, resolve names, keep threads, and a
//! library may want another call tomorrow.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::{Keeps, Role};

/// Calls with the conditions under which they match; none is always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Numbers of the x32 interface stand above this bit, under the same architecture: a list of refusals which forgot them would be none.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// Nobody of us needs these: the way into other processes, other namespaces, the kernel.
const NEVER: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_unshare,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_clock_settime,
    libc::SYS_settimeofday,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_personality,
    // Its requests pass by every filter of calls: a socket can be made by it.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// What the broker lives on beside the calls with conditions.
const BROKER: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    // Answered by a filter of its own.
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_prlimit64,
    libc::SYS_getrlimit,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

#[cfg(target_arch = "x86_64")]
const BROKER_OLD: &[i64] = &[libc::SYS_poll, libc::SYS_epoll_wait, libc::SYS_arch_prctl, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const BROKER_OLD: &[i64] = &[];

/// With any of these a new process gets namespaces of its own (clone(2)): in one of users it would have every capability.
const NEW_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// Which argument of clone(2) has the flags.
const CLONE_FLAGS: u8 = 0;

/// Names a mapping in /proc/self/maps, which glibc does with heaps.
const PR_SET_VMA: u64 = 0x5356_4d41;

/// Installs the filter; `false` where the kernel has none, or will not.
pub(super) fn limit(role: Role, keeps: &Keeps) -> bool {
    // The last of them may refuse that another is installed.
    let programs = [without_clone3(), program(role, keeps)];
    programs.into_iter().all(|program| match program.map(|program| seccompiler::apply_filter(&program)) {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no filter of system calls");
            false
        }
        Err(error) => {
            tracing::debug!(%error, "the filter of system calls cannot be made");
            false
        }
    })
}

/// clone3(2) has its flags in memory, where no filter looks. Told that the kernel has no such call, the C library makes its threads with
/// clone(2), whose flags are looked at.
fn without_clone3() -> Result<BpfProgram, BackendError> {
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    SeccompFilter::new(rules, SeccompAction::Allow, missing, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// Matches a clone(2) with one of the flags of [`NEW_NAMESPACES`], each by a rule of its own.
fn new_namespaces() -> Result<Vec<SeccompRule>, BackendError> {
    let flags = (0..i32::BITS).map(|bit| NEW_NAMESPACES.unsigned_abs() & (1 << bit)).filter(|flag| *flag != 0);
    flags.map(u64::from).map(|flag| rule(&[(CLONE_FLAGS, SeccompCmpOp::MaskedEq(flag), flag)])).collect()
}

fn program(role: Role, keeps: &Keeps) -> Result<BpfProgram, BackendError> {
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let (rules, otherwise, matched) = match role {
        Role::Broker => (allowed(keeps)?, refused, SeccompAction::Allow),
        Role::Agent | Role::Helper => (denied(role, keeps)?, SeccompAction::Allow, refused),
    };
    SeccompFilter::new(rules, otherwise, matched, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn allowed(keeps: &Keeps) -> Result<Rules, BackendError> {
    let mut rules: Rules = BROKER.iter().chain(BROKER_OLD).map(|call| (*call, Vec::new())).collect();
    // Reading only; where Landlock is, also that only below a few paths.
    let writes = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;
    rules.insert(libc::SYS_openat, vec![rule(&[(2, SeccompCmpOp::MaskedEq(u64::from(writes.unsigned_abs())), 0)])?]);
    let none = SeccompCmpOp::MaskedEq(NEW_NAMESPACES.unsigned_abs().into());
    rules.insert(libc::SYS_clone, vec![rule(&[(CLONE_FLAGS, none, 0)])?]);
    let families = families(keeps).map(|family| rule(&[(0, SeccompCmpOp::Eq, family)]));
    rules.insert(libc::SYS_socket, families.collect::<Result<_, _>>()?);
    let requests = [libc::FIONBIO, libc::FIOCLEX, libc::TCGETS].map(|request| rule(&[(1, SeccompCmpOp::Eq, request)]));
    rules.insert(libc::SYS_ioctl, requests.into_iter().collect::<Result<_, _>>()?);
    let names = [libc::PR_SET_NAME.unsigned_abs().into(), PR_SET_VMA];
    let names = names.map(|option| rule(&[(0, SeccompCmpOp::Eq, option)]));
    rules.insert(libc::SYS_prctl, names.into_iter().collect::<Result<_, _>>()?);
    Ok(rules)
}

fn denied(role: Role, keeps: &Keeps) -> Result<Rules, BackendError> {
    let mut rules: Rules = NEVER.iter().map(|call| (*call, Vec::new())).collect();
    if role != Role::Helper {
        rules.insert(libc::SYS_setns, Vec::new());
    }
    rules.insert(libc::SYS_clone, new_namespaces()?);
    // Every family but those that are kept; with all of these together the rule matches the others.
    let others: Vec<_> = families(keeps).map(|family| (0, SeccompCmpOp::Ne, family)).collect();
    rules.insert(libc::SYS_socket, vec![rule(&others)?]);
    // What was given up is not taken back.
    let dumpable = u64::from(libc::PR_SET_DUMPABLE.unsigned_abs());
    rules.insert(libc::SYS_prctl, vec![rule(&[(0, SeccompCmpOp::Eq, dumpable)])?]);
    #[cfg(target_arch = "x86_64")]
    {
        let doubles: Vec<_> = rules.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
        rules.extend(doubles);
        // Those which have a number of their own there: execve, ptrace, kexec_load, process_vm_readv and _writev, execveat.
        rules.extend([520, 521, 528, 539, 540, 545].map(|call| (call | X32, Vec::new())));
    }
    Ok(rules)
}

/// Families of sockets that may be made. Netlink is how addresses of this machine are asked for, and sockets counted.
fn families(keeps: &Keeps) -> impl Iterator<Item = u64> {
    let network = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let local = keeps.local_sockets.then_some(libc::AF_UNIX);
    let network = network.into_iter().filter(|_| keeps.network);
    local.into_iter().chain(network).map(|family| u64::from(family.unsigned_abs()))
}

/// Matches where all comparisons of arguments hold; each is of 32 bits, which is what the kernel looks at of these.
fn rule(comparisons: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let conditions = comparisons.iter().map(|(argument, operator, value)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value)
    });
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use seccompiler::sock_filter;

    use super::*;

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    #[cfg(target_arch = "x86_64")]
    const ARCH: u32 = 0xc000_003e;
    #[cfg(target_arch = "aarch64")]
    const ARCH: u32 = 0xc000_00b7;

    /// What the kernel would come to: the instructions that these programs are made of (linux/filter.h), on a `struct seccomp_data`.
    fn run(program: &[sock_filter], call: i64, arguments: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend(u32::try_from(call).unwrap().to_ne_bytes());
        data.extend(ARCH.to_ne_bytes());
        data.extend(0_u64.to_ne_bytes());
        arguments.iter().for_each(|argument| data.extend(argument.to_ne_bytes()));
        let (mut at, mut word) = (0, 0_u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let taken = match code {
                0x06 => return k,
                0x20 => {
                    let from = k as usize;
                    word = u32::from_ne_bytes(data[from..from + 4].try_into().unwrap());
                    continue;
                }
                0x54 => {
                    word &= k;
                    continue;
                }
                0x05 => {
                    at += k as usize;
                    continue;
                }
                0x15 => word == k,
                0x25 => word > k,
                0x35 => word >= k,
                other => panic!("instruction {other:#x}"),
            };
            at += usize::from(if taken { jt } else { jf });
        }
    }

    fn verdict(role: Role, keeps: &Keeps, call: i64, arguments: [u64; 6]) -> u32 {
        let refusals = [without_clone3().unwrap(), program(role, keeps).unwrap()];
        // The kernel takes the strictest of all; an error is stricter than leave.
        let verdicts = refusals.map(|program| run(&program, call, arguments));
        verdicts.into_iter().find(|verdict| *verdict != ALLOW).unwrap_or(ALLOW)
    }

    #[test]
    fn threads_are_made_and_namespaces_are_not() {
        let thread = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
        for role in [Role::Agent, Role::Broker, Role::Helper] {
            let of = |call, first: i32| verdict(role, &Keeps::of(role), call, [first as u64, 0, 0, 0, 0, 0]);
            assert_eq!(of(libc::SYS_clone, thread), ALLOW, "{role:?}");
            assert_eq!(of(libc::SYS_clone3, 0), ENOSYS, "{role:?}");
            assert_eq!(of(libc::SYS_unshare, libc::CLONE_NEWNET), EPERM, "{role:?}");
            for flag in (0..31).map(|bit| NEW_NAMESPACES & (1 << bit)).filter(|flag| *flag != 0) {
                assert_eq!(of(libc::SYS_clone, thread | flag), EPERM, "{role:?} {flag:#x}");
            }
            let entered = if role == Role::Helper { ALLOW } else { EPERM };
            assert_eq!(of(libc::SYS_setns, 3), entered, "{role:?}");
        }
    }

    #[test]
    fn sockets_are_made_of_the_families_that_are_kept() {
        for role in [Role::Agent, Role::Broker, Role::Helper] {
            let keeps = Keeps::of(role);
            let of = |family: i32| verdict(role, &keeps, libc::SYS_socket, [family as u64, 1, 0, 0, 0, 0]);
            let allowed = |is: bool| if is { ALLOW } else { EPERM };
            assert_eq!(of(libc::AF_UNIX), allowed(keeps.local_sockets), "{role:?}");
            assert_eq!(of(libc::AF_INET), allowed(keeps.network), "{role:?}");
            assert_eq!(of(libc::AF_PACKET), EPERM, "{role:?}");
        }
    }
}
