//! What the engine's networks allow, by the engine's version: predicted, not tried.
