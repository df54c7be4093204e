use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use serde_json::value::RawValue;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Connection, signed, unreadable};
use crate::event::{Event, EventDetail};

pub(super) async fn insert_detail(
    connection: &mut Connection,
    event: &Event,
    detail: &EventDetail,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO event_details (task_id, seq, value, attachments) VALUES ($1, $2, $3, $4)")
        .bind(&event.task_id)
        .bind(signed(event.seq))
        .bind(detail.value.get().to_owned())
        .bind(packed(&detail.attachments)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// The detail in a row that joins an event with it, if it has one.
pub(super) fn detail_of(row: &AnyRow) -> Result<Option<Arc<EventDetail>>, sqlx::Error> {
    let Some(value) = row.try_get::<Option<String>, _>("value")? else { return Ok(None) };
    let attachments: Vec<u8> = row.try_get("attachments")?;
    let attachments = unpacked(attachments.into())
        .ok_or_else(|| unreadable("event_details.attachments", "a length beyond the end"))?;
    let value = RawValue::from_string(value).map_err(|error| unreadable("event_details.value", error))?;
    Ok(Some(Arc::new(EventDetail { value, attachments })))
}

/// All attachments in one value: each with its length before it.
fn packed(attachments: &[Bytes]) -> Result<Vec<u8>, sqlx::Error> {
    let mut packed = Vec::with_capacity(attachments.iter().map(|bytes| 4 + bytes.len()).sum());
    for bytes in attachments {
        let length = u32::try_from(bytes.len()).map_err(|error| sqlx::Error::Encode(error.into()))?;
        packed.put_u32_le(length);
        packed.put_slice(bytes);
    }
    Ok(packed)
}

fn unpacked(mut packed: Bytes) -> Option<Vec<Bytes>> {
    let mut attachments = Vec::new();
    while !packed.is_empty() {
        let length = packed.try_get_u32_le().ok()? as usize;
        if length > packed.len() {
            return None;
        }
        attachments.push(packed.split_to(length));
    }
    Some(attachments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_come_back_as_they_were_and_a_cut_value_is_noticed() {
        for attachments in [vec![], vec![Bytes::new()], vec![Bytes::from_static(&[1, 2, 3]), Bytes::new()]] {
            let packed = packed(&attachments).unwrap();
            assert_eq!(unpacked(packed.into()), Some(attachments));
        }
        let whole = packed(&[Bytes::from_static(b"abc"), Bytes::from_static(b"defg")]).unwrap();
        for length in (1..whole.len()).filter(|length| *length != 7) {
            assert_eq!(unpacked(whole[..length].to_vec().into()), None, "{length} bytes");
        }
    }
}
