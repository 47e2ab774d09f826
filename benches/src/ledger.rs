//! A Loki that keeps account of numbered lines, row by row, and fails when it is told to. Lines are forgotten once they are counted, so that
//! millions may come.

use std::{
    collections::HashMap,
    io::{BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    thread,
};

use anyhow::Result;

use crate::{
    sink::{body, fields},
    support::log_writer::line,
};

/// What it does with a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    /// Takes it.
    Well,
    /// Ends the connection at once.
    Down,
    /// 503, and nothing taken.
    Unavailable,
    /// 429, and nothing taken.
    Limited,
    /// Takes it and says 502, as a proxy does that lost the answer.
    Forgetful,
    /// Reads it and says nothing.
    Silent,
}

impl Mood {
    const ALL: [Self; 6] = [Self::Well, Self::Down, Self::Unavailable, Self::Limited, Self::Forgetful, Self::Silent];
}

/// What came of one row of lines.
#[derive(Debug, Default)]
struct Row {
    /// A bit for each number.
    seen: Vec<u64>,
    found: u64,
    newest: u64,
}

/// All rows together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Different lines that came.
    pub(crate) found: u64,
    /// Lines that came once more.
    pub(crate) twice: u64,
    /// Lines behind a newer one of their row, seen the first time.
    pub(crate) disorder: u64,
    /// Lines that are not as they were written.
    pub(crate) broken: u64,
}

#[derive(Debug, Default)]
struct Books {
    rows: HashMap<String, Row>,
    account: Account,
}

#[derive(Debug)]
struct Shared {
    mood: AtomicU8,
    /// Lines taken whose answer was lost.
    unanswered: AtomicU64,
    books: Mutex<Books>,
}

/// See the head of this file. Its threads end with the process.
pub(crate) struct Ledger {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Ledger {
    /// Listens on loopback.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Shared {
            mood: AtomicU8::new(Mood::Well as u8),
            unanswered: AtomicU64::new(0),
            books: Mutex::new(Books::default()),
        };
        let shared = Arc::new(shared);
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&ours);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Ok(Self { address, shared })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the next push on.
    pub(crate) fn be(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::Relaxed);
    }

    pub(crate) fn account(&self) -> Account {
        self.shared.books().account
    }

    /// Lines it took without saying so.
    pub(crate) fn unanswered(&self) -> u64 {
        self.shared.unanswered.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mood(&self) -> Mood {
        let now = self.mood.load(Ordering::Relaxed);
        Mood::ALL.into_iter().find(|mood| *mood as u8 == now).unwrap_or(Mood::Well)
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let body = body(&mut reader)?;
        let mood = shared.mood();
        let answer = match mood {
            Mood::Down => return None,
            Mood::Silent => return reader.read_to_end(&mut Vec::new()).ok().map(drop),
            Mood::Well => "204 No Content\r\n\r\n",
            Mood::Unavailable => "503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
            Mood::Limited => "429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
            Mood::Forgetful => "502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        };
        if matches!(mood, Mood::Well | Mood::Forgetful) {
            let lines = shared.books().take(&snap::raw::Decoder::new().decompress_vec(&body).ok()?);
            if mood == Mood::Forgetful {
                shared.unanswered.fetch_add(lines, Ordering::Relaxed);
            }
        }
        writer.write_all(format!("HTTP/1.1 {answer}").as_bytes()).ok()?;
    }
}

impl Books {
    /// Counts the lines of a push: how many there are.
    fn take(&mut self, push: &[u8]) -> u64 {
        let mut lines = 0;
        for (_, stream) in fields(push).filter(|(number, _)| *number == 1) {
            for (_, entry) in fields(stream).filter(|(number, _)| *number == 2) {
                let text = fields(entry).find(|(number, _)| *number == 2).map(|(_, text)| text).unwrap_or_default();
                lines += 1;
                if self.count(&String::from_utf8_lossy(text)).is_none() {
                    self.account.broken += 1;
                }
            }
        }
        lines
    }

    /// Counts a line; `None` for one that is not as it was written.
    fn count(&mut self, text: &str) -> Option<()> {
        let mut words = text.splitn(4, ' ');
        let (name, number) = (words.next()?, words.next()?.parse::<u64>().ok()?);
        let payload = words.nth(1)?;
        if text != line(name, number, payload.len()) {
            return None;
        }
        if !self.rows.contains_key(name) {
            self.rows.insert(name.to_owned(), Row::default());
        }
        let row = self.rows.get_mut(name)?;
        let (word, bit) = (usize::try_from(number / 64).ok()?, 1 << (number % 64));
        if row.seen.len() <= word {
            row.seen.resize(word + 1, 0);
        }
        let seen = row.seen.get_mut(word)?;
        if *seen & bit != 0 {
            self.account.twice += 1;
            return Some(());
        }
        *seen |= bit;
        self.account.disorder += u64::from(row.found > 0 && number < row.newest);
        (row.found, row.newest) = (row.found + 1, row.newest.max(number));
        self.account.found += 1;
        Some(())
    }
}
