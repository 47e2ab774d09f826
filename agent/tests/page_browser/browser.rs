//! The browser as a child process: `drive.js` under Node.js, told what to do line by line.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::support::{
    docker,
    wait::{factor, patience},
};

/// The promise of the page: what changes is seen this soon, without anybody doing anything.
pub(crate) const SEEN: Duration = Duration::from_secs(2);

/// A browser with one page at a time; ends when dropped.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    tell: Option<ChildStdin>,
    answers: Receiver<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it; `None`, after telling why, where there is none.
    pub(crate) fn or_skip() -> Option<Self> {
        let modules = cache().join("browser");
        let chromium =
            ["/usr/bin/chromium", "/usr/bin/chromium-browser"].into_iter().find(|path| Path::new(path).exists());
        let Some(chromium) = chromium else {
            return docker::skip("a browser", "there is no Chromium: compose/lab/browser.sh installs it");
        };
        if !modules.join("made-with").exists() {
            let reason = format!("{} is not complete: compose/lab/browser.sh makes it", modules.display());
            return docker::skip("a browser", &reason);
        }
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("node");
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page_browser/drive.js"))
            .args([Path::new(chromium), profile.path()])
            .env("NODE_PATH", modules.join("node_modules"))
            // What it writes for itself stays in its profile.
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start node: {error}"));
        let (output, answers) = (child.stdout.take().unwrap(), sync_channel(64));
        std::thread::spawn(move || {
            // Ends with the program, or with whoever waits for answers.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if answers.0.send(line).is_err() {
                    return;
                }
            }
        });
        let tell = child.stdin.take();
        Some(Self { child, tell, answers: answers.1, _profile: profile })
    }

    /// One command and its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: Value) -> Value {
        let tell = self.tell.as_mut().unwrap();
        writeln!(tell, "{command}").unwrap();
        let answer = self.answers.recv_timeout(patience()).unwrap_or_else(|error| panic!("{command}: {error}"));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer.get("error"), None, "{}", answer["error"].as_str().unwrap_or_default());
        answer
    }

    /// Opens a page anew, in a window of its own; milliseconds until something was painted.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str, more: Value) -> f64 {
        let mut command = json!({"do": "open", "url": url});
        command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let opened = self.ask(command);
        assert_eq!(opened["status"], 200);
        opened["paint"].as_f64().unwrap()
    }

    /// Another width, another scheme.
    #[track_caller]
    pub(crate) fn look(&mut self, width: u32, scheme: &str) {
        self.ask(json!({"do": "look", "width": width, "scheme": scheme}));
    }

    /// Begins to wait for what a selector finds.
    #[track_caller]
    pub(crate) fn expect(&mut self, name: &str, selector: &str) {
        self.ask(json!({"do": "expect", "name": name, "selector": selector}));
    }

    /// Begins to wait until a selector finds nothing any more.
    #[track_caller]
    pub(crate) fn expect_gone(&mut self, name: &str, selector: &str) {
        self.ask(json!({"do": "expect", "name": name, "selector": selector, "gone": true}));
    }

    /// Waits for it, and holds the time since `happened` against the promise.
    #[track_caller]
    pub(crate) fn seen_soon(&mut self, name: &str, happened: SystemTime) {
        let took = self.seen(name).duration_since(happened).unwrap_or_default();
        println!("{name}: seen after {} ms", took.as_millis());
        assert!(took <= SEEN.mul_f64(factor()), "{name}: seen after {took:?}");
    }

    /// Waits for it; when the page showed it.
    #[track_caller]
    pub(crate) fn seen(&mut self, name: &str) -> SystemTime {
        let at = self.ask(json!({"do": "seen", "name": name}))["at"].as_u64().unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_millis(at)
    }

    /// Waits until the page is up to date and is told what changes.
    #[track_caller]
    pub(crate) fn live(&mut self) {
        self.expect("live", "#connection[data-state=live]");
        self.seen("live");
    }

    /// The value of an expression.
    #[track_caller]
    pub(crate) fn eval(&mut self, script: &str) -> Value {
        self.ask(json!({"do": "eval", "script": script}))["value"].take()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn until(&mut self, script: &str) {
        self.ask(json!({"do": "until", "script": script}));
    }

    /// Presses keys, by their names.
    #[track_caller]
    pub(crate) fn keys(&mut self, keys: &[&str]) {
        self.ask(json!({"do": "keys", "keys": keys}));
    }

    /// What the browser has to complain of: errors, refusals by the content policy, requests to anybody else.
    #[track_caller]
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        serde_json::from_value(self.ask(json!({"do": "complaints"}))["complaints"].take()).unwrap()
    }

    /// What axe finds.
    #[track_caller]
    pub(crate) fn axe(&mut self) -> Vec<String> {
        serde_json::from_value(self.ask(json!({"do": "axe"}))["violations"].take()).unwrap()
    }

    /// How far the page is wider than its window.
    #[track_caller]
    pub(crate) fn overflow(&mut self) -> i64 {
        let root = "document.scrollingElement";
        self.eval(&format!("{root}.scrollWidth - {root}.clientWidth")).as_i64().unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without commands it ends, and the browser with it.
        drop(self.tell.take());
        let over = (0..250).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            matches!(self.child.try_wait(), Ok(Some(_)))
        });
        if !over {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// Where `compose/lab/browser.sh` puts what it fetches.
fn cache() -> PathBuf {
    std::env::var_os("SPYHOP_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
        base.unwrap_or_else(home).join("spyhop")
    })
}
