//! What a caller may do, as a closed set.

use std::fmt;
use std::str::FromStr;

/// One kind of thing that a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Read and follow one's tasks.
    TasksRead,
    /// Make, change and remove one's tasks.
    TasksWrite,
    /// Everything, and the tasks of everybody.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Scope::TasksRead, Scope::TasksWrite, Scope::Admin];

    /// The name in keys and tokens.
    pub fn name(self) -> &'static str {
        match self {
            Scope::TasksRead => "tasks:read",
            Scope::TasksWrite => "tasks:write",
            Scope::Admin => "admin",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        Scope::from_name(text).ok_or_else(|| "allowed: tasks:read, tasks:write, admin".to_owned())
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// None.
    pub const NONE: Scopes = Scopes(0);

    /// The known ones among words between spaces. Issuers of tokens name others
    /// besides, which mean nothing here.
    pub fn from_words(words: &str) -> Scopes {
        words.split_ascii_whitespace().filter_map(Scope::from_name).collect()
    }

    /// Whether the set lets its holder do what `scope` stands for.
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }

    /// The scopes in the set.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

/// The names between spaces, which [`Scopes::from_words`] reads.
impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::name).collect();
        formatter.write_str(&names.join(" "))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scopes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_written_and_read_alike_and_knows_nothing_else() {
        for words in ["", "tasks:read", "tasks:read tasks:write", "admin", "tasks:read tasks:write admin"] {
            assert_eq!(Scopes::from_words(words).to_string(), words);
        }
        let mixed = Scopes::from_words("openid  tasks:write\tTASKS:READ tasks:read:all tasks");
        assert_eq!(mixed.to_string(), "tasks:write");
    }

    #[test]
    fn admin_may_everything_and_the_others_only_what_they_say() {
        let allowed = |words: &str| Scope::ALL.map(|scope| Scopes::from_words(words).allow(scope));
        assert_eq!(allowed(""), [false, false, false]);
        assert_eq!(allowed("tasks:read"), [true, false, false]);
        assert_eq!(allowed("tasks:write"), [false, true, false]);
        assert_eq!(allowed("admin"), [true, true, true]);
    }
}
