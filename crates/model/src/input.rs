//! From bytes to a tree of values that know their place, and from there to
//! checked values. Shared by the BOM and the configuration.

/// JSON text to a tree.
pub(crate) mod json;
/// A tree of values with their line and column.
pub(crate) mod node;
/// Collects problems up to a limit.
pub(crate) mod problems;
/// Ranges that numbers must lie in.
pub(crate) mod number;
/// Reads the keys of a table, noting what is wrong with each.
pub(crate) mod table;
/// YAML text to a tree.
pub(crate) mod yaml;

pub(crate) use node::{Content, Node, Place};
pub(crate) use number::{CONTACT, EMISSIVITY, Number, PANEL_KT};
pub(crate) use problems::Problems;
pub(crate) use table::{Subject, Table};
