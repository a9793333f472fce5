//! What people and programs read. The only place that prints.

use std::{
    io::{ErrorKind, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use sugi_core::Status;

/// Whether data was not taken. What a command was asked to do it does all the same: a payment must not break
/// off because no one reads what becomes of it.
static LOST: AtomicBool = AtomicBool::new(false);

/// A line of data, for stdout.
pub(crate) fn data(line: &str) {
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => {}
        // Whoever reads has seen enough, as `| head` has.
        Err(why) if why.kind() == ErrorKind::BrokenPipe => {}
        Err(why) => {
            if !LOST.swap(true, Ordering::Relaxed) {
                talk(&format!("error: what was found cannot be written: {why}"));
            }
        }
    }
}

/// Whether all data was written, as far as someone wanted it.
pub(crate) fn is_whole() -> bool {
    !LOST.load(Ordering::Relaxed)
}

/// A line of talk, for stderr. That no one listens any more is no reason to stop.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One JSON value on one line, for programs.
pub(crate) fn json(value: &impl Serialize) {
    data(&serde_json::to_string(value).unwrap_or_default());
}

/// A table; the columns named in `right` are aligned to the right.
pub(crate) fn table(head: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    data(&table.to_string());
}

/// An amount with its digits in groups: `1,004 KRW`, `10.55 USD`.
pub(crate) fn money(amount: u64, currency: &str) -> String {
    match currency {
        "USD" => format!("{}.{:02} USD", grouped(amount / 100), amount % 100),
        _ => format!("{} {currency}", grouped(amount)),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time as it is in Korea, to the millisecond.
pub(crate) fn time(at: jiff::Timestamp) -> String {
    jiff::tz::Offset::constant(9)
        .to_datetime(at)
        .strftime("%Y-%m-%d %H:%M:%S%.3f")
        .to_string()
}

/// A status in words.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Requested => "requested",
        Status::Approving => "approving",
        Status::Approved => "approved",
        Status::Declined => "declined",
        Status::InDoubt => "IN DOUBT",
        Status::Reversing => "being reversed",
        Status::Reversed => "reversed",
        Status::PartiallyCancelled => "partly cancelled",
        Status::Cancelled => "cancelled",
        Status::Void => "void",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(money(4, "KRW"), "4 KRW");
        assert_eq!(money(1_004, "KRW"), "1,004 KRW");
        assert_eq!(money(999_999_999_999, "KRW"), "999,999,999,999 KRW");
        assert_eq!(money(100_055, "USD"), "1,000.55 USD");
        assert_eq!(money(5, "USD"), "0.05 USD");
    }
}
