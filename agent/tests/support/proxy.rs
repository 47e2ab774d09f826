//! A unix socket in front of the engine's, which can hang, cut and slow down: an engine with faults on command.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// What the engine behind the proxy seems to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Passes everything on.
    Well,
    /// Accepts connections and answers nothing, as an engine with a stuck lock does.
    Frozen,
    /// Passes everything on, each piece so much later.
    Slow(Duration),
    /// Closes every new connection at once.
    Closing,
}

/// How soon a change of mood reaches every connection.
const TICK: Duration = Duration::from_millis(10);

/// The proxy; connections end and the socket goes with it.
#[derive(Debug)]
pub struct Proxy {
    folder: TempDir,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: PathBuf,
    mood: Mutex<Mood>,
    /// Connections of older generations end.
    generation: AtomicUsize,
    /// Connections accepted since the start.
    accepted: AtomicUsize,
    listening: AtomicBool,
}

impl Proxy {
    /// A socket in front of `engine`.
    pub fn new(engine: &Path) -> Self {
        let proxy = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            shared: Arc::new(Shared {
                engine: engine.to_owned(),
                mood: Mutex::new(Mood::Well),
                generation: AtomicUsize::new(0),
                accepted: AtomicUsize::new(0),
                listening: AtomicBool::new(false),
            }),
        };
        proxy.appear();
        proxy
    }

    /// Where to connect.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// Changes the mood of all connections, open ones included.
    pub fn mood(&self, mood: Mood) {
        *self.shared.mood() = mood;
    }

    /// Ends all connections; new ones are accepted.
    pub fn cut(&self) {
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends all connections and removes the socket: the engine is not there.
    pub fn vanish(&self) {
        self.shared.listening.store(false, Ordering::SeqCst);
        std::fs::remove_file(self.socket()).expect("the socket was there");
        self.cut();
    }

    /// Makes the socket again.
    pub fn appear(&self) {
        let listener = UnixListener::bind(self.socket()).expect("a free socket name");
        listener.set_nonblocking(true).expect("a listener that does not block");
        self.shared.listening.store(true, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || shared.accept(&listener));
    }

    /// Connections accepted since the start.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.listening.store(false, Ordering::SeqCst);
        self.cut();
    }
}

impl Shared {
    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().expect("nobody panics while holding the mood")
    }

    fn accept(self: &Arc<Self>, listener: &UnixListener) {
        while self.listening.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((client, _)) => self.serve(client),
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(TICK),
                Err(error) => panic!("accept: {error}"),
            }
        }
    }

    fn serve(self: &Arc<Self>, client: UnixStream) {
        self.accepted.fetch_add(1, Ordering::SeqCst);
        if *self.mood() == Mood::Closing {
            return;
        }
        let Ok(engine) = UnixStream::connect(&self.engine) else { return };
        let generation = self.generation.load(Ordering::SeqCst);
        for (from, to) in [(&client, &engine), (&engine, &client)] {
            let (from, to) = (from.try_clone(), to.try_clone());
            let shared = Arc::clone(self);
            thread::spawn(move || {
                if let (Ok(from), Ok(to)) = (from, to) {
                    shared.copy(from, to, generation);
                }
            });
        }
    }

    /// Copies one direction until either end closes or the connection is cut.
    fn copy(&self, mut from: UnixStream, mut to: UnixStream, generation: usize) {
        from.set_read_timeout(Some(TICK)).expect("a timeout above zero");
        let mut buffer = [0; 16 * 1024];
        while self.generation.load(Ordering::SeqCst) == generation {
            let mood = *self.mood();
            if mood == Mood::Frozen {
                thread::sleep(TICK);
                continue;
            }
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    if let Mood::Slow(delay) = mood {
                        thread::sleep(delay);
                    }
                    // The mood may have changed while it waited for bytes: what came is held back then.
                    while *self.mood() == Mood::Frozen && self.generation.load(Ordering::SeqCst) == generation {
                        thread::sleep(TICK);
                    }
                    if buffer.get(..length).is_none_or(|bytes| to.write_all(bytes).is_err()) {
                        break;
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        // Either end may be gone already.
        from.shutdown(Shutdown::Read).ok();
        to.shutdown(Shutdown::Write).ok();
        if self.generation.load(Ordering::SeqCst) != generation {
            from.shutdown(Shutdown::Both).ok();
        }
    }
}
