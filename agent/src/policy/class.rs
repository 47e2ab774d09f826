//! What can be wrong: the closed table that `docs/findings.md`, the metrics and the reports are made from.

use super::Severity;

macro_rules! classes {
    ($($id:ident $word:literal $severity:ident $title:literal $help:literal;)*) => {
        /// What kind of thing is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class {
            $(#[doc = $title] $id,)*
        }

        /// Every class, in the order of the documentation.
        pub const ALL: &[Class] = &[$(Class::$id),*];

        impl Class {
            /// The word in the file, in labels and in reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$id => $word,)* }
            }

            /// How bad it is unless the file says otherwise.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$id => Severity::$severity,)* }
            }

            /// What is wrong, in a sentence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$id => $title,)* }
            }

            /// Why it matters and what to do.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$id => $help,)* }
            }
        }
    };
}

classes! {
    ServiceMissing "service_missing" Critical
        "A service named in the policy has no container."
        "Nobody serves what it served. Start it (`docker compose up -d SERVICE`), or take it out of the policy when it is gone for good.";
    ReplicasMissing "replicas_missing" Warning
        "Fewer replicas of a service run on this host than the policy wants."
        "The rest carries the load, or nobody does. Start them (`docker compose up -d --scale SERVICE=N`), or change `replicas`.";
    ReplicasExcess "replicas_excess" Warning
        "More replicas of a service run on this host than the policy wants."
        "A scale-up that was forgotten, or two versions side by side. Scale it down, or change `replicas`.";
    UnlistedService "unlisted_service" Warning
        "A container of a project in the policy is not in the policy."
        "Nothing is known of what it may do. Add it to `services` of its project, or remove it.";
    NoTier "no_tier" Warning
        "A service has no tier."
        "Without one it has neither limits to hold nor a severity to be woken by. Give it one in the policy, or by the label `spyhop.tier`.";
    LimitMissing "limit_missing" Warning
        "A limit that the tier asks for is not set."
        "One service without a limit can take the whole host down. Set `mem_limit`, `cpus` or `pids_limit` (or `deploy.resources.limits`) in its compose file.";
    LimitWrong "limit_wrong" Warning
        "A limit is not what the tier asks for."
        "Set it to what the tier says, or give the service a tier that fits, or `limits` of its own in the policy.";
    ReservationMissing "reservation_missing" Warning
        "A reservation that the tier asks for is not set."
        "Under pressure the kernel takes memory from everybody alike. Set `mem_reservation` or `deploy.resources.reservations.memory`.";
    ReservationWrong "reservation_wrong" Warning
        "A reservation is not what the tier asks for."
        "Set it to what the tier says, or give the service `limits` of its own in the policy.";
    Overcommit "overcommit" Info
        "The limits of all running containers together are more than the host has."
        "If all use what they may, somebody is killed or starved. Lower limits, move services, or raise `checks.overcommit` where this is meant.";
    HealthCheckMissing "health_check_missing" Warning
        "A service has no health check."
        "A process that runs and answers nobody looks fine. Add `healthcheck:` to its compose file or `HEALTHCHECK` to its image.";
    RestartPolicyMissing "restart_policy_missing" Warning
        "A service is not started again when it ends."
        "After a crash or a reboot it stays down until somebody notices. Set `restart: unless-stopped`, or `job: true` in the policy for work that ends.";
    ImageUnpinned "image_unpinned" Warning
        "An image is named without a version."
        "The next pull may be another program. Name a tag other than `latest`, or a digest; `checks.image_pin: digest` asks for a digest.";
    SecretInEnvironment "secret_in_environment" Warning
        "A variable of the environment is named like a secret."
        "Environments are seen by everybody who may inspect, and inherited by every child. Mount a file under /run/secrets and name it by `..._FILE`. Only names are looked at.";
    SecretStale "secret_stale" Warning
        "A secret file is older than its rotation age."
        "Replace it and restart its readers; `checks.secrets_max_age` is the age.";
    RootUser "root_user" Warning
        "A service runs as root."
        "Whoever breaks in is root in the container, and outside it with one more fault. Set `user:` in its compose file or `USER` in its image.";
    Privileged "privileged" Critical
        "A container is privileged."
        "It can do to the host what root can. Take `privileged: true` away and add single capabilities or devices.";
    WritableRoot "writable_root" Info
        "A service can write to its root filesystem."
        "Whoever breaks in can stay. Set `read_only: true`, with `tmpfs:` or volumes for what must be written.";
    PortUnlisted "port_unlisted" Critical
        "A port is published that the policy does not list."
        "It is open to everybody who reaches the host: Docker's rules come before the host's own firewall. Take it out of `ports:`, bind it to 127.0.0.1, or list it under `publish`.";
    PortMissing "port_missing" Warning
        "A port that the policy lists is not published."
        "Whoever comes from outside finds it closed. Look whether another container or program has the port.";
    WatchedTwice "watched_twice" Info
        "Another agent exports the same series."
        "Sums over `container_*` or `node_*` count double. Stop it, or leave this class out where that is meant (`checks.off`), and the group here with `metrics.collect`.";
    Placement "placement" Warning
        "A service is on a network the policy does not give it, is missing from one it does, or a stranger is on a network of the project."
        "Whoever shares a network reaches every port of everybody on it. Take the network out of the compose file (`docker network disconnect` at once), or list it under `networks` of the service.";
    InternalFlag "internal_flag" Critical
        "A network is not as closed as the policy wants it."
        "What is on it can get out, or be got at. Set `internal: true` and the gateway mode in the compose file and make the network anew; a network cannot be changed while it exists.";
    Namespace "namespace" Warning
        "A service shares a namespace that the policy does not name."
        "On the network of the host, or of another container, no rule between networks holds for it. Take `network_mode`, `pid` or `userns_mode` away, or write `namespace` for the service.";
    Exposure "exposure" Critical
        "More of a service can be got at from outside than the policy says."
        "A port is open on more addresses than listed, or the engine's socket lies in the container: whoever holds that is root on the host. Bind to the listed address, or mount less.";
    UnexpectedReachability "unexpected_reachability" Critical
        "A service reaches another across networks, and no flow of the policy says so."
        "The wall between the networks has a hole: a firewall that was loaded anew, a gateway mode, a container with a foot in both. Find which by the evidence; restart the engine to have its rules written again.";
    ExcessReachability "excess_reachability" Info
        "Services share a network and no flow of the policy is between them."
        "Docker cannot close ports within a network, so this is a count and no violation. Give them networks of their own where it matters.";
    UnexpectedFlow "unexpected_flow" Warning
        "A connection was seen that no flow of the policy names."
        "Somebody talks to whom nobody planned. Add the flow when it is meant; else look into the container that began it.";
    Egress "egress" Warning
        "A service gets out, and the policy does not say that it may."
        "Data can leave. List where it goes under `egress`, or put the service on networks with `internal: true` alone.";
    HostReach "host_reach" Warning
        "A service reaches a port of the host through its gateway."
        "Internal networks keep nobody from the host itself: bind its services to 127.0.0.1, close them with the host's firewall, use the gateway mode `isolated`, or list the port under `host.reach`.";
    MissingFlow "missing_flow" Critical
        "A flow that must work does not."
        "The policy marks it with `!`. See whether the target runs and listens, and whether both are on one network.";
    ExceptionExpired "exception_expired" Warning
        "An exception of the policy has expired."
        "What it excepted counts again. Put it right, or give the exception another date and a reason.";
}

