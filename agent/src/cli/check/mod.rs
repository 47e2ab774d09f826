//! `spyhop check`: the verdict on this host, once.

mod isolation;
mod junit;
mod sarif;
mod text;

use jiff::Timestamp;

use super::{
    Exit, answer,
    arguments::{CheckArguments, ReportFormat},
    fail,
    look::look,
};
use crate::{
    app, http,
    policy::{Class, Finding, RootFiles, Scene, Severity, Verdict, judge},
};

pub(super) fn run(arguments: CheckArguments) -> Exit {
    let CheckArguments { format, require, isolation, active, config } = arguments;
    let (config, sources) = match config.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let snapshot = match look(&config, &sources) {
        Ok(snapshot) => snapshot,
        Err(error) => return fail(&format!("{error:#}")),
    };
    let files = RootFiles::at(config.host.rootfs.resolve());
    let verdict = judge(
        &config.policy,
        &Scene { snapshot: &snapshot, now: Timestamp::now(), files: &files, filter: &config.containers },
    );
    let verdict = match isolation {
        false => verdict,
        true => {
            let elsewhere = app::engine_endpoint(&config, &sources).is_ok_and(|endpoint| endpoint.is_elsewhere());
            match isolation::join(&config, &snapshot, &verdict, isolation::Wanted { active, elsewhere }) {
                Ok(joined) => joined,
                Err(error) => return fail(&format!("{error:#}")),
            }
        }
    };
    let host = snapshot.host.as_deref();
    let report = match format {
        ReportFormat::Text => text::report(&isolation::gathered(&verdict), host),
        ReportFormat::Json => http::findings_json(&verdict, host),
        ReportFormat::Junit => junit::report(&config.policy, &verdict, host, isolation),
        ReportFormat::Sarif => sarif::report(&verdict, host),
    };
    match answer(&report) {
        Exit::Ok => exit(&verdict, require),
        failed => failed,
    }
}

/// Violations count more than what was not seen. What nobody can close is no violation, however bad somebody calls it.
fn exit(verdict: &Verdict, require: bool) -> Exit {
    let counts = |finding: &Finding| finding.severity > Severity::Info && finding.class != Class::ExcessReachability;
    match verdict.findings.iter().any(counts) {
        true => Exit::No,
        false if require && !verdict.not_checked.is_empty() => Exit::Incomplete,
        false => Exit::Ok,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        model::ServiceKey,
        policy::{Exception, NotChecked},
    };

    /// One finding of each severity, one excepted, one look not taken.
    pub(in crate::cli::check) fn verdict() -> Verdict {
        let key = ServiceKey { project: "shop".into(), service: "d<b>".into() };
        let finding = |class: Class, service: Option<&ServiceKey>, subject: &str, message: &str| Finding {
            class,
            severity: class.severity(),
            service: service.cloned(),
            subject: subject.into(),
            message: message.to_owned(),
            since: None,
        };
        let exception = Exception {
            class: Class::RootUser,
            project: None,
            service: None,
            subject: None,
            reason: "its image needs it".into(),
            until: "2027-03-31".parse().unwrap(),
        };
        Verdict {
            findings: vec![
                finding(
                    Class::PortUnlisted,
                    Some(&key),
                    "5432/tcp",
                    "port 5432/tcp is published on 0.0.0.0 & not listed",
                ),
                finding(Class::LimitMissing, Some(&key), "memory", "no memory is set\u{1b}[2J"),
                finding(Class::Overcommit, None, "memory", "limits of memory come to 9GiB"),
            ],
            excepted: vec![(finding(Class::RootUser, Some(&key), "", "it runs as root"), Arc::new(exception))],
            checked: 12,
            not_checked: vec![NotChecked {
                class: Some(Class::SecretStale),
                service: Some(key),
                reason: "secret a: not seen".into(),
            }],
            ..Verdict::default()
        }
    }

    #[test]
    fn exit_codes_are_in_order() {
        let all = verdict();
        assert_eq!((exit(&all, false), exit(&all, true)), (Exit::No, Exit::No));
        let mut mild = verdict();
        mild.findings.retain(|finding| finding.severity == Severity::Info);
        assert_eq!((exit(&mild, false), exit(&mild, true)), (Exit::Ok, Exit::Incomplete));
        let crowded = Finding {
            class: Class::ExcessReachability,
            severity: Severity::Critical,
            service: None,
            subject: "db".into(),
            message: String::new(),
            since: None,
        };
        mild.findings.push(crowded);
        assert_eq!((exit(&mild, false), exit(&mild, true)), (Exit::Ok, Exit::Incomplete), "nobody can close it");
        mild.not_checked.clear();
        assert_eq!((exit(&mild, false), exit(&mild, true)), (Exit::Ok, Exit::Ok));
    }
}
