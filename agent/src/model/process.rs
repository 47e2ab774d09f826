//! A process that cannot be taken for another: its id together with when it began.

/// Field 22 of `/proc/<pid>/stat` counted from the first behind the name, which is field 3 (proc(5)).
const START_TIME: usize = 22 - 3;

/// One process of the engine's machine. A pid is given out again, a pair of both is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// Its id in the pid namespace of the procfs it was found in, which is the host's.
    pub pid: u32,
    /// When it began, in clock ticks since the boot: field 22 of its `stat`.
    pub start_time: u64,
}

impl Process {
    /// When the process of a `stat` file began; `None` where the bytes are not as proc(5) has them.
    pub fn start_time_of(stat: &[u8]) -> Option<u64> {
        // The name is whatever the process wants it to be, brackets and spaces included; no field behind it has a bracket.
        let (_, rest) = stat.split_at_checked(memchr::memrchr(b')', stat)? + 1)?;
        std::str::from_utf8(rest).ok()?.split_ascii_whitespace().nth(START_TIME)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_cannot_move_the_field() {
        let rest = "S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 99 1";
        for name in ["sh", "a b", "a) b) (c", ") S 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 666 99 1", "))", "\n"] {
            assert_eq!(Process::start_time_of(format!("7 ({name}) {rest}").as_bytes()), Some(12345), "{name:?}");
        }
        for broken in ["", "7", "7 (sh", "7 (sh) S 1 1", "7 (sh) S 1 1 1 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 soon 9"] {
            assert_eq!(Process::start_time_of(broken.as_bytes()), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_no_form_have_no_start(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let found = Process::start_time_of(&bytes);
            prop_assert!(found.is_none() || bytes.contains(&b')'));
        }
    }
}
