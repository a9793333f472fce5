//! KCP's result codes: what each one means, in our own words.
//!
//! One row a code, sorted, found by bisection. 671 codes are those of KCP's reject-code sheet; `S032`,
//! `S034` and `8350` are met at merchants and missing there. An empty Korean text stands for the
//! general text of the class. KCP's own text comes with every answer as `res_msg`; these are for the
//! screens, logs, and decisions that cannot wait for one.
//!
//! Words only. What a code says of the money depends on the call that it answers: see `verdict`.

mod kcp;
mod others;

use crate::code::{Class, Retry};

/// One code's row.
pub(crate) struct Row {
    pub(crate) code: [u8; 4],
    pub(crate) class: Class,
    pub(crate) retry: Retry,
    pub(crate) en: &'static str,
    pub(crate) ko: &'static str,
}

const fn row(code: [u8; 4], class: Class, retry: Retry, en: &'static str, ko: &'static str) -> Row {
    Row {
        code,
        class,
        retry,
        en,
        ko,
    }
}

/// The row of a code.
pub(crate) fn find(code: [u8; 4]) -> Option<&'static Row> {
    let rows = if code[0] == b'8' {
        kcp::ROWS
    } else {
        others::ROWS
    };
    let at = rows.binary_search_by_key(&code, |row| row.code).ok()?;
    rows.get(at)
}

#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    kcp::ROWS.iter().chain(others::ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_where_it_stands() {
        assert_eq!(all().count(), 671 + 3);
        for rows in [kcp::ROWS, others::ROWS] {
            assert!(rows.windows(2).all(|pair| pair[0].code < pair[1].code));
        }
        for row in all() {
            assert!(find(row.code).is_some_and(|found| std::ptr::eq(found, row)));
        }
    }
}
