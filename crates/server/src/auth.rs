//! Who calls, and what they may.
//!
//! A caller shows a token: an access key made by `msgalaxy token create`, a
//! token signed by a configured issuer (JWT), or a share link. The
//! [`Authenticator`] turns it into a [`Principal`] or a [`Refusal`]; doors ask
//! the principal for scopes and for tasks that it sees, and nothing else.
//! docs/decisions/007-access.md says why it is so.

/// Who calls.
mod principal;
/// Why somebody is turned away.
mod refusal;
/// What a caller may do.
mod scope;

/// The text form of access keys.
pub mod key;
/// Signed tokens of an issuer.
pub mod jwt;
/// The keys that hold now.
pub mod ring;
/// Links that show one task.
pub mod share;

/// From a token to a principal.
mod authenticator;
/// What all doors ask.
mod admission;
/// Whether who is connected may stay.
mod standing;
/// Making and ending keys, for the operator.
pub mod desk;

pub(crate) use admission::{Admission, Pace};
pub use authenticator::{AuthError, Authenticator, bearer};
pub use principal::{Principal, Proof};
pub use refusal::Refusal;
pub use scope::{Scope, Scopes};
pub(crate) use standing::{Change, RefreshError, Standing};
