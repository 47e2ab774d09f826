//! One request in several, none larger than asked for where that can be: by groups, then by scopes, then by records.
//!
//! What stands beside the parted messages (resources, scopes, schema addresses, fields of newer senders) stands in each part.

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::otlp::wire::{Fields, Malformed, Writer};

/// Where the parts of a message stand: groups in a request, scopes in a group, records in a scope.
const PARTS: [u32; 3] = [1, 2, 2];

/// Tag and length of a message, at most.
const HEAD: usize = 11;

/// So many times the request is copied at most. Three are for its levels; what is repeated in each part, such as a large resource of many small
/// spans, may take as much as one more.
const COPIES: usize = 4;

/// Parts a request until none has more than `most` bytes, or but one record. One part that is the request itself where nothing can be parted.
/// `None` where what is repeated would make far more of it than there was.
///
/// # Errors
/// It is no request.
pub(crate) fn split(request: &Bytes, most: usize) -> Result<Option<Vec<Bytes>>, Malformed> {
    if request.len() <= most {
        return Ok(Some(vec![request.clone()]));
    }
    let mut room = request.len().saturating_mul(COPIES).saturating_add(most);
    let parts = parts(request, &PARTS, most, &mut room)?;
    Ok(parts.map(|parts| parts.into_iter().map(Bytes::from).collect()))
}

/// The message in messages of at most `most` bytes. `levels` are the fields in which its parts stand, and the parts of its parts.
fn parts(message: &[u8], levels: &[u32], most: usize, room: &mut usize) -> Result<Option<Vec<Vec<u8>>>, Malformed> {
    let Some((number, below)) = levels.split_first() else { return Ok(Some(vec![message.to_vec()])) };
    let mut pack = Pack { common: common(message, *number)?, most, parts: Vec::new(), current: None, room };
    for field in Fields::new(message) {
        let field = field?;
        if field.number != *number {
            continue;
        }
        if below.is_empty() || pack.fits(field.raw.len()) {
            if !pack.add(field.raw) {
                return Ok(None);
            }
            continue;
        }
        let smaller = most.saturating_sub(pack.common.len() + HEAD);
        let Some(smaller) = parts(field.bytes()?, below, smaller, pack.room)? else { return Ok(None) };
        for part in smaller {
            let mut field = Writer::new();
            field.bytes(*number, &part);
            if !pack.add(field.as_bytes()) {
                return Ok(None);
            }
        }
    }
    Ok(Some(pack.done()))
}

/// Everything of a message but its parts.
fn common(message: &[u8], parts: u32) -> Result<Vec<u8>, Malformed> {
    let mut common = Vec::new();
    for field in Fields::new(message) {
        let field = field?;
        if field.number != parts {
            common.extend_from_slice(field.raw);
        }
    }
    Ok(common)
}

/// Messages that fill up one after the other.
struct Pack<'a> {
    common: Vec<u8>,
    most: usize,
    parts: Vec<Vec<u8>>,
    current: Option<Vec<u8>>,
    /// Bytes that may still be written, all levels together.
    room: &'a mut usize,
}

impl Pack<'_> {
    /// Whether a field of so many bytes fits into a message of its own.
    fn fits(&self, bytes: usize) -> bool {
        self.common.len() + bytes <= self.most
    }

    /// Puts a field into the current message, or into the next one. `false`: there is no room left at all.
    fn add(&mut self, field: &[u8]) -> bool {
        if let Some(full) = self.current.take_if(|current| current.len() + field.len() > self.most) {
            self.parts.push(full);
        }
        let fresh = if self.current.is_none() { self.common.len() } else { 0 };
        let Some(left) = self.room.checked_sub(fresh + field.len()) else { return false };
        *self.room = left;
        self.current.get_or_insert_with(|| self.common.clone()).extend_from_slice(field);
        true
    }

    /// All of them; a message without parts is one.
    fn done(mut self) -> Vec<Vec<u8>> {
        match self.current.take() {
            Some(last) => self.parts.push(last),
            None => self.parts.push(self.common),
        }
        self.parts
    }
}
