//! Inquiry: what KCP knows of a transaction.

use jiff::civil::Date;

use crate::order::OrderNo;
use crate::tno::Tno;

/// A question about one card transaction. Moves no money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    subject: InquirySubject,
}

/// What an inquiry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InquirySubject {
    /// The transaction with this number.
    Tno(Tno),
    /// The transaction of an order: see [`Inquiry::by_order`].
    Order {
        /// The day of the approval in Korea.
        date: Date,
        /// The merchant's order number.
        order_no: OrderNo,
    },
}

impl Inquiry {
    /// Asks by KCP's transaction number. The documented way.
    #[must_use]
    pub const fn by_tno(tno: Tno) -> Self {
        Self {
            subject: InquirySubject::Tno(tno),
        }
    }

    /// Asks by the day of the approval (in Korea) and the order number.
    ///
    /// KCP does not document this. Its older TCP module answers it to at least one reseller, with a
    /// `tno` of the day and six zeros, and KCP's own signing example for this API has a `tno` of that
    /// shape. Use it only where KCP has confirmed that your contract answers it, and count "not
    /// found" only after the request asked about can no longer be under way. The order number goes
    /// out under both names that the sources suggest, `ordr_idxx` and `mod_ordr_idxx`.
    #[must_use]
    pub const fn by_order(date: Date, order_no: OrderNo) -> Self {
        Self {
            subject: InquirySubject::Order { date, order_no },
        }
    }

    /// What is asked about.
    #[must_use]
    pub const fn subject(&self) -> &InquirySubject {
        &self.subject
    }

    /// The `tno` that goes to KCP: the transaction's, or the day and six zeros.
    #[must_use]
    pub fn kcp_tno(&self) -> String {
        match &self.subject {
            InquirySubject::Tno(tno) => tno.as_str().to_owned(),
            InquirySubject::Order { date, .. } => {
                format!(
                    "{:04}{:02}{:02}000000",
                    date.year(),
                    date.month(),
                    date.day()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_asked_by_its_day() {
        let inquiry = Inquiry::by_order(Date::constant(2021, 7, 9), OrderNo::parse("A-1").unwrap());
        assert_eq!(inquiry.kcp_tno(), "20210709000000");
    }
}
