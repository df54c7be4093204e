use sqlx::Row;

use super::{Store, signed, unsigned};

impl Store {
    /// Tasks whose log holds more than `keep` events.
    pub(crate) async fn tasks_with_more_events(&self, keep: u64) -> Result<Vec<String>, sqlx::Error> {
        let mut connection = self.read().await?;
        let rows = sqlx::query("SELECT id FROM tasks WHERE head_seq - first_seq >= $1 ORDER BY id")
            .bind(signed(keep))
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(|row| row.try_get("id")).collect()
    }

    /// Tasks that ended before this time and whose log holds more than how;
    /// the oldest first, at most `limit`.
    pub(crate) async fn tasks_ended_before(
        &self,
        timestamp: &str,
        limit: usize,
    ) -> Result<Vec<String>, sqlx::Error> {
        let mut connection = self.read().await?;
        // Timestamps are UTC and of one width, so that they compare as text.
        let rows = sqlx::query(
            "SELECT id FROM tasks WHERE completed_at IS NOT NULL AND first_seq < head_seq \
             AND completed_at < $1 ORDER BY completed_at LIMIT $2",
        )
        .bind(timestamp)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(|row| row.try_get("id")).collect()
    }

    /// Removes the oldest events of a task until `keep` are left, but at most
    /// `step` at once; whether there are more to remove. The newest event, which
    /// may be the task's last, is never removed.
    pub(crate) async fn trim(&self, task_id: &str, keep: u64, step: u64) -> Result<bool, sqlx::Error> {
        let mut tx = self.begin().await?;
        let row =
            sqlx::query(self.dialect.sql("SELECT first_seq, head_seq FROM tasks WHERE id = $1 {for_update}"))
                .bind(task_id)
                .fetch_optional(&mut *tx)
                .await?;
        let Some(row) = row else { return Ok(false) };
        let first_seq = unsigned("tasks.first_seq", row.try_get("first_seq")?)?;
        let head_seq = unsigned("tasks.head_seq", row.try_get("head_seq")?)?;
        let wanted = (head_seq + 1).saturating_sub(keep.max(1));
        if wanted <= first_seq {
            return Ok(false);
        }
        let reached = wanted.min(first_seq + step);
        // Details go with their events.
        sqlx::query("DELETE FROM events WHERE task_id = $1 AND seq < $2")
            .bind(task_id)
            .bind(signed(reached))
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE tasks SET first_seq = $2 WHERE id = $1")
            .bind(task_id)
            .bind(signed(reached))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(reached < wanted)
    }
}
