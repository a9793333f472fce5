//! Bars, as a picture in the page: no script, the same on paper, and a table beside for who cannot see.

use super::{messages::DayMessages, span::Span, sums::Sums};
use crate::{
    lang::{Lang, fill},
    write,
};

/// The picture's size.
const WIDTH: u64 = 720;
const HEIGHT: u64 = 200;
/// Under the bars stand their names, above the highest its amount.
const FOOT: u64 = 22;
const HEAD: u64 = 24;

/// A bar chart.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) base: u64,
    /// Where the highest bar ends.
    pub(crate) head: u64,
    pub(crate) bars: Vec<Bar>,
    /// The highest bar's amount.
    pub(crate) top: String,
}

pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) middle: u64,
    pub(crate) name: String,
    /// Not every name has room.
    pub(crate) label: bool,
    /// On a small screen, this one has none either.
    pub(crate) between: bool,
    pub(crate) amount: String,
}

impl Chart {
    /// By hour for one day, by day for more; `None` when there is nothing to show.
    pub(crate) fn of(lang: Lang, w: &'static DayMessages, sums: &Sums, span: Span) -> Option<Self> {
        let first = span.moments().0.as_second() / 3_600;
        let one_day = span.days() == 1;
        let step = if one_day { 1 } else { 24 };
        let count = if one_day { 24 } else { span.days() };
        let mut values = vec![0_u64; usize::try_from(count).ok()?];
        for (hour, amount) in &sums.by_hour {
            let at = usize::try_from((hour - first) / step).ok();
            if let Some(value) = at.and_then(|at| values.get_mut(at)) {
                *value += amount;
            }
        }
        let most = values.iter().copied().max().filter(|most| *most > 0)?;
        let n = values.len() as u64;
        let room = WIDTH / n;
        let every = 1.max(n / 12);
        let bar = |(at, value): (usize, &u64)| {
            let at = at as u64;
            let height = (value * (HEIGHT - FOOT - HEAD)).div_ceil(most);
            let name = if one_day {
                fill(w.hour, &[&at.to_string()])
            } else {
                let day = i64::try_from(at).unwrap_or(0);
                let day = span.from.saturating_add(jiff::Span::new().days(day));
                format!("{}/{}", day.month(), day.day())
            };
            Bar {
                x: at * room + room / 8,
                y: HEIGHT - FOOT - height,
                width: 1.max(room - room / 4),
                height,
                middle: at * room + room / 2,
                name,
                label: at.is_multiple_of(every),
                between: !at.is_multiple_of(2 * every),
                amount: write::money(lang, *value, "KRW"),
            }
        };
        let title = if one_day { w.by_hour } else { w.by_day };
        let won_only = sums.by_currency.keys().all(|currency| currency == "KRW");
        Some(Self {
            title: if won_only {
                title.into()
            } else {
                fill(w.in_won, &[title])
            },
            width: WIDTH,
            height: HEIGHT,
            base: HEIGHT - FOOT,
            head: HEAD,
            bars: values.iter().enumerate().map(bar).collect(),
            top: write::money(lang, most, "KRW"),
        })
    }
}
