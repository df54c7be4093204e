//! Puts packets together: the text of one, then its attachments in order.

use bytes::Bytes;

use super::limits::PacketLimits;
use super::malformed::{Malformed, Reason};
use super::packet::{Packet, PacketKind};
use super::text;

/// The packet of one connection that is not whole yet.
#[derive(Debug)]
pub struct Assembler {
    limits: PacketLimits,
    state: State,
}

#[derive(Debug)]
enum State {
    Between,
    /// So many attachments and bytes are still wanted.
    Collecting {
        packet: Packet,
        missing: usize,
        bytes: usize,
    },
    /// Attachments of a packet that was refused.
    Discarding {
        left: u64,
    },
}

impl Assembler {
    /// Nothing collected yet.
    pub fn new(limits: PacketLimits) -> Assembler {
        Assembler { limits, state: State::Between }
    }

    /// What is wrong when a packet begins now: the one before may not be whole.
    /// It is given up.
    pub fn interrupt(&mut self) -> Option<Malformed> {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Collecting { packet, missing, .. } => {
                Some(refusal(packet, 0, Reason::MissingAttachments { missing }))
            }
            State::Between | State::Discarding { .. } => None,
        }
    }

    /// Takes a text message. Gives the packet if that was all of it.
    pub fn text(&mut self, text: &str) -> Result<Option<Packet>, Malformed> {
        if let Some(malformed) = self.interrupt() {
            return Err(malformed);
        }
        match text::decode(text, &self.limits) {
            Ok(header) if header.attachments == 0 => Ok(Some(header.packet)),
            Ok(header) => {
                self.state =
                    State::Collecting { packet: header.packet, missing: header.attachments, bytes: 0 };
                Ok(None)
            }
            Err(malformed) => {
                if malformed.attachments > 0 {
                    self.state = State::Discarding { left: malformed.attachments };
                }
                Err(malformed)
            }
        }
    }

    /// Takes a binary message. Gives the packet if that was the last of it.
    pub fn binary(&mut self, data: Bytes) -> Result<Option<Packet>, Malformed> {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Between => Err(Malformed::unaddressed(Reason::UnexpectedAttachment)),
            State::Discarding { left } => {
                if left > 1 {
                    self.state = State::Discarding { left: left - 1 };
                }
                Ok(None)
            }
            State::Collecting { mut packet, missing, bytes } => {
                let (found, allowed) = (bytes + data.len(), self.limits.attachment_bytes);
                let missing = missing - 1;
                if found > allowed {
                    let left = missing as u64;
                    if left > 0 {
                        self.state = State::Discarding { left };
                    }
                    return Err(refusal(packet, left, Reason::AttachmentBytes { found, allowed }));
                }
                packet.attachments.push(data);
                if missing == 0 {
                    return Ok(Some(packet));
                }
                self.state = State::Collecting { packet, missing, bytes: found };
                Ok(None)
            }
        }
    }
}

fn refusal(packet: Packet, attachments: u64, reason: Reason) -> Malformed {
    let id = packet.id.filter(|_| packet.kind == PacketKind::Event);
    Malformed { namespace: Some(packet.namespace), id, attachments, reason }
}
