use std::fs::File;

use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AnyPool, Row, Transaction};

use super::{Dialect, Store, unreadable, unsigned};
use crate::access::AccessKey;

const COLUMNS: &str = "SELECT id, secret_hash, principal, scopes, created_ms, expires_ms, revoked_ms, used_ms \
     FROM access_keys";

/// The tables of keys and secrets.
pub(crate) struct AccessTables {
    pub(super) dialect: Dialect,
    pub(super) writer: AnyPool,
    pub(super) reader: AnyPool,
    /// Keeps an engine from taking a SQLite file meanwhile; `None` beside one
    /// that has it.
    pub(super) _lock: Option<File>,
}

impl AccessTables {
    /// Those of an open store.
    pub(crate) fn of(store: &Store) -> AccessTables {
        AccessTables {
            dialect: store.dialect,
            writer: store.writer.clone(),
            reader: store.reader.clone(),
            _lock: None,
        }
    }

    /// Adds a key unless there are `limit` usable ones (`None`) or its id is
    /// taken (`false`).
    pub(crate) async fn add(&self, key: &AccessKey, limit: usize) -> Result<Option<bool>, sqlx::Error> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "SELECT COUNT(*) FROM access_keys WHERE revoked_ms IS NULL \
             AND (expires_ms IS NULL OR expires_ms > $1)",
        )
        .bind(key.created_ms)
        .fetch_one(&mut *tx)
        .await?;
        if unsigned("COUNT(*)", row.try_get(0)?)? >= limit as u64 {
            return Ok(None);
        }
        let done = sqlx::query(
            "INSERT INTO access_keys (id, secret_hash, principal, scopes, created_ms, expires_ms) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&key.id)
        .bind(key.secret_hash.to_vec())
        .bind(&key.principal)
        .bind(&key.scopes)
        .bind(key.created_ms)
        .bind(key.expires_ms)
        .execute(&mut *tx)
        .await?;
        let added = done.rows_affected() > 0;
        if added {
            raise_revision(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(Some(added))
    }

    pub(crate) async fn key(&self, id: &str) -> Result<Option<AccessKey>, sqlx::Error> {
        let sql = self.dialect.sql(&format!("{COLUMNS} WHERE id = $1"));
        let row = sqlx::query(sql).bind(id).fetch_optional(&self.reader).await?;
        row.as_ref().map(key_of).transpose()
    }

    /// Newest first; those that are usable at a moment, or all.
    pub(crate) async fn keys(&self, usable_at_ms: Option<i64>) -> Result<Vec<AccessKey>, sqlx::Error> {
        let usable = match usable_at_ms {
            Some(_) => "WHERE revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $1)",
            None => "",
        };
        let sql = self.dialect.sql(&format!("{COLUMNS} {usable} ORDER BY created_ms DESC, id"));
        let mut query = sqlx::query(sql);
        if let Some(now_ms) = usable_at_ms {
            query = query.bind(now_ms);
        }
        query.fetch_all(&self.reader).await?.iter().map(key_of).collect()
    }

    pub(crate) async fn revoke(&self, id: &str, now_ms: i64) -> Result<(), sqlx::Error> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("UPDATE access_keys SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL")
            .bind(id)
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() > 0 {
            raise_revision(&mut tx).await?;
        }
        tx.commit().await
    }

    pub(crate) async fn revision(&self) -> Result<u64, sqlx::Error> {
        let text: String = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'access_revision'")
            .fetch_one(&self.reader)
            .await?;
        text.parse().map_err(|_| unreadable("meta.access_revision", text))
    }

    pub(crate) async fn note_uses(&self, uses: &[(String, i64)]) -> Result<(), sqlx::Error> {
        let mut tx = self.begin().await?;
        for (id, used_ms) in uses {
            sqlx::query(
                "UPDATE access_keys SET used_ms = $2 WHERE id = $1 AND (used_ms IS NULL OR used_ms < $2)",
            )
            .bind(id)
            .bind(*used_ms)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }

    pub(crate) async fn secret(&self, name: &str, candidate: &[u8; 32]) -> Result<[u8; 32], sqlx::Error> {
        const FIND: &str = "SELECT value FROM access_secrets WHERE name = $1";
        let found: Option<Vec<u8>> = sqlx::query_scalar(FIND).bind(name).fetch_optional(&self.reader).await?;
        let value = match found {
            Some(value) => value,
            None => {
                let mut tx = self.begin().await?;
                let done = sqlx::query(
                    "INSERT INTO access_secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                )
                .bind(name)
                .bind(candidate.to_vec())
                .execute(&mut *tx)
                .await?;
                if done.rows_affected() > 0 {
                    raise_revision(&mut tx).await?;
                }
                // Of several processes that have none, one has put its own there.
                let value: Vec<u8> = sqlx::query_scalar(FIND).bind(name).fetch_one(&mut *tx).await?;
                tx.commit().await?;
                value
            }
        };
        fixed("access_secrets.value", value)
    }

    pub(crate) async fn replace_secret(&self, name: &str, secret: &[u8; 32]) -> Result<(), sqlx::Error> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO access_secrets (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(secret.to_vec())
        .execute(&mut *tx)
        .await?;
        raise_revision(&mut tx).await?;
        tx.commit().await
    }

    /// Nobody is told of these changes, so they do not wait for a turn.
    async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        self.dialect.begin(&self.writer).await
    }
}

async fn raise_revision(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'access_revision'",
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn key_of(row: &AnyRow) -> Result<AccessKey, sqlx::Error> {
    Ok(AccessKey {
        id: row.try_get("id")?,
        secret_hash: fixed("access_keys.secret_hash", row.try_get("secret_hash")?)?,
        principal: row.try_get("principal")?,
        scopes: row.try_get("scopes")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        revoked_ms: row.try_get("revoked_ms")?,
        used_ms: row.try_get("used_ms")?,
    })
}

/// What stands there is a secret, so an error tells only its length.
fn fixed(what: &str, bytes: Vec<u8>) -> Result<[u8; 32], sqlx::Error> {
    let length = bytes.len();
    bytes.try_into().map_err(|_| unreadable(what, format_args!("{length} bytes instead of 32")))
}
