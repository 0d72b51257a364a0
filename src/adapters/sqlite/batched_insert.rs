//! Inserts of many rows whose statements are found prepared. May not know any table.

use std::iter;

use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite};

/// The most rows of one insert: a full group of records with one row each.
pub const PIECE: usize = 64;

/// An insert of up to [`PIECE`] rows, in their order. Its text has room for the next power of two, so that few texts are
/// each prepared once and found again, and any number of rows is one way to the database's thread and back. What nothing is
/// bound to is NULL, and the first column of no table may be.
pub fn insert_of<T>(
    into: &'static str,
    rows: &[T],
    mut bind: impl FnMut(&mut Separated<'_, Sqlite, &'static str>, &T),
) -> QueryBuilder<Sqlite> {
    let columns = into.matches(',').count() + 1;
    let room = rows.iter().map(Some).chain(iter::repeat(None));
    let mut insert = QueryBuilder::new(into);
    insert.push("SELECT * FROM (");
    insert.push_values(room.take(rows.len().next_power_of_two()), |mut place, row| match row {
        Some(row) => bind(&mut place, row),
        None => {
            for _ in 0..columns {
                place.push("?");
            }
        }
    });
    insert.push(") WHERE column1 IS NOT NULL");
    insert
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sqlx::{Connection as _, Row as _, SqliteConnection};

    use super::*;

    const INSERT: &str = "INSERT INTO numbers (number, half) ";

    fn numbers(rows: &[i64]) -> QueryBuilder<Sqlite> {
        insert_of(INSERT, rows, |row, number| {
            row.push_bind(*number).push_bind(number / 2);
        })
    }

    #[tokio::test]
    async fn an_insert_with_room_for_more_writes_every_row_once_in_order() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let table = "CREATE TABLE numbers (position INTEGER PRIMARY KEY, number INTEGER NOT NULL, half INTEGER) STRICT";
        sqlx::raw_sql(table).execute(&mut connection).await.unwrap();
        for count in [1, 2, 7, 63, 64] {
            let rows: Vec<_> = (0..count).collect();
            numbers(&rows).build().execute(&mut connection).await.unwrap();
            let written = sqlx::query("SELECT number, half FROM numbers ORDER BY position");
            let written = written.fetch_all(&mut connection).await.unwrap();
            let written: Vec<(i64, i64)> = written.iter().map(|row| (row.get(0), row.get(1))).collect();
            assert_eq!(written, rows.iter().map(|n| (*n, n / 2)).collect::<Vec<_>>());
            sqlx::raw_sql("DELETE FROM numbers")
                .execute(&mut connection)
                .await
                .unwrap();
        }
    }

    #[test]
    fn few_texts_are_enough_for_any_number_of_rows() {
        let texts: HashSet<_> = (1..=PIECE)
            .map(|count| numbers(&vec![1; count]).sql().as_str().to_owned())
            .collect();
        assert_eq!(texts.len(), 7);
    }
}
