//! Scripted services, probes and clocks.
