//! From a filter to a statement.

use sugi_core::{ShopId, Status};

use super::Filter;
use crate::{sql, value::Value};

impl Filter {
    /// The statement and its parameters. One row more than the page holds is asked for, to know
    /// whether there is a next page.
    ///
    /// However large the ledger is, what is read is a stretch of one index with the newest at its
    /// end. Several shops or states have no such stretch in common, so each has its own, and what
    /// the stretches hold is put in order.
    pub(crate) fn to_sql(&self) -> (String, Vec<Value<'static>>) {
        let mut values = Values::default();
        let mut stretches = self.stretches();
        if stretches.len() > STRETCHES_MAX {
            stretches = vec![Stretch::new()];
        }
        let lists: Vec<String> = stretches
            .iter()
            .map(|stretch| self.list(stretch, &mut values))
            .collect();
        let sql = match lists.as_slice() {
            [one] => one.clone(),
            many => {
                let many = many
                    .iter()
                    .map(|one| format!("select * from ({one}) as stretch"));
                let all = many.collect::<Vec<_>>().join(" union all ");
                format!("{all} {}", self.end(&Stretch::new()))
            }
        };
        (sql, values.0)
    }

    /// The stretches of indexes that what is asked for lies in, each by what its rows have in common.
    fn stretches(&self) -> Vec<Stretch<'_>> {
        if self.few().iter().any(|(_, text)| text.is_some()) {
            return vec![Stretch::new()];
        }
        let mut texts = self.texts().into_iter();
        if let Some((column, mut texts)) = texts.find(|(_, texts)| !texts.is_empty()) {
            // One that is named twice is asked for once.
            texts.sort_unstable();
            texts.dedup();
            return texts.into_iter().map(|text| vec![(column, text)]).collect();
        }
        // The index of shops has the states before them.
        let shops: Vec<_> = self
            .shops()
            .into_iter()
            .map(|shop| ("shop", shop))
            .collect();
        let statuses: &[Status] = match (shops.as_slice(), self.statuses.as_slice()) {
            ([_, ..], []) => &Status::ALL,
            (_, statuses) => statuses,
        };
        let statuses: Vec<_> = statuses
            .iter()
            .map(|status| ("status", status.as_str()))
            .collect();
        let mut all = vec![Stretch::new()];
        for choices in [shops, statuses] {
            if !choices.is_empty() {
                all = all
                    .iter()
                    .flat_map(|stretch| {
                        choices
                            .iter()
                            .map(|choice| [stretch.as_slice(), &[*choice]].concat())
                    })
                    .collect();
            }
        }
        // A state that is named twice is asked for once.
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What of a stretch is asked for, the newest first.
    fn list(&self, stretch: &Stretch, values: &mut Values) -> String {
        let mut holds = Vec::new();
        for (column, text) in self.few() {
            if let Some(text) = text {
                holds.push(format!("{column} = {}", values.mark(text.clone())));
            }
        }
        for (column, text) in stretch {
            holds.push(format!("{column} = {}", values.mark((*text).to_owned())));
        }
        if self.shops.is_none() {
            holds.push("1 = 0".into());
        }
        let shops = self.shops();
        let statuses = self.statuses.iter().map(|status| status.as_str()).collect();
        for (column, texts) in self
            .texts()
            .into_iter()
            .chain([("shop", shops), ("status", statuses)])
        {
            if !stretch.iter().any(|(name, _)| *name == column) {
                holds.extend(values.one_of(column, texts));
            }
        }
        let time = time(stretch);
        for (compared, at) in [(">=", self.from), ("<", self.until)] {
            if let Some(at) = at {
                let mark = values.mark(at.as_microsecond());
                holds.push(format!("{time} {compared} {mark}"));
            }
        }
        if let Some(before) = &self.before {
            let mark = values.mark(before.to_string());
            let before = sql::BEFORE.replace("{time}", time);
            holds.push(before.replace("{id}", &mark));
        }
        let wheres = match holds.as_slice() {
            [] => String::new(),
            holds => format!("where {} ", holds.join(" and ")),
        };
        format!("{} {wheres}{}", sql::LIST, self.end(stretch))
    }

    fn end(&self, stretch: &Stretch) -> String {
        let (time, limit) = (time(stretch), self.limit.clamp(1, Self::MOST) + 1);
        format!("order by {time} desc, id desc limit {limit}")
    }

