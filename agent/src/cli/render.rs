//! `spyhop render alerts|dashboards|prometheus|grafana|k8s`: files for Prometheus, Grafana and Kubernetes from the policy. Nothing is asked of the engine.

use std::{fs, io, path::Path};

use super::{
    Exit, answer,
    arguments::{
        CompatNames, RenderAlertsArguments, RenderCommand, RenderCommandArguments, RenderDashboardsArguments,
        RenderGrafanaArguments, RenderK8sArguments, RenderPrometheusArguments,
    },
    complain, fail,
};
use crate::render::{self, Compat, Options, Rendered, Scrape, grafana::Sources};

pub(super) fn run(arguments: RenderCommandArguments) -> Exit {
    match arguments.command {
        RenderCommand::Alerts(arguments) => alerts(arguments),
        RenderCommand::Dashboards(arguments) => dashboards(arguments),
        RenderCommand::Prometheus(arguments) => prometheus(arguments),
        RenderCommand::Grafana(arguments) => grafana(arguments),
        RenderCommand::K8s(arguments) => k8s(arguments),
    }
}

fn dashboards(arguments: RenderDashboardsArguments) -> Exit {
    let RenderDashboardsArguments { out, config } = arguments;
    let (config, _) = match config.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    deliver(&render::dashboards::dashboards(&config.policy), out.as_deref())
}

fn k8s(arguments: RenderK8sArguments) -> Exit {
    let RenderK8sArguments { out, pod_label, config } = arguments;
    // A prefix like a host name, and a name: what a key of labels is made of.
    let fits = !pod_label.is_empty() && pod_label.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    if !fits {
        return fail("--pod-label: write the key of a label, such as app.kubernetes.io/name");
    }
    let (config, _) = match config.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let files = render::k8s(&config.policy, &pod_label);
    if files.is_empty() {
        return fail("no project of the policy says anything of networks, flows or egress");
    }
    deliver(&files, out.as_deref())
}

fn grafana(arguments: RenderGrafanaArguments) -> Exit {
    let RenderGrafanaArguments { out, prometheus, loki, tempo, path } = arguments;
    let said = |url: String| (url != "off").then_some(url);
    let sources = Sources { prometheus, loki: said(loki), tempo: said(tempo), dashboards: path };
    deliver(&render::grafana::grafana(&sources), out.as_deref())
}

fn prometheus(arguments: RenderPrometheusArguments) -> Exit {
    let RenderPrometheusArguments { out, job, target, alertmanager, rules, compat_jobs, config } = arguments;
    if let Some(wrong) = job_fault(&job) {
        return fail(wrong);
    }
    let (config, _) = match config.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let options = Options { job, ..Options::default() };
    let tls = config.http.access.tls.is_some();
    let scrape = Scrape { targets: target, alertmanagers: alertmanager, rules, tls, compat_jobs };
    let file = render::prometheus(&config.policy, &options, &scrape);
    deliver(&[file], out.as_deref())
}

/// What no job can be called: its name goes into quotes of rules.
fn job_fault(job: &str) -> Option<&'static str> {
    let fits = !job.is_empty() && !job.contains(['"', '\\']) && !job.chars().any(char::is_control);
    (!fits).then_some("--job: write the name of a scrape job, without quotes")
}

fn alerts(arguments: RenderAlertsArguments) -> Exit {
    let RenderAlertsArguments { out, job, time_scale, compat, runbook_base, dashboard_base, config } = arguments;
    if let Some(wrong) = job_fault(&job) {
        return fail(wrong);
    }
    let (config, _) = match config.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let compat = compat.into_iter().map(|names| match names {
        CompatNames::Sloth => Compat::Sloth,
        CompatNames::PyrraGeneric => Compat::PyrraGeneric,
    });
    let options = Options {
        job,
        scale: time_scale,
        runbooks: runbook_base,
        dashboards: dashboard_base,
        compat: compat.collect(),
    };
    deliver(&render::alerts(&config.policy, &options), out.as_deref())
}

/// Into a folder, or one after another to standard output.
fn deliver(files: &[Rendered], out: Option<&Path>) -> Exit {
    let Some(folder) = out else {
        let texts = files.iter().map(|file| format!("# {}\n{}", file.name, file.text));
        return answer(&texts.collect::<Vec<_>>().join("---\n"));
    };
    match write(files, folder) {
        Ok(()) => {
            complain(&format!("wrote {} files to {}", files.len(), folder.display()));
            Exit::Ok
        }
        Err((path, error)) => fail(&format!("write {path}: {error}")),
    }
}

fn write(files: &[Rendered], folder: &Path) -> Result<(), (String, io::Error)> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| (path, error)
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for file in files {
        let path = folder.join(&file.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::write(&path, &file.text).map_err(failed(&path))?;
    }
    Ok(())
}
