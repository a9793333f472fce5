//! Every text and number that a ledger holds, for whoever looks for what should not be there.

use crate::{error::StoreError, store::Store, value::Value, verify::schema};

/// How many rows are read at a time.
const STRETCH: u32 = 500;

impl Store {
    /// Gives every text and number of every row of every table that this program makes to `look`, with the place where it stands: table, row, column.
    ///
    /// # Errors
    /// What the database says.
    pub async fn every_text(&self, mut look: impl FnMut(&str, &str)) -> Result<(), StoreError> {
        for (table, order) in schema::keys()? {
            let width = order.split(", ").count();
            let mut last: Vec<Value<'static>> = Vec::new();
            loop {
                let marks: Vec<_> = (1..=last.len()).map(|n| format!("${n}")).collect();
                let after = if last.is_empty() {
                    String::new()
                } else {
                    format!("where ({order}) > ({}) ", marks.join(", "))
                };
                let sql = format!(
                    "select {order}, t.* from {table} t {after}order by {order} limit {STRETCH}"
                );
                let rows = self.engine.rows(sql, last.clone()).await?;
                for row in &rows {
                    let (key, cells) = row.0.split_at(width);
                    for (column, cell) in cells.iter().enumerate() {
                        let place = || format!("{table} {key:?} column {column}");
                        match cell {
                            Value::Text(text) => look(&place(), text),
                            Value::Integer(number) => look(&place(), &number.to_string()),
                            Value::Null => {}
                        }
                    }
                }
                match rows.last() {
                    Some(row) if rows.len() == STRETCH as usize => {
                        last = row.0[..width].to_vec();
                    }
                    _ => break,
                }
            }
        }
        Ok(())
    }
}
