use std::fmt::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::Language;
use serde_json::Value;

use super::stream::{Address, Lost};
use crate::report::{self, printable};
use crate::{Exit, fail, print, say};

/// Steps of the bar.
const STEPS: f64 = 10_000.0;

/// The events as lines on standard output, for people or as JSON; a bar and
/// what befalls the connection on standard error.
pub(super) struct Screen {
    json: bool,
    language: Language,
    bar: ProgressBar,
    max_iterations: Option<u64>,
    is_lost: bool,
}

impl Screen {
    pub(super) fn new(json: bool) -> Screen {
        // Draws nothing when standard error is no terminal.
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(STEPS as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:32.cyan} {percent:>3}% {elapsed} {msg}") {
            bar.set_style(style);
        }
        Screen { json, language: report::language(), bar, max_iterations: None, is_lost: false }
    }

    /// Shows one event. The error is how the command ends: the task has ended,
    /// or nobody reads on.
    pub(super) fn show(&mut self, update: &Value) -> Result<(), Exit> {
        let data = &update["data"];
        if self.json {
            self.line(update)?;
        } else {
            match update["event_type"].as_str() {
                Some("status_change") => self.line(self.status(data))?,
                Some("progress") => self.progress(data),
                Some("iteration_complete") => self.line(self.iteration(data))?,
                Some("snapshot") => {
                    self.progress(&data["progress"]);
                    self.line(self.jump(data))?;
                }
                // The change of status that follows an `error` repeats it.
                _ => {}
            }
        }
        match (update["event_type"].as_str(), data["status"].as_str()) {
            (Some("status_change"), Some("completed")) => Err(Exit::Done),
            (Some("status_change"), Some("failed")) => Err(Exit::TaskFailed),
            (Some("status_change"), Some("cancelled")) => Err(Exit::TaskCancelled),
            _ => Ok(()),
        }
    }

    /// The connection is gone; said once until there is another.
    pub(super) fn lost(&mut self, lost: &Lost) {
        if !std::mem::replace(&mut self.is_lost, true) {
            self.aside(match self.language {
                Language::En => format!("the connection is lost ({lost}); trying again"),
                Language::Zh => format!("连接已断开（{lost}），正在重新连接"),
            });
        }
    }

    /// The subscription stands.
    pub(super) fn connected(&mut self) {
        if std::mem::take(&mut self.is_lost) {
            self.aside(match self.language {
                Language::En => "connected again",
                Language::Zh => "已重新连接",
            });
        }
    }

    /// The server could not even once be asked.
    pub(super) fn no_answer(&self, address: &Address, lost: &Lost) -> Exit {
        self.bar.suspend(|| match self.language {
            _ if lost.is_refused => fail(format_args!("{address}: {lost}")),
            Language::En => fail(format_args!("no MsGalaxy server at {address}: {lost}")),
            Language::Zh => fail(format_args!("{address} 没有 MsGalaxy 服务器: {lost}")),
        })
    }

    /// The user has seen enough.
    pub(super) fn interrupted(&self) {
        self.bar.finish_and_clear();
        say(match self.language {
            Language::En => "stopped watching; the task goes on",
            Language::Zh => "已停止观看；任务继续运行",
        });
    }

    fn line(&self, text: impl fmt::Display) -> Result<(), Exit> {
        self.bar.suspend(|| print(format!("{text}\n").as_bytes()))
    }

    fn aside(&self, text: impl fmt::Display) {
        self.bar.suspend(|| say(text));
    }

    fn progress(&mut self, data: &Value) {
        self.max_iterations = data["max_iterations"].as_u64().or(self.max_iterations);
        if let Some(percent) = data["progress_percent"].as_f64() {
            self.bar.set_position((percent / 100.0 * STEPS).clamp(0.0, STEPS) as u64);
        }
        if data["message"].is_string() {
            self.bar.set_message(match self.language {
                Language::En => "drawing images",
                Language::Zh => "正在绘制图片",
            });
        } else if let Some(done) = data["current_iteration"].as_u64() {
            self.bar.set_message(self.count(done));
        }
    }

    fn count(&self, done: u64) -> String {
        let of = self.max_iterations.map(|max| format!("/{max}")).unwrap_or_default();
        match self.language {
            Language::En => format!("iteration {done}{of}"),
            Language::Zh => format!("迭代 {done}{of}"),
        }
    }

    fn iteration(&self, data: &Value) -> String {
        let mut text = self.count(data["iteration"].as_u64().unwrap_or(0));
        text.push(':');
        let metrics = &data["metrics"];
        let names: [(&str, &str, &str, &str); 5] = [
            ("max_temp", "max", "最高温度", " degC"),
            ("min_clearance", "clearance", "间隙", " mm"),
            ("cg_offset", "CG offset", "质心偏移", " mm"),
            ("num_violations", "violations", "违规", ""),
            ("score", "score", "得分", ""),
        ];
        for (key, en, zh, unit) in names {
            // What there is none of (the clearance of a single component) is left out.
            let value = match &metrics[key] {
                Value::Number(number) if number.is_u64() => number.to_string(),
                value => match value.as_f64() {
                    Some(number) => format!("{number:.2}"),
                    None => continue,
                },
            };
            let name = if self.language == Language::Zh { zh } else { en };
            let _ = write!(text, "  {name} {value}{unit}");
        }
        text
    }

    fn status(&self, data: &Value) -> String {
        let mut text = self.status_word(&data["status"]);
        let result = &data["result"];
        if let Some(feasible) = result["feasible"].as_bool() {
            text.push_str(match (feasible, self.language) {
                (true, Language::En) => ": feasible",
                (false, Language::En) => ": NOT feasible",
                (true, Language::Zh) => "：可行",
                (false, Language::Zh) => "：不可行",
            });
        }
        if let Some(done) = result["final_iteration"].as_u64() {
            let _ = match self.language {
                Language::En => write!(text, ", {done} iterations"),
                Language::Zh => write!(text, "，{done} 次迭代"),
            };
        }
        if let Some(dir) = result["experiment_dir"].as_str() {
            let _ = match self.language {
                Language::En => write!(text, ", results in {}", printable(dir)),
                Language::Zh => write!(text, "，结果在 {}", printable(dir)),
            };
        }
        if let Some(error) = data["error"].as_str() {
            let _ = write!(text, ": {}", printable(error));
        }
        text
    }

    /// The task as it is, where its log cannot be resumed.
    fn jump(&self, task: &Value) -> String {
        let status = self.status_word(&task["status"]);
        let at =
            task["last_iteration"]["iteration"].as_u64().map(|done| self.count(done)).unwrap_or_default();
        match self.language {
            Language::En => format!("(events before this are no longer kept) {status} {at}"),
            Language::Zh => format!("（此前的事件已不再保留）{status} {at}"),
        }
    }

    fn status_word(&self, status: &Value) -> String {
        let status = status.as_str().unwrap_or_default();
        let zh = match status {
            "pending" => "等待中",
            "running" => "运行中",
            "paused" => "已暂停",
            "completed" => "已完成",
            "failed" => "失败",
            "cancelled" => "已取消",
            _ => return printable(status),
        };
        if self.language == Language::Zh { zh.to_owned() } else { status.to_owned() }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