    /// What finds one payment, or a few.
    fn few(&self) -> [(&'static str, &Option<String>); 3] {
        [
            ("ordr_idxx", &self.kcp_order_no),
            ("tno", &self.tno),
            ("app_no", &self.app_no),
        ]
    }

    /// The shops that are named: nothing where it is all of them, or none.
    fn shops(&self) -> Vec<&str> {
        let named = self.shops.named().into_iter().flatten();
        named.map(ShopId::as_str).collect()
    }

    /// What several payments have in common, the fewest first. Each text is a stretch of an index of its
    /// own: of an order's few payments, or of as many as there may be, and then it goes on with the time.
    fn texts(&self) -> [(&'static str, Vec<&str>); 4] {
        [
            ("order_no", lent(&self.order_nos)),
            ("last4", lent(&self.last4)),
            ("buyer_name", lent(&self.buyer_names)),
            ("phone_digits", lent(&self.buyer_phone)),
        ]
    }
}

/// The most stretches of indexes that one statement reads. What would need more is looked for in the
/// order of time.
const STRETCHES_MAX: usize = 64;

/// What the rows of a stretch of an index have in common: columns and their texts. Nothing, where the
/// index is that of the time itself.
type Stretch<'a> = Vec<(&'static str, &'a str)>;

/// The time as the index of a stretch has it. Were it the same for all, a planner could take the index
/// of the time for a shop's stretch, hoping to meet the shop soon, and walk all that is newer.
fn time(stretch: &Stretch) -> &'static str {
    if stretch.is_empty() {
        "created_at"
    } else {
        "created_at + 0"
    }
}

fn lent<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    texts.into_iter().map(String::as_str).collect()
}

/// Parameters, in the order of their first appearance.
#[derive(Default)]
struct Values(Vec<Value<'static>>);

impl Values {
    fn mark(&mut self, value: impl Into<Value<'static>>) -> String {
        self.0.push(value.into());
        format!("${}", self.0.len())
    }

    /// That a column is one of these, if there are any. Something else finds the rows: as it is
    /// written, no index of the column is tried.
    fn one_of(&mut self, column: &str, texts: Vec<&str>) -> Option<String> {
        let marks: Vec<_> = texts
            .into_iter()
            .map(|text| self.mark(text.to_owned()))
            .collect();
        (!marks.is_empty()).then(|| format!("{column} || '' in ({})", marks.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sugi_core::Shops;

    use super::*;

    #[test]
    fn filters_become_parameters() {
        let filter = Filter {
            statuses: vec![Status::Approved, Status::InDoubt],
            order_nos: vec!["A' or 1=1".into()],
            from: Some(Timestamp::UNIX_EPOCH),
            limit: 10_000,
            ..Filter::default()
        };
        let (sql, values) = filter.to_sql();
        assert!(
            sql.contains(
                "where order_no = $1 and status || '' in ($2, $3) and created_at + 0 >= $4 order by"
            ),
            "{sql}"
        );
        assert!(sql.ends_with("limit 201"), "{sql}");
        assert_eq!(values.len(), 4);
        assert!(!sql.contains("1=1"));
    }

    #[test]
    fn a_state_that_is_named_twice_is_asked_for_once() {
        let statuses = vec![Status::Approved, Status::Approved];
        let filter = Filter {
            shops: ["main".parse().unwrap()].into(),
            statuses,
            ..Filter::default()
        };
        assert!(!filter.to_sql().0.contains("union"));
    }

    #[test]
    fn of_no_shop_nothing_is_asked_for() {
        let filter = Filter {
            shops: Shops::none(),
            ..Filter::default()
        };
        assert!(filter.to_sql().0.contains("where 1 = 0 "));
        assert!(!Filter::default().to_sql().0.contains("where"));
    }

    #[test]
    fn each_shop_and_state_is_a_stretch_of_its_own_up_to_a_limit() {
        let shops = |n: usize| match n {
            0 => Shops::All,
            n => (0..n).map(|n| format!("s{n}").parse().unwrap()).collect(),
        };
        let count = |shops, statuses: &[Status]| {
            let statuses = statuses.into();
            let filter = Filter {
                shops,
                statuses,
                ..Filter::default()
            };
            filter.to_sql().0.matches("limit 2").count()
        };
        let all = &Status::ALL;
        assert_eq!(count(shops(0), &[]), 1);
        assert_eq!(count(shops(1), &all[..1]), 1);
        // The last one is that of the page that they make together.
        assert_eq!(count(shops(0), &all[..2]), 2 + 1);
        assert_eq!(count(shops(2), &all[..3]), 6 + 1);
        assert_eq!(count(shops(1), &[]), 10 + 1);
        assert_eq!(count(shops(6), &[]), 60 + 1);
        assert_eq!(count(shops(7), &[]), 1);
    }
}
