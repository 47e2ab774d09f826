//! Where panels stand: in reading order, as many beside each other as fit into 24 columns.

use serde_json::{Value, json};

/// Columns of a board.
pub const WIDTH: u8 = 24;

/// A place that goes on from panel to panel.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    x: u8,
    y: u16,
    /// Height of what stands in this line.
    tallest: u8,
}

impl Cursor {
    /// The place of the next panel.
    pub(super) fn place(&mut self, (width, height): (u8, u8)) -> Value {
        if self.x.saturating_add(width) > WIDTH {
            self.line();
        }
        let place = json!({ "x": self.x, "y": self.y, "w": width, "h": height });
        self.x = self.x.saturating_add(width);
        self.tallest = self.tallest.max(height);
        place
    }

    /// Goes to the beginning of the next line.
    pub(super) fn line(&mut self) {
        self.y = self.y.saturating_add(self.tallest.into());
        (self.x, self.tallest) = (0, 0);
    }
}
