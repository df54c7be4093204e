//! `report.md`: the result in words and tables, English and Chinese in one.

/// The tables.
mod tables;

use model::{Layout, NOT_EVALUATED_YET, Problem, Satellite};
use physics::Evaluation;

use crate::directory::{IMAGE_DIR, LLM_DIR, SUMMARY_FILE, design_state_name};
use crate::evolution::EVOLUTION_FILE;
use crate::picture::IMAGE_NAMES;
use crate::run::RunSummary;

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    pub(crate) summary: &'a RunSummary,
    pub(crate) satellite: &'a Satellite,
    pub(crate) layout: &'a Layout,
    pub(crate) evaluation: &'a Evaluation,
    pub(crate) warnings: &'a [Problem],
    /// Whether images were drawn.
    pub(crate) images: bool,
}

/// The file's text.
pub(crate) fn write(report: &Report<'_>) -> String {
    let mut text = format!("# Optimization report 优化报告: {}\n\n", plain(&report.satellite.name));
    text += &overview(report);
    text += "\n## Constraints 约束\n\n";
    text += &tables::constraints(report);
    text += "\n## Components 组件\n\n";
    text += "Positions are centres in mm from the envelope's centre; temperatures are those of the hot case in °C; a margin is limit less \
             uncertainty less temperature. 位置为组件中心相对舱体包络中心的坐标（mm）；温度为热工况（°C）；裕度 = 限值 − 不确定度 − 温度。\n\n";
    text += &tables::components(report);
    text += "\n## Thermal world 热环境\n\n";
    text += &tables::thermal_world(report);
    text += "\n## Not evaluated yet 尚未评估\n\n";
    text += &not_evaluated(report.warnings);
    text += &input_warnings(report.warnings);
    text += "\n## Files 文件\n\n";
    text += &files(report);
    text
}

fn overview(report: &Report<'_>) -> String {
    let summary = report.summary;
    let (feasible_en, feasible_zh) = feasibility(report.evaluation);
    let lines = [
        ("Status 状态", summary.status.clone()),
        ("Feasible 可行", format!("{feasible_en} {feasible_zh}")),
        ("Final iteration 最终迭代", summary.final_iteration.to_string()),
        ("Stop reason 结束原因", stop_reason(&summary.stop_reason).to_owned()),
        ("Components 组件数", summary.num_components.to_string()),
        ("Seed 随机种子", summary.seed.to_string()),
        ("Score 评分", format!("{:.6} (lower is better 越低越好)", summary.score)),
        ("Model version 模型版本", report.evaluation.model_version.clone()),
        ("Written 生成时间", summary.timestamp.clone()),
        ("Directory 目录", format!("`{}`", summary.run_dir)),
        ("Notes 说明", summary.notes.clone()),
    ];
    lines.into_iter().map(|(name, value)| format!("- **{name}**: {value}\n")).collect()
}

/// Whether the layout is feasible, and what is wrong when it is not, in words.
fn feasibility(evaluation: &Evaluation) -> (String, String) {
    let broken: Vec<_> = evaluation.constraints.iter().filter(|constraint| !constraint.is_met()).collect();
    if broken.is_empty() {
        let count = evaluation.constraints.len();
        return (
            format!("yes, all {count} evaluated constraints are met."),
            format!("是，所评估的 {count} 项约束全部满足。"),
        );
    }
    let names = |language: fn(physics::ConstraintGroup) -> &'static str, separator: &str| {
        let named = broken
            .iter()
            .map(|constraint| format!("{} ({})", language(constraint.group), constraint.violations));
        named.collect::<Vec<_>>().join(separator)
    };
    let english = |group| tables::group_words(group).0;
    let chinese = |group| tables::group_words(group).1;
    (
        format!("**no**, violations of: {}.", names(english, ", ")),
        format!("**否**，违反：{}。", names(chinese, "、")),
    )
}

fn stop_reason(reason: &str) -> &str {
    match reason {
        "completed" => "completed: all iterations were done 已完成全部迭代",
        "converged" => "converged: feasible and no longer improving 已收敛",
        "stopped" => "stopped on request; this is the best layout so far 应请求停止，此为当前最优布局",
        other => other,
    }
}

fn not_evaluated(warnings: &[Problem]) -> String {
    let mut text = String::from(
        "- The cold case and heaters 冷工况与加热器\n\
         - Structure: stress, safety factor, natural frequencies 结构：应力、安全系数、固有频率\n\
         - Power over the orbit: battery, voltage drop, peak bus power 轨道能量：蓄电池、压降、峰值功率\n\
         - Harness length and fields of view 线缆长度与视场\n\
         - Transient temperatures and shadowing between components 瞬态温度与组件间遮挡\n",
    );
    let keys: Vec<&Problem> = warnings.iter().filter(|warning| warning.code == NOT_EVALUATED_YET).collect();
    if !keys.is_empty() {
        text += "\nOf this input 本次输入中:\n\n";
        text += &list(&keys);
    }
    text
}

fn input_warnings(warnings: &[Problem]) -> String {
    let others: Vec<&Problem> = warnings.iter().filter(|warning| warning.code != NOT_EVALUATED_YET).collect();
    if others.is_empty() {
        return String::new();
    }
    format!("\n## Remarks on the input 输入提示\n\n{}", list(&others))
}

