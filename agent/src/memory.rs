//! The one place with `unsafe`: two calls which tell glibc's allocator to stay small.
//!
//! Measured before the choice (docs/decisions/0004): after a burst glibc kept 48.8 MB, and 5.7 MB once trimmed; mimalloc kept 26 MB.

/// Lets glibc use at most two arenas, so that a burst on many threads does not leave one heap behind per thread.
///
/// Call it first in `main`, before any thread starts. Does nothing on other C libraries.
pub fn limit_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const ARENAS: libc::c_int = 2;
        // SAFETY: mallopt(3) takes two integers, has no memory preconditions, and no other thread runs yet.
        #[expect(unsafe_code, reason = "glibc offers no safe binding for mallopt")]
        let accepted = unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
        if accepted != 1 {
            tracing::debug!("mallopt refused a limit of {ARENAS} arenas");
        }
    }
}

/// Gives freed heap pages back to the kernel. Costs milliseconds: call it after a burst, never per scrape.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: malloc_trim(3) is thread-safe, takes the padding to keep (none), and only returns free pages.
        #[expect(unsafe_code, reason = "glibc offers no safe binding for malloc_trim")]
        let _released = unsafe { libc::malloc_trim(0) };
    }
}
