use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use model::Language;
use serde_json::json;
use server::auth::desk::{Desk, Error, Inspection, KeyInfo, KeyState};
use server::auth::key::KeyText;
use server::auth::{Scope, Scopes};

use crate::report::{language, printable};
use crate::{Exit, config, fail, say, write_out};

/// Subcommands of `msgalaxy token`. They work on the store itself, also while a
/// server runs on it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Makes an access key and prints it, this once
    Create {
        /// Who has it; tasks belong to names, so a second key of a name sees the same tasks
        #[arg(long)]
        name: String,
        /// What it allows: tasks:read, tasks:write, admin; several, or with commas
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// After which time it ends, such as 12h or 30d [default: never]
        #[arg(long, value_name = "TIME", value_parser = lifetime)]
        expires: Option<Duration>,
        #[command(flatten)]
        place: Place,
        /// Print the key and what is known of it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Lists the access keys; their secrets are not kept
    List {
        #[command(flatten)]
        place: Place,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Ends an access key at once, also for who is connected with it
    Revoke {
        /// Id of the key, or the whole key
        #[arg(required_unless_present = "share_links")]
        id: Option<String>,
        /// End all share links that were given out so far
        #[arg(long, conflicts_with = "id")]
        share_links: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Says what a token is and whether it holds; exit code 5 when it does not
    Inspect {
        /// The token; `-` reads it from standard input, where no list of processes shows it
        token: String,
        #[command(flatten)]
        place: Place,
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Where the store is.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Directory of the store [default: that of the environment or the settings file, or .]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Settings file (TOML) of the server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(command: &Command) -> Exit {
    let language = language();
    match command {
        Command::Create { name, scopes, expires, place, json } => {
            place.at_desk(Missing::Make, async |desk| {
                let (info, key) =
                    desk.create(name, scopes.iter().copied().collect::<Scopes>(), *expires).await?;
                Ok(created(&info, &key, *json, language))
            })
        }
        Command::List { place, json } => place.at_desk(Missing::Refuse, async |desk| {
            let keys = desk.list().await?;
            let text =
                if *json { format!("{:#}\n", json!({ "keys": keys })) } else { table(&keys, language) };
            Ok(write_out(text.as_bytes()))
        }),
        Command::Revoke { id: Some(id), place, .. } => place.at_desk(Missing::Refuse, async |desk| {
            let id = KeyText::parse(id).map_or_else(|| id.clone(), |key| key.id().to_owned());
            Ok(revoked(&id, desk.revoke(&id).await?.as_ref(), language))
        }),
        Command::Revoke { id: None, place, .. } => place.at_desk(Missing::Refuse, async |desk| {
            desk.revoke_share_links().await?;
            say(match language {
                Language::En => "all share links that were given out have ended",
                Language::Zh => "已发出的所有分享链接均已失效",
            });
            Ok(Exit::Done)
        }),
        Command::Inspect { token, place, json } => {
            let token = match read_token(token) {
                Ok(token) => token,
                Err(error) => return fail(format_args!("cannot read the token: {error}")),
            };
            place.at_desk(Missing::Refuse, async |desk| {
                Ok(inspected(desk.inspect(&token).await?.as_ref(), *json, language))
            })
        }
    }
}

/// What to do where there is no store.
enum Missing {
    Make,
    Refuse,
}

impl Place {
    fn at_desk(&self, missing: Missing, work: impl AsyncFnOnce(Desk) -> Result<Exit, Error>) -> Exit {
        let data_dir = match self.data_dir() {
            Ok(data_dir) => data_dir,
            Err(exit) => return exit,
        };
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(format_args!("cannot start: {error}")),
        };
        let outcome = runtime.block_on(async {
            let desk = match missing {
                Missing::Make => Desk::open(&data_dir).await?,
                Missing::Refuse => Desk::open_existing(&data_dir).await?,
            };
            work(desk).await
        });
        match outcome {
            Ok(exit) => exit,
            Err(error @ (Error::Name { .. } | Error::NoScope)) => {
                say(format_args!("error: {error}"));
                Exit::Usage
            }
            Err(error) => fail(error),
        }
    }

    fn data_dir(&self) -> Result<PathBuf, Exit> {
        match &self.data_dir {
            Some(data_dir) => Ok(data_dir.clone()),
            None => Ok(config::load(self.config.as_deref())?.data_dir),
        }
    }
}

/// The key alone goes to standard output, for whoever pipes it on.
fn created(info: &KeyInfo, key: &KeyText, as_json: bool, language: Language) -> Exit {
    if as_json {
        return write_out(format!("{:#}\n", json!({ "token": key.reveal(), "key": info })).as_bytes());
    }
    let exit = write_out(format!("{}\n", key.reveal()).as_bytes());
    let scopes = info.scopes.join(" ");
    let (id, name) = (&info.id, printable(&info.name));
    say(match (language, &info.expires_at) {
        (Language::En, Some(end)) => format!("key {id} of {name} allows {scopes} until {end}"),
        (Language::En, None) => format!("key {id} of {name} allows {scopes} until it is revoked"),
        (Language::Zh, Some(end)) => format!("密钥 {id} ({name}) 允许 {scopes}，有效期至 {end}"),
        (Language::Zh, None) => format!("密钥 {id} ({name}) 允许 {scopes}，撤销前一直有效"),
    });
    say(match language {
        Language::En => "keep it: it is not shown again",
        Language::Zh => "请妥善保存：不会再次显示",
    });
    exit
}

fn revoked(id: &str, key: Option<&KeyInfo>, language: Language) -> Exit {
    let id = printable(id);
    match (key, language) {
        (Some(key), language) => {
            let name = printable(&key.name);
            say(match language {
                Language::En => format!("key {id} of {name} has ended"),
                Language::Zh => format!("密钥 {id} ({name}) 已失效"),
            });
            Exit::Done
        }
        (None, Language::En) => fail(format_args!("there is no key {id}; `msgalaxy token list` shows all")),
        (None, Language::Zh) => fail(format_args!("没有密钥 {id}；`msgalaxy token list` 可列出全部密钥")),
    }
}

fn table(keys: &[KeyInfo], language: Language) -> String {
    let head = match language {
        Language::En => ["ID", "STATE", "CREATED", "EXPIRES", "LAST USED", "SCOPES", "NAME"],
        Language::Zh => ["ID", "状态", "创建", "到期", "最近使用", "权限", "名称"],
    };
    let time = |time: Option<&String>| time.map_or("-", |time| &time[..19]).to_owned();
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(keys.iter().map(|key| {
        [
            key.id.clone(),
            state(key.state, language).to_owned(),
            time(Some(&key.created_at)),
            time(key.expires_at.as_ref()),
            time(key.last_used_at.as_ref()),
            key.scopes.join(","),
            printable(&key.name).replace('\n', " "),
        ]
    }));
    let widths: Vec<usize> =
        (0..head.len()).map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, column) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(column - width(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Columns of a terminal that a text takes; Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|character| if character < '\u{1100}' { 1 } else { 2 }).sum()
}

fn state(state: KeyState, language: Language) -> &'static str {
    match (state, language) {
        (KeyState::Valid, Language::En) => "valid",
        (KeyState::Valid, Language::Zh) => "有效",
        (KeyState::Expired, Language::En) => "expired",
        (KeyState::Expired, Language::Zh) => "已过期",
        (KeyState::Revoked, Language::En) => "revoked",
        (KeyState::Revoked, Language::Zh) => "已撤销",
    }
}

fn inspected(inspection: Option<&Inspection>, as_json: bool, language: Language) -> Exit {
    let Some(inspection) = inspection else {
        say(match language {
            Language::En => "error: this is neither an access key nor a share link nor a JWT",
            Language::Zh => "错误：这不是访问密钥、分享链接或 JWT",
        });
        return Exit::InvalidInput;
    };
    let refused = match inspection {
        Inspection::AccessKey { refusal, .. } | Inspection::ShareLink { refusal, .. } => *refusal,
        Inspection::Jwt { .. } => None,
    };
    let written = if as_json {
        write_out(format!("{:#}\n", json!(inspection)).as_bytes())
    } else {
        write_out(described(inspection, language).as_bytes())
    };
    if written == Exit::Done && refused.is_some() { Exit::InvalidInput } else { written }
}

fn described(inspection: &Inspection, language: Language) -> String {
    let (what, verdict) = match (inspection, language) {
        (Inspection::AccessKey { refusal, .. }, Language::En) => ("access key", refusal.unwrap_or("valid")),
        (Inspection::AccessKey { refusal, .. }, Language::Zh) => ("访问密钥", refusal.unwrap_or("有效")),
        (Inspection::ShareLink { refusal, .. }, Language::En) => ("share link", refusal.unwrap_or("valid")),
        (Inspection::ShareLink { refusal, .. }, Language::Zh) => ("分享链接", refusal.unwrap_or("有效")),
        (Inspection::Jwt { .. }, Language::En) => ("JWT", "read, not checked"),
        (Inspection::Jwt { .. }, Language::Zh) => ("JWT", "仅读取，未验证"),
    };
    let mut text = format!("{what}: {verdict}\n");
    match inspection {
        Inspection::AccessKey { key, .. } => {
            if let Some(key) = key {
                text.push_str(&table(std::slice::from_ref(key), language));
            }
        }
        Inspection::ShareLink { task_id, expires_at, .. } => {
            for line in [task_id, expires_at].into_iter().flatten() {
                text.push_str(&format!("{line}\n"));
            }
        }
        Inspection::Jwt { header, claims } => text.push_str(&printable(&format!("{header:#}\n{claims:#}\n"))),
    }
    text
}

fn read_token(word: &str) -> std::io::Result<String> {
    const MOST: u64 = 1 << 16;
    if word != "-" {
        return Ok(word.to_owned());
    }
    let mut text = String::new();
    std::io::stdin().take(MOST).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

fn lifetime(text: &str) -> Result<Duration, String> {
    const YEARS_100_S: u64 = 100 * 365 * 86_400;
    let unit_s = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => 0,
    };
    let count = text.get(..text.len().saturating_sub(1)).and_then(|count| count.parse::<u64>().ok());
    count
        .and_then(|count| count.checked_mul(unit_s))
        .filter(|seconds| (1..=YEARS_100_S).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "allowed: a whole number above 0 with s, m, h or d, such as 12h or 30d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_with_a_unit() {
        for (text, seconds) in [("1s", 1), ("90m", 5400), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "d", "0d", "30", "-1d", "1.5h", "1w", "30 d", "99999999999999999999d", "40000d", "三d"]
        {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_table_stays_aligned_with_chinese_words_and_shows_no_control_characters() {
        let key = |name: &str, expires_at: Option<&str>| KeyInfo {
            id: "abcdefghij".to_owned(),
            name: name.to_owned(),
            scopes: vec!["admin"],
            state: KeyState::Valid,
            created_at: "2026-11-24T01:02:03.004+00:00".to_owned(),
            expires_at: expires_at.map(str::to_owned),
            revoked_at: None,
            last_used_at: None,
        };
        let keys = [key("李雷", Some("2026-12-24T01:02:03.004+00:00")), key("a\u{1b}[31m", None)];
        let text = table(&keys, Language::Zh);
        let lines: Vec<&str> = text.lines().collect();
        let column = |line: &str, word: &str| width(line.split(word).next().unwrap());
        assert_eq!(column(lines[0], "名称"), column(lines[1], "李雷"), "{text}");
        assert_eq!(column(lines[0], "名称"), column(lines[2], "a\\u"), "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("2026-12-24T01:02:03 "), "{text}");
    }
}