fn list(problems: &[&Problem]) -> String {
    let line = |problem: &&Problem| {
        let place = if problem.pointer.is_empty() {
            String::new()
        } else {
            format!("`{}`: ", problem.pointer.replace('`', "'"))
        };
        format!("- {place}{} {}\n", plain(&problem.message_en), plain(&problem.message_zh))
    };
    problems.iter().map(line).collect()
}

fn files(report: &Report<'_>) -> String {
    let last = report.summary.final_iteration;
    let states = if last > 1 {
        format!("`{}` … `{}`", design_state_name(1), design_state_name(last))
    } else {
        format!("`{}`", design_state_name(last))
    };
    let [evolution, layout, heat] = IMAGE_NAMES;
    let mut rows = vec![
        (format!("`{EVOLUTION_FILE}`"), "headline numbers of every iteration 每次迭代的主要指标"),
        (states, "best layout after each iteration 每次迭代后的最优布局"),
        (format!("`{SUMMARY_FILE}`"), "this result for programs 供程序读取的结果"),
    ];
    if report.images {
        rows.extend([
            (format!("`{IMAGE_DIR}/{evolution}`"), "the search over its iterations 搜索过程"),
            (format!("`{IMAGE_DIR}/{layout}`"), "the layout in 3D 布局三维图"),
            (format!("`{IMAGE_DIR}/{heat}`"), "temperatures of the six panels 六块安装板的温度"),
        ]);
    }
    rows.push((format!("`{LLM_DIR}/`"), "empty: no language model took part 空：未使用语言模型"));
    let mut text = String::from("| file 文件 | content 内容 |\n| --- | --- |\n");
    for (name, content) in rows {
        text += &format!("| {name} | {content} |\n");
    }
    if !report.images {
        text += "\nThe configuration asks for no images. 按配置，本次不生成图像。\n";
    }
    text
}

/// Text of others as one line that has no meaning to Markdown.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' | '#' => {
                out.push('\\');
                out.push(character);
            }
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::case;

    fn summary(feasible: bool) -> RunSummary {
        RunSummary {
            status: "SUCCESS".into(),
            final_iteration: 20,
            timestamp: "2026-11-24T05:48:18.987+00:00".into(),
            run_dir: "experiments/run_20261124_054818_deadbeef".into(),
            notes: String::new(),
            feasible,
            num_components: 12,
            seed: 42,
            stop_reason: "completed".into(),
            score: 0.5,
            metrics: serde_json::Map::new(),
        }
    }

    #[test]
    fn the_report_says_everything_in_both_languages() {
        let mut case = case(12, [0.222, 0.0984, 0.36]);
        case.satellite.components[2].name = "pipe | <b>*x*</b>\nnext".into();
        let warning = Problem::warning(
            NOT_EVALUATED_YET,
            "heater 已读取，尚未评估",
            "heater is read and kept, but not evaluated yet",
        )
        .at("/components/0/heater");
        let report = Report {
            summary: &summary(true),
            satellite: &case.satellite,
            layout: &case.layout,
            evaluation: &case.evaluation,
            warnings: &[warning],
            images: true,
        };
        let text = write(&report);
        let expected = [
            "# Optimization report 优化报告: 试验星 demo-1\n",
            "yes, all 4 evaluated constraints are met. 是，所评估的 4 项约束全部满足。",
            "- **Seed 随机种子**: 42\n",
            "| clearance 间隙 | 10.00 mm | ≥ 5.00 mm | +5.00 mm |",
            "pipe \\| \\<b\\>\\*x\\*\\</b\\> next",
            "`/components/0/heater`: heater is read and kept, but not evaluated yet heater 已读取，尚未评估",
            "| emissivity inside 内表面发射率 | 0.8 |",
            "`design_state_iter_01.json` … `design_state_iter_20.json`",
            "`visualizations/thermal_heatmap.png`",
        ];
        for part in expected {
            assert!(text.contains(part), "{part}\n----\n{text}");
        }
        let rows = text.lines().filter(|line| {
            line.contains("| -X |") || line.contains("| +X |") || line.contains("Y |") || line.contains("Z |")
        });
        assert_eq!(rows.count(), 12);
        // Every table is rectangular.
        let mut columns = 0;
        for line in text.lines() {
            let found = line.replace("\\|", "").matches('|').count();
            assert!(columns == 0 || found == 0 || found == columns, "{line}");
            columns = found;
        }
    }

    #[test]
    fn what_is_violated_is_named() {
        let mut case = case(60, [1.2; 3]);
        case.evaluation.constraints[0].violations = 2;
        case.evaluation.constraints[0].margin = -0.001;
        let report = Report {
            summary: &summary(false),
            satellite: &case.satellite,
            layout: &case.layout,
            evaluation: &case.evaluation,
            warnings: &[],
            images: false,
        };
        let text = write(&report);
        assert!(text.contains("no images") && !text.contains(".png"), "{text}");
        let too_hot = case.evaluation.constraints[1].violations;
        assert!(
            text.contains(&format!("**no**, violations of: clearance (2), temperature ({too_hot}).")),
            "{text}"
        );
        assert!(text.contains(&format!("**否**，违反：间隙 (2)、温度 ({too_hot})。")), "{text}");
        assert!(text.contains("✗ violated 超限 (2)"), "{text}");
    }
}
