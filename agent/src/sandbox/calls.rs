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
    libc::SYS_clone,
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

/// Names a mapping in /proc/self/maps, which glibc does with heaps.
const PR_SET_VMA: u64 = 0x5356_4d41;

/// Installs the filter; `false` where the kernel has none, or will not.
pub(super) fn limit(role: Role, keeps: &Keeps) -> bool {
    let installed = program(role, keeps).map(|program| seccompiler::apply_filter(&program));
    match installed {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no filter of system calls");
            false
        }
        Err(error) => {
            tracing::debug!(%error, "the filter of system calls cannot be made");
            false
        }
    }
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
