//! Work that blocks or computes, on a thread of the async runtime.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does it here, with the runtime told so that its other tasks go on elsewhere. Outside a runtime of several threads it is just done.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
