//! What every store must do. The scenarios know their store only by its
//! address; with `TASKS_TEST_POSTGRES` set they run on PostgreSQL.

mod access;
mod cancel;
mod lease;
mod life;
mod reading;
mod retention;
