//! `container_pressure_*`.

use super::{
    reading::Reading,
    units::{column, from_us},
};
use crate::exposition::{Page, catalogue::io as family};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    column(reading, page, &family::PRESSURE_CPU_WAITING, |sample| sample.pressure.cpu.some_us.map(from_us));
    column(reading, page, &family::PRESSURE_CPU_STALLED, |sample| sample.pressure.cpu.full_us.map(from_us));
    column(reading, page, &family::PRESSURE_MEMORY_WAITING, |sample| sample.pressure.memory.some_us.map(from_us));
    column(reading, page, &family::PRESSURE_MEMORY_STALLED, |sample| sample.pressure.memory.full_us.map(from_us));
    column(reading, page, &family::PRESSURE_IO_WAITING, |sample| sample.pressure.io.some_us.map(from_us));
    column(reading, page, &family::PRESSURE_IO_STALLED, |sample| sample.pressure.io.full_us.map(from_us));
}
