//! The disk of the queue.
