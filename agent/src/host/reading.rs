//! One reading of many files: sorts what goes wrong and counts it once, at the end.

use super::{
    Gone,
    handle::{Buffer, Handle, ReadError},
    parse,
};

/// What a reading of one container or of the host needs at hand.
#[derive(Debug, Default)]
pub(super) struct Reading {
    buffer: Buffer,
    /// Files that exist and could not be read.
    pub(super) failed: u64,
    /// Devices and interfaces beyond the ceiling.
    pub(super) refused: u64,
}

impl Reading {
    /// The bytes of a file that may not be there.
    ///
    /// # Errors
    /// [`Gone`] when what the file describes has vanished.
    pub(super) fn bytes(&mut self, handle: Option<&Handle>) -> Result<Option<&[u8]>, Gone> {
        let Some(handle) = handle else { return Ok(None) };
        match handle.read(&mut self.buffer) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ReadError::Gone) => Err(Gone),
            Err(ReadError::Unsupported) => Ok(None),
            Err(ReadError::Failed(error)) => {
                self.failed += 1;
                tracing::debug!(%error, "read kernel file");
                Ok(None)
            }
        }
    }

    /// A file of one number. Anything else in it is counted as not understood.
    pub(super) fn number(&mut self, handle: Option<&Handle>) -> Result<Option<u64>, Gone> {
        let Some(bytes) = self.bytes(handle)? else { return Ok(None) };
        let number = parse::single(bytes);
        self.failed += u64::from(number.is_none());
        Ok(number)
    }

    /// A file of something else that `parse` understands.
    pub(super) fn value<T>(
        &mut self,
        handle: Option<&Handle>,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Gone> {
        Ok(self.bytes(handle)?.and_then(parse))
    }
}