impl Class {
    /// Whether it is about who reaches whom, which is looked at by `isolation` and not by the judgement on single services.
    pub const fn is_isolation(self) -> bool {
        matches!(
            self,
            Self::Placement
                | Self::InternalFlag
                | Self::Namespace
                | Self::Exposure
                | Self::UnexpectedReachability
                | Self::ExcessReachability
                | Self::UnexpectedFlow
                | Self::Egress
                | Self::HostReach
                | Self::MissingFlow
        )
    }

    /// The class of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        ALL.iter().copied().find(|class| class.as_str() == word)
    }
}

/// The table as it stands in `docs/findings.md`.
pub fn markdown() -> String {
    let mut table = String::from("| finding | severity | what is wrong | what to do |\n|---|---|---|---|\n");
    for class in ALL {
        let (word, severity) = (class.as_str(), class.severity());
        table.push_str(&format!("| `{word}` | {severity} | {} | {} |\n", class.title(), class.help()));
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The pages about the policy say what the program does: the table of classes, and a file which a test reads.
    #[test]
    fn the_documentation_is_in_step() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let example = std::fs::read_to_string(root.join("tests/fixtures/policy/everything.yml")).unwrap();
        let pages = [
            ("../docs/findings.md", "<!-- classes -->\n", "<!-- end of classes -->", format!("\n{}\n", markdown())),
            ("../docs/policy.md", "```yaml\n", "```\n\n<!-- end of example -->", example),
        ];
        for (page, begin, end, wanted) in pages {
            let page = root.join(page);
            let found = std::fs::read_to_string(&page).unwrap();
            let (head, rest) = found.split_once(begin).unwrap();
            let (_, tail) = rest.split_once(end).unwrap();
            let now = format!("{head}{begin}{wanted}{end}{tail}");
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&page, &now).unwrap();
            } else {
                assert!(found == now, "{} is out of step: run again with UPDATE_GOLDEN=1", page.display());
            }
        }
    }

    #[test]
    fn the_table_is_sound() {
        let words: BTreeSet<_> = ALL.iter().map(|class| class.as_str()).collect();
        assert_eq!(words.len(), ALL.len());
        for class in ALL {
            assert_eq!(Class::from_word(class.as_str()), Some(*class));
            assert!(class.title().ends_with('.') && class.help().ends_with('.'), "{class:?}");
            assert!(!class.title().contains('|') && !class.help().contains('|'), "{class:?}");
        }
    }
}
