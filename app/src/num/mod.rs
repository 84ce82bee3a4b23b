//! Exact arithmetic: 256-bit and wider intermediates, explicit rounding, no floats.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic
    )
)]

pub mod day_count;
mod ratio;
mod wide;

pub use ratio::{FULL_BPS, exceeds_bps, mul_div_floor, reduce, share_of_bps};
pub use ratio::{
    IncomeStep, Share, accrued_income, advance_income_index, advance_paid_index, collect_income,
    multiply_income_index,
};
pub use wide::{add_to_total, rise_of_total, share_of_total};
